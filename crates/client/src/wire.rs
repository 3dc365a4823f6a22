//! Frames of the WebSocket contract as types: what a client may ask, what it may be told. The documented dialect is here,
//! the second one in [`v2`].
//!
//! Pure translation between JSON text and values. It knows no socket, no time, and nothing of a service.

mod incoming;
mod push;
mod request;
pub mod v2;

#[cfg(test)]
mod tests;

pub use incoming::{Incoming, Refusal, Reply, decode};
pub use push::{Delivery, Push};
pub use request::{
    AddUserInGroup, Created, DialogMessage, Done, GroupMessage, LastMessage, LatestMessageDialog,
    LatestMessageGroup, LeaveGroup, ListLastMessage, MessageInGroup, NewGroup, PrivateMessage, Request, Sent,
    encode,
};

/// A reply that is a success but does not hold what its type promises.
#[derive(Debug, thiserror::Error)]
#[error("the reply to {request} {problem}")]
pub struct Malformed {
    /// Wire name of the request.
    pub request: &'static str,
    /// What is wrong with the reply, as the end of a sentence.
    pub problem: String,
}
