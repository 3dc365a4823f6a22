//! axum's WebSocket as the session's wire.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures_util::{Sink, Stream};
use messenger_chassis::http::Fragments;
use tungstenite::error::{CapacityError, Error as WsError};

use crate::domain::close::Close;
use crate::session::{Gone, Inbound, Outbound};

/// An open socket, and the frames on it that have ended no message, of which the library does not tell.
pub(super) struct Socket {
    socket: WebSocket,
    fragments: Fragments,
}

impl Socket {
    pub(super) fn new(socket: WebSocket, fragments: Fragments) -> Self {
        Self { socket, fragments }
    }
}

impl Stream for Socket {
    type Item = Result<Inbound, Close>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Before more is read: the library would go on through whatever has come.
        if self.fragments.take_one() {
            return Poll::Ready(Some(Ok(Inbound::Control)));
        }
        let next = match Pin::new(&mut self.socket).poll_next(cx) {
            Poll::Pending if self.fragments.take_one() => return Poll::Ready(Some(Ok(Inbound::Control))),
            next => next,
        };
        let item = match ready!(next) {
            Some(Ok(Message::Text(text))) => Some(Ok(Inbound::Text(text.into()))),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Some(Ok(Inbound::Control)),
            Some(Ok(Message::Binary(_))) => Some(Err(Close::Binary)),
            Some(Ok(Message::Close(_))) | None => None,
            Some(Err(error)) => verdict(error).map(Err),
        };
        Poll::Ready(item)
    }
}

/// What a bad frame is answered with; `None` when the connection is gone and nothing can be answered.
fn verdict(error: Error) -> Option<Close> {
    let error = error.into_inner();
    match error.downcast_ref::<WsError>()? {
        WsError::Capacity(CapacityError::MessageTooLong { .. }) => Some(Close::TooLarge),
        WsError::Utf8(_) => Some(Close::BadText),
        WsError::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => None,
        WsError::Capacity(_) | WsError::Protocol(_) => Some(Close::Protocol),
        _ => None,
    }
}

impl Sink<Outbound> for Socket {
    type Error = Gone;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Pin::new(&mut self.socket).poll_ready(cx).map_err(|_| Gone)
    }

    fn start_send(mut self: Pin<&mut Self>, item: Outbound) -> Result<(), Gone> {
        let message = match item {
            Outbound::Text(text) => Message::Text(Utf8Bytes::try_from(text).map_err(|_| Gone)?),
            Outbound::Ping => Message::Ping(Bytes::new()),
            Outbound::Close(reason) => Message::Close(Some(CloseFrame {
                code: reason.code(),
                reason: Utf8Bytes::from_static(reason.reason()),
            })),
        };
        Pin::new(&mut self.socket).start_send(message).map_err(|_| Gone)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(|_| Gone)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Pin::new(&mut self.socket).poll_close(cx).map_err(|_| Gone)
    }
}
