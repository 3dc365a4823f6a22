//! A WebSocket without any meaning: every frame, the odd ones too.

use std::fmt;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::header::SEC_WEBSOCKET_PROTOCOL;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::dial::dial;
use super::{CLOSE_ECHO, Closed, ConnectError, Handshake, MAX_FRAME_BYTES, Options};

/// Bytes that are collected before a write.
const WRITE_BUFFER_BYTES: usize = 16 * 1024;

/// A byte stream a WebSocket may run over.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// The WebSocket below both levels.
pub(super) type Stream = WebSocketStream<MaybeTlsStream<Box<dyn Io>>>;

/// A frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Text, any text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A ping; the pong goes out by itself with the next read or write.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// The end; every later read gives it again.
    Closed(Closed),
}

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Nothing came in time.
    #[error("no frame within {0:?}")]
    TimedOut(Duration),
    /// The frame could not be written.
    #[error("cannot send: {0}")]
    Unsent(#[source] Box<Error>),
}

/// A WebSocket that interprets nothing but the closing handshake.
pub struct RawConnection {
    pub(super) stream: Stream,
    subprotocol: Option<String>,
    closed: Option<Closed>,
}

impl RawConnection {
    /// Connects over TCP, and TLS for `wss://`.
    ///
    /// # Errors
    /// [`ConnectError`], which tells an HTTP answer from a network failure.
    pub async fn open(handshake: &Handshake, options: &Options) -> Result<Self, ConnectError> {
        let endpoint = handshake.endpoint()?;
        let open = async {
            let tcp = dial(endpoint, options).await.map_err(ConnectError::network)?;
            Self::handshake(tcp, handshake, options).await
        };
        within(options.connect_timeout, open).await
    }

    /// Performs the handshake over a byte stream that is connected already.
    ///
    /// # Errors
    /// As [`RawConnection::open`].
    pub async fn over(
        stream: impl Io + 'static,
        handshake: &Handshake,
        options: &Options,
    ) -> Result<Self, ConnectError> {
        within(options.connect_timeout, Self::handshake(stream, handshake, options)).await
    }

    async fn handshake(
        stream: impl Io + 'static,
        handshake: &Handshake,
        options: &Options,
    ) -> Result<Self, ConnectError> {
        let stream: Box<dyn Io> = Box::new(stream);
        let config = WebSocketConfig::default()
            .read_buffer_size(options.read_buffer)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .max_write_buffer_size(2 * MAX_FRAME_BYTES)
            .max_message_size(Some(MAX_FRAME_BYTES))
            .max_frame_size(Some(MAX_FRAME_BYTES));
        let opened = client_async_tls_with_config(handshake.request()?, stream, Some(config), None).await;
        let (stream, response) = opened.map_err(ConnectError::of)?;
        let subprotocol = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
        let subprotocol = subprotocol.and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Self { stream, subprotocol, closed: None })
    }

    /// The subprotocol the server chose.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Sends a text frame, whatever it says.
    ///
    /// # Errors
    /// [`FrameError::Unsent`], for this and the other sending methods, when the socket cannot take it.
    pub async fn send_text(&mut self, text: impl Into<String>) -> Result<(), FrameError> {
        self.send(Message::text(text.into())).await
    }

    /// Sends a binary frame.
    ///
    /// # Errors
    /// As [`RawConnection::send_text`].
    pub async fn send_binary(&mut self, bytes: Vec<u8>) -> Result<(), FrameError> {
        self.send(Message::binary(bytes)).await
    }

    /// Sends a ping of at most 125 bytes.
    ///
    /// # Errors
    /// As [`RawConnection::send_text`].
    pub async fn send_ping(&mut self, bytes: Vec<u8>) -> Result<(), FrameError> {
        self.send(Message::Ping(bytes.into())).await
    }

    /// Begins the closing handshake; the peer's answer is the next [`Frame::Closed`].
    ///
    /// # Errors
    /// As [`RawConnection::send_text`].
    pub async fn send_close(&mut self, code: u16, reason: &str) -> Result<(), FrameError> {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.send(Message::Close(Some(frame))).await
    }

    async fn send(&mut self, message: Message) -> Result<(), FrameError> {
        self.stream.send(message).await.map_err(|error| FrameError::Unsent(Box::new(error)))
    }

    /// The next frame.
    ///
    /// # Errors
    /// [`FrameError::TimedOut`] when none comes within `limit`; nothing is lost by that.
    pub async fn next_frame(&mut self, limit: Duration) -> Result<Frame, FrameError> {
        timeout(limit, self.frame()).await.map_err(|_| FrameError::TimedOut(limit))
    }

    /// The next frame, however long it takes. Cancel safe.
    pub async fn frame(&mut self) -> Frame {
        if let Some(closed) = &self.closed {
            return Frame::Closed(closed.clone());
        }
        loop {
            let closed = match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Frame::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(bytes))) => return Frame::Binary(bytes.to_vec()),
                Some(Ok(Message::Ping(bytes))) => return Frame::Ping(bytes.to_vec()),
                Some(Ok(Message::Pong(bytes))) => return Frame::Pong(bytes.to_vec()),
                Some(Ok(Message::Close(frame))) => Closed::by_peer(frame),
                // Only writing makes raw frames; reading never yields one.
                Some(Ok(Message::Frame(_))) => continue,
                Some(Err(error)) => Closed::broken(error),
                None => Closed::broken("the connection ended"),
            };
            self.closed = Some(closed.clone());
            // Reading on sends our half of the closing handshake; what comes of it changes nothing.
            let _ = timeout(CLOSE_ECHO, self.stream.next()).await;
            return Frame::Closed(closed);
        }
    }

    /// Reads on until the end, passing over all frames; each must come within `limit`.
    ///
    /// # Errors
    /// [`FrameError::TimedOut`] when the peer neither closes nor says anything.
    pub async fn close_code(&mut self, limit: Duration) -> Result<Option<u16>, FrameError> {
        loop {
            if let Frame::Closed(closed) = self.next_frame(limit).await? {
                return Ok(closed.code);
            }
        }
    }
}

async fn within<T>(
    limit: Duration,
    open: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    timeout(limit, open).await.unwrap_or(Err(ConnectError::TimedOut(limit)))
}

impl fmt::Debug for RawConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawConnection").field("closed", &self.closed).finish_non_exhaustive()
    }
}
