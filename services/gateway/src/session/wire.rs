//! What a session needs of a WebSocket.

use bytes::Bytes;
use futures_util::{Sink, Stream};

use crate::domain::close::Close;

/// What comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// A whole text message, UTF-8.
    Text(Bytes),
    /// A frame that is no message: a ping or pong, answered below, or a part of a message. A sign of life.
    Control,
}

/// What goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outbound {
    /// A text message, UTF-8.
    Text(Bytes),
    /// A ping.
    Ping,
    /// The closing frame.
    Close(Close),
}

/// The client cannot be reached any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// A WebSocket. An item that is an error is the reason to close it; the stream ends when the client has closed.
pub trait Wire: Stream<Item = Result<Inbound, Close>> + Sink<Outbound, Error = Gone> + Unpin + Send {}

impl<W> Wire for W where W: Stream<Item = Result<Inbound, Close>> + Sink<Outbound, Error = Gone> + Unpin + Send
{}
