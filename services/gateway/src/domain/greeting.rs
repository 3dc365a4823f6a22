//! What a socket is told when it opens.

use jiff::Timestamp;

use super::ids::UserId;
use super::sync::{Epoch, Sync};

/// The facts of a connection that its client can make use of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// Names this connection in logs.
    pub connection: String,
    /// The replica.
    pub node: String,
    /// Whose token it is.
    pub user: UserId,
    /// Milliseconds of silence after which the server pings.
    pub heartbeat_ms: u64,
    /// The life of the log.
    pub epoch: Epoch,
    /// The mark to resume from, once this connection is resumed itself.
    pub sync: Sync,
    /// The replica's clock.
    pub server_time: Timestamp,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// Bytes of a message at most.
    pub content_bytes: usize,
    /// Bytes of a frame at most.
    pub frame_bytes: usize,
    /// Requests in flight at most; past them the socket is not read.
    pub in_flight: usize,
}
