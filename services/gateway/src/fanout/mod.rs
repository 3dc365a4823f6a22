//! The doorbell between replicas: at most once, never waited for. Nothing may depend on it but speed.
//!
//! Knows no hub and no database. What it hears it hands to a [`Listener`].

mod bundle;
mod channel;
mod interest;
mod redis;
mod ring;

pub use channel::Channel;
pub use redis::{Driver, RedisBus, RedisConfig};
pub use ring::Rung;

use crate::domain::event::{Event, Watermark};
use crate::domain::ids::UserId;

/// How rings leave and interest is told.
pub trait Bus: Send + Sync + 'static {
    /// Rings for a committed event on these channels. `trace` is the W3C `traceparent` of its cause, if that is traced.
    /// Dropped (and counted) when the bus has no room or no connection.
    fn ring(&self, channels: &[Channel], event: &Event, trace: Option<&str>);
    /// Rings for a watermark, as [`Bus::ring`] does for an event.
    fn ring_watermark(&self, channels: &[Channel], watermark: &Watermark);
    /// Counts one more reason to listen to the channel.
    fn join(&self, channel: Channel);
    /// Counts one reason less. The last one ends the subscription a while later, unless a new one comes before.
    fn leave(&self, channel: Channel);
    /// Whether rings are known to arrive right now.
    fn is_healthy(&self) -> bool;
}

/// Who hears what arrives. Called on the connection's own task: must not block.
pub trait Listener: Send + Sync + 'static {
    /// Another replica rang.
    fn rang(&self, rung: Rung, trace: Option<Box<str>>);
    /// A user's name or e-mail changed, or (`removed`) the account is gone.
    fn user_changed(&self, user: UserId, removed: bool);
    /// The subscriptions were interrupted: rings may have been missed.
    fn interrupted(&self);
}
