//! One WebSocket to a gateway: raw for odd frames, typed for everything else.
//!
//! [`RawConnection`] shows every frame as it comes. [`Connection`] pairs replies with requests and hands out
//! pushes; any number of [`Sender`] clones may have requests in flight. [`LeanConnection`] is typed too, and as small as a
//! socket can be. Nothing here reconnects: that is [`crate::session`].

mod close;
mod connection;
mod dial;
mod handshake;
mod lean;
mod pending;
mod raw;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use close::{Closed, Verdict};
pub use connection::{Connection, Sender};
pub use handshake::{ConnectError, Handshake};
pub use lean::LeanConnection;
pub use pending::Pending;
pub use raw::{Frame, FrameError, Io, RawConnection};

use crate::wire::{Malformed, Refusal};

/// Largest frame accepted from a server, in bytes: a page of 100 messages of 16 KiB, escaped.
const MAX_FRAME_BYTES: usize = 16 << 20;

/// Time a peer that has sent its close has to take ours before the socket is dropped.
const CLOSE_ECHO: Duration = Duration::from_secs(1);

/// Limits of one socket.
#[derive(Debug, Clone)]
pub struct Options {
    /// Time for TCP, TLS and the WebSocket handshake together.
    pub connect_timeout: Duration,
    /// Time from asking to reply in [`Sender::request`].
    pub request_timeout: Duration,
    /// Silence after which the peer is taken for dead; it is pinged after half of it.
    pub silence: Duration,
    /// Time for the closing handshake, then the socket is dropped.
    pub close_timeout: Duration,
    /// Requests that may wait for their reply at once; more wait for their turn.
    pub in_flight: usize,
    /// Pushes that may wait to be taken. When they are that many the socket is not read any more, which holds
    /// up replies too: whoever opens a connection must drain its pushes.
    pub push_queue: usize,
    /// Bytes of the read buffer: small where there are thousands of sockets.
    pub read_buffer: usize,
    /// Bytes that the kernel may hold for this socket before it is read; `None` leaves it to the kernel.
    pub receive_buffer: Option<u32>,
    /// A socket that is dropped is reset at once, as when its process is killed. Otherwise the kernel delivers first what
    /// was written.
    pub reset: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            silence: Duration::from_secs(60),
            close_timeout: Duration::from_secs(5),
            in_flight: 256,
            push_queue: 4096,
            read_buffer: 16 * 1024,
            receive_buffer: None,
            reset: false,
        }
    }
}

/// Why a request has no reply.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The server refused it; the socket lives on.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The socket closed first: whether the server acted is unknown.
    #[error("the connection closed: {0}")]
    Closed(Closed),
    /// No reply in time: whether the server acted is unknown.
    #[error("no reply within {0:?}")]
    TimedOut(Duration),
    /// The server answered something the contract does not allow.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The request could not be written as JSON.
    #[error("the request cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
}
