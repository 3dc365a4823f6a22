//! A typed socket without a task and without queues, for those who hold tens of thousands: whoever owns it drives it.

use std::time::Duration;

use tokio::time::timeout;

use super::raw::RawConnection;
use super::{Closed, ConnectError, Frame, Handshake, Options, RequestError};
use crate::wire::{Incoming, Push, Request, decode, encode};

/// One request at a time, and one owner. Pings are answered while the owner waits in [`LeanConnection::recv`] or for a
/// reply: a socket that nobody waits on is dead to its peer after a while.
#[derive(Debug)]
pub struct LeanConnection {
    raw: RawConnection,
    request_timeout: Duration,
    last_id: u64,
}

impl LeanConnection {
    /// Bytes of the read buffer that such a socket should have: see [`Options::read_buffer`].
    pub const READ_BUFFER: usize = 1024;

    /// Connects.
    ///
    /// # Errors
    /// [`ConnectError`], which tells an HTTP answer from a network failure.
    pub async fn open(handshake: &Handshake, options: &Options) -> Result<Self, ConnectError> {
        Ok(Self::start(RawConnection::open(handshake, options).await?, options))
    }

    /// Gives an open raw connection its meaning.
    #[must_use]
    pub fn start(raw: RawConnection, options: &Options) -> Self {
        Self { raw, request_timeout: options.request_timeout, last_id: 0 }
    }

    /// The next push. Replies that nobody waits for any more are passed over. Cancel safe.
    ///
    /// # Errors
    /// [`Closed`]: the end of the socket.
    pub async fn recv(&mut self) -> Result<Push, Closed> {
        loop {
            if let Incoming::Push(push) = self.next().await? {
                return Ok(push);
            }
        }
    }

    /// Asks and waits for the reply, at most [`Options::request_timeout`]. Pushes that come before it are lost.
    ///
    /// # Errors
    /// [`RequestError`]: refused, or without an answer.
    pub async fn request<R: Request>(&mut self, request: &R) -> Result<R::Reply, RequestError> {
        let limit = self.request_timeout;
        timeout(limit, self.ask(request)).await.unwrap_or(Err(RequestError::TimedOut(limit)))
    }

    async fn ask<R: Request>(&mut self, request: &R) -> Result<R::Reply, RequestError> {
        self.last_id += 1;
        let frame = encode(self.last_id, request)?;
        self.raw.send_text(frame).await.map_err(|error| RequestError::Closed(Closed::broken(error)))?;
        loop {
            match self.next().await.map_err(RequestError::Closed)? {
                Incoming::Reply(Some(id), reply) if id == self.last_id => return Ok(R::read(reply)?),
                Incoming::Refusal(Some(id), refusal) if id == self.last_id => return Err(refusal.into()),
                // Pushes, and what was given up waiting for.
                _ => {}
            }
        }
    }

    async fn next(&mut self) -> Result<Incoming, Closed> {
        loop {
            match self.raw.frame().await {
                Frame::Text(text) => return Ok(decode(&text)),
                Frame::Binary(bytes) => {
                    return Ok(Incoming::Push(Push::Unknown(String::from_utf8_lossy(&bytes).into_owned())));
                }
                Frame::Ping(_) | Frame::Pong(_) => {}
                Frame::Closed(closed) => return Err(closed),
            }
        }
    }
}
