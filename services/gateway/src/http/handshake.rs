//! The handshake: refused with a status before the upgrade, or answered once the socket takes part in the delivery.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::header::{
    RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::socket::Socket;
use super::{Handshakes, refusal};
use crate::auth::{AuthError, Credentials, Identity, credentials};
use crate::delivery::Attachment;
use crate::dialect::Dialect;
use crate::domain::caller::Caller;
use crate::domain::command::Token;
use crate::domain::error::GatewayError;
use crate::domain::event::Author;
use crate::domain::greeting::Greeting;
use crate::domain::ids::UserId;
use crate::domain::sync::Sync;
use crate::session::{Opening, Renewal, Renewed, Session};

/// Seconds after which a client that found no room should come again.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// How long a handshake waits for accounts to say whether the user still is one.
const DIRECTORY_PATIENCE: Duration = Duration::from_millis(300);

/// `GET /` and `GET /ws`.
pub(super) async fn handshake(
    State(handshakes): State<Arc<Handshakes>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    match open(&handshakes, &headers, upgrade).await {
        Ok(response) | Err(response) => response,
    }
}

async fn open(
    handshakes: &Arc<Handshakes>,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Response> {
    if !headers.contains_key(UPGRADE) {
        return Err(upgrade_required());
    }
    let credentials = credentials(headers).map_err(unauthorized)?;
    // A crowd takes turns, so that the messages of those who are here are not last in a queue of handshakes.
    let _turn = handshakes.admission.turn().await.ok_or_else(busy)?;
    let identity =
        handshakes.verifier.verify(credentials.token, handshakes.clock.now()).map_err(unauthorized)?;
    let upgrade = upgrade.map_err(|rejection| not_a_handshake(&rejection))?;
    let place = Arc::clone(&handshakes.places).try_acquire_owned().map_err(|_| busy())?;
    let attach = handshakes.delivery.attach(identity.user, credentials.dialect);
    let (attached, gone) = tokio::join!(attach, is_gone(handshakes, identity.user));
    if gone {
        return Err(unauthorized(AuthError::Expired));
    }
    let attachment = attached.map_err(|error| {
        tracing::warn!(%error, "a socket was not attached");
        busy()
    })?;
    metrics::counter!("gateway_handshakes_total").increment(1);
    let opening = opening(handshakes, credentials.dialect, identity, &attachment);
    let joined = handshakes.tasks.token();
    let handshakes = Arc::clone(handshakes);
    let mut response = sized(upgrade, &handshakes).on_upgrade(move |socket| async move {
        // Counted until the session ends: as a place taken, and as work that a stop waits for.
        let _held = (place, joined);
        let messenger = Arc::clone(&handshakes.messenger);
        let config = handshakes.session;
        Session::new(Socket(socket), opening, attachment, messenger, handshakes, config).run().await;
    });
    echo(&mut response, &credentials);
    Ok(response)
}

/// Whether accounts says that the user is no more. Asked only for a user who is not in the cache, and not waited for
/// when accounts does not answer: the token is valid.
async fn is_gone(handshakes: &Handshakes, user: UserId) -> bool {
    let known = match handshakes.directory.peek(user) {
        Some(profile) => return profile.removed,
        None => timeout(DIRECTORY_PATIENCE, handshakes.directory.get(&[user])).await,
    };
    matches!(known, Ok(Ok(users)) if users.get(&user).is_none_or(|profile| profile.removed))
}

fn sized(upgrade: WebSocketUpgrade, handshakes: &Handshakes) -> WebSocketUpgrade {
    let sizes = handshakes.socket;
    upgrade
        .max_frame_size(sizes.frame_bytes)
        .max_message_size(sizes.frame_bytes)
        .read_buffer_size(sizes.read_buffer)
        .write_buffer_size(sizes.write_buffer)
        .max_write_buffer_size(sizes.max_write_buffer)
}

fn opening(
    handshakes: &Handshakes,
    dialect: Dialect,
    identity: Identity,
    attachment: &Attachment,
) -> Opening {
    let (now, session) = (handshakes.clock.now(), handshakes.session);
    let greeting = Greeting {
        connection: Uuid::new_v4().simple().to_string(),
        node: handshakes.node.clone(),
        user: identity.user,
        heartbeat_ms: u64::try_from(session.ping_after.as_millis()).unwrap_or(u64::MAX),
        sync: Sync(attachment.since()),
        server_time: now,
        expires_at: identity.expires_at,
        content_bytes: session.limits.content_bytes,
        frame_bytes: handshakes.socket.frame_bytes,
        in_flight: session.in_flight,
    };
    let expires_at = expiry(now, identity.expires_at);
    let claimed = Author { name: identity.name, email: identity.email };
    Opening { dialect, caller: Caller { user: identity.user, claimed }, greeting, expires_at }
}

/// A moment of the wall clock on the clock of the timers.
fn expiry(now: Timestamp, until: Timestamp) -> Instant {
    Instant::now() + Duration::try_from(until.duration_since(now)).unwrap_or_default()
}

impl Renewal for Handshakes {
    fn renew(&self, user: UserId, token: &Token) -> Result<Renewed, GatewayError> {
        let now = self.clock.now();
        let identity = self.verifier.verify(&token.0, now).map_err(|error| match error {
            AuthError::NoKeys => GatewayError::Unavailable,
            _ => GatewayError::Unauthorized,
        })?;
        if identity.user != user {
            return Err(GatewayError::Unauthorized);
        }
        Ok(Renewed { until: identity.expires_at, expires_at: expiry(now, identity.expires_at) })
    }
}

/// A browser closes a socket whose answer does not name one of the subprotocols that it offered.
fn echo(response: &mut Response, credentials: &Credentials<'_>) {
    if let Some(name) = credentials.subprotocol {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
    }
}

fn unauthorized(error: AuthError) -> Response {
    metrics::counter!("gateway_handshakes_refused_total", "reason" => error.label()).increment(1);
    match error {
        AuthError::NoKeys => busy(),
        AuthError::UnsupportedProtocol => refusal(
            StatusCode::BAD_REQUEST,
            "unsupported_protocol",
            "None of these subprotocols is spoken here",
        ),
        _ => {
            let mut response = refusal(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized");
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
    }
}

fn upgrade_required() -> Response {
    let text = "This is a WebSocket: connect with an upgrade";
    let mut response = refusal(StatusCode::UPGRADE_REQUIRED, "upgrade_required", text);
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response
}

fn not_a_handshake(rejection: &WebSocketUpgradeRejection) -> Response {
    if matches!(rejection, WebSocketUpgradeRejection::InvalidWebSocketVersionHeader(_)) {
        let mut response =
            refusal(StatusCode::UPGRADE_REQUIRED, "upgrade_required", "Only version 13 is spoken");
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return response;
    }
    refusal(StatusCode::BAD_REQUEST, "bad_handshake", "Not a WebSocket handshake")
}

fn busy() -> Response {
    let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Try again later");
    response.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
    response
}
