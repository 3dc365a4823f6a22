//! The doorbell between replicas: at most once, never waited for. Nothing may depend on it but speed.
//!
//! Knows no hub and no database. What it hears it hands to a [`Listener`].

mod arrivals;
mod bundle;
mod channel;
mod config;
mod heard;
mod interest;
mod links;
mod partition;
mod redis;
mod ring;
mod rings;
mod subscriptions;

pub use channel::Channel;
pub use config::RedisConfig;
pub use redis::{Driver, RedisBus};
pub use ring::{Rung, from_ring};

use crate::domain::event::{Event, Watermark};
use crate::domain::ids::{SessionId, UserId};

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

/// What accounts tells of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserChange {
    /// Whose name or e-mail changed, or of whom the rest is said.
    pub user: UserId,
    /// The account is gone.
    pub removed: bool,
    /// Sessions of the user that have ended.
    pub ended: Vec<SessionId>,
}

/// Who hears what arrives. Called on the connection's own task: must not block.
pub trait Listener: Send + Sync + 'static {
    /// Another replica rang.
    fn rang(&self, rung: Rung, trace: Option<Box<str>>);
    /// Accounts says that a user has changed.
    fn user_changed(&self, change: UserChange);
    /// The subscriptions were interrupted: rings may have been missed.
    fn interrupted(&self);
}
