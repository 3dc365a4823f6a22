//! axum's WebSocket as the session's wire.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures_util::{Sink, Stream};
use tungstenite::error::{CapacityError, Error as WsError};

use crate::domain::close::Close;
use crate::session::{Gone, Inbound, Outbound};

/// An open socket.
pub(super) struct Socket(pub(super) WebSocket);

impl Stream for Socket {
    type Item = Result<Inbound, Close>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = match ready!(Pin::new(&mut self.0).poll_next(cx)) {
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
        Pin::new(&mut self.0).poll_ready(cx).map_err(|_| Gone)
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
        Pin::new(&mut self.0).start_send(message).map_err(|_| Gone)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Pin::new(&mut self.0).poll_flush(cx).map_err(|_| Gone)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Pin::new(&mut self.0).poll_close(cx).map_err(|_| Gone)
    }
}
