//! The public listener: the handshake, and nothing else.

mod admission;
mod handshake;
mod socket;
mod visitors;

pub use admission::{Admission, AdmissionConfig};
pub use visitors::{VisitorLimits, Visitors};

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use messenger_chassis::clock::Clock;
use messenger_chassis::lifecycle::Tasks;
use messenger_chassis::origins::Origins;
use serde_json::json;
use tokio::sync::{Semaphore, watch};
use tower_http::catch_panic::CatchPanicLayer;

use crate::auth::TokenVerifier;
use crate::delivery::Delivery;
use crate::directory::Directory;
use crate::session::SessionConfig;
use crate::usecase::Messenger;

/// Sizes of a socket.
#[derive(Debug, Clone, Copy)]
pub struct SocketConfig {
    /// Bytes of a frame and of a whole message.
    pub frame_bytes: usize,
    /// Bytes read from the kernel at once; kept per socket.
    pub read_buffer: usize,
    /// Bytes collected before they are written; kept per socket.
    pub write_buffer: usize,
    /// Bytes that may wait for a client that reads slowly, beside its outbox.
    pub max_write_buffer: usize,
}

/// What a handshake needs.
pub struct Handshakes {
    /// Pages from which browsers may come.
    pub origins: Origins,
    /// Who has come from where.
    pub visitors: Visitors,
    /// Turns of those who come at once.
    pub admission: Admission,
    /// Checks tokens.
    pub verifier: Arc<TokenVerifier>,
    /// Knows removed users.
    pub directory: Arc<dyn Directory>,
    /// Whether it is known which sessions have ended.
    pub endings: watch::Receiver<bool>,
    /// Attaches sockets.
    pub delivery: Arc<Delivery>,
    /// Runs commands.
    pub messenger: Arc<Messenger>,
    /// Places for sockets.
    pub places: Arc<Semaphore>,
    /// Sizes.
    pub socket: SocketConfig,
    /// Times.
    pub session: SessionConfig,
    /// Tells when a token ends.
    pub clock: Arc<dyn Clock>,
    /// This replica's name.
    pub node: String,
    /// Counts sockets among what is joined at the stop.
    pub tasks: Tasks,
}

impl std::fmt::Debug for Handshakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshakes").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// The routes of the public listener.
pub fn router(handshakes: Arc<Handshakes>) -> Router {
    Router::new()
        .route("/", get(handshake::handshake))
        .route("/ws", get(handshake::handshake))
        .with_state(handshakes)
        .fallback(async || refusal(StatusCode::NOT_FOUND, "not_found", "There is nothing here"))
        .method_not_allowed_fallback(async || {
            refusal(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Only GET is answered here")
        })
        .layer(middleware::from_fn(messenger_chassis::http::trace))
        .layer(CatchPanicLayer::custom(|_| {
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error")
        }))
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "message": message, "code": code }))).into_response()
}
