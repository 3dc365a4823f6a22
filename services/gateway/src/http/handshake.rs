//! The handshake: refused with a status before the upgrade, or answered once the socket takes part in the delivery.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::header::{
    CONTENT_LENGTH, RETRY_AFTER, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use messenger_chassis::http::Fragments;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::socket::Socket;
use super::{Handshakes, refusal};
use crate::auth::{AuthError, Credentials, Identity, credentials};
use crate::delivery::{Attachment, NotAttached};
use crate::dialect::Dialect;
use crate::domain::caller::Caller;
use crate::domain::command::Token;
use crate::domain::error::GatewayError;
use crate::domain::event::Author;
use crate::domain::greeting::Greeting;
use crate::domain::ids::{SessionId, UserId};
use crate::session::{Opening, Renewal, Renewed, Session};

/// Seconds after which a client that found no room should come again.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");
/// After which one should that has taken too much of it: longer.
const RETRY: Duration = Duration::from_secs(30);

/// How long a handshake waits for accounts to say whether the user still is one.
const DIRECTORY_PATIENCE: Duration = Duration::from_millis(300);

/// `GET /` and `GET /ws`.
pub(super) async fn handshake(
    State(handshakes): State<Arc<Handshakes>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(fragments): Extension<Fragments>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    match open(&handshakes, peer, fragments, &headers, upgrade).await {
        Ok(response) | Err(response) => response,
    }
}

async fn open(
    handshakes: &Arc<Handshakes>,
    peer: SocketAddr,
    fragments: Fragments,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Response> {
    if !headers.contains_key(UPGRADE) {
        return Err(upgrade_required());
    }
    if !handshakes.origins.allow(headers) {
        return Err(forbidden_origin());
    }
    let address = handshakes.visitors.address(peer, headers);
    if let Some(wait) = handshakes.visitors.is_shut_out(address, Instant::now()) {
        return Err(too_many("rate_limited", "Too many bad tokens come from your address", wait));
    }
    let stranger = |error| {
        if error != AuthError::NoKeys {
            handshakes.visitors.refused(address, Instant::now());
        }
        unauthorized(error)
    };
    let credentials = credentials(headers).map_err(stranger)?;
    if !*handshakes.endings.borrow() {
        return Err(busy());
    }
    // A crowd takes turns, so that the messages of those who are here are not last in a queue of handshakes.
    let _turn = handshakes.admission.turn().await.ok_or_else(busy)?;
    let identity = handshakes.verifier.verify(credentials.token, handshakes.clock.now()).map_err(stranger)?;
    let upgrade = upgrade.map_err(|rejection| not_a_handshake(&rejection))?;
    if has_body(headers) || !has_whole_key(headers) {
        return Err(bad_handshake());
    }
    handshakes
        .visitors
        .welcome(identity.user, Instant::now())
        .map_err(|wait| too_many("rate_limited", "You connect too often", wait))?;
    let of_address = handshakes.visitors.place(address).ok_or_else(|| {
        too_many("too_many_connections", "Too many sockets are open from your address", RETRY)
    })?;
    let place = Arc::clone(&handshakes.places).try_acquire_owned().map_err(|_| busy())?;
    let attach = handshakes.delivery.attach(identity.user, identity.session, credentials.dialect);
    let (attached, gone) = tokio::join!(attach, is_gone(handshakes, identity.user));
    if gone {
        return Err(unauthorized(AuthError::Ended));
    }
    let attachment = attached.map_err(not_attached)?;
    metrics::counter!("gateway_handshakes_total").increment(1);
    let opening = opening(handshakes, credentials.dialect, identity, &attachment);
    let joined = handshakes.tasks.token();
    let handshakes = Arc::clone(handshakes);
    let mut response = sized(upgrade, &handshakes).on_upgrade(move |socket| async move {
        // Counted until the session ends: as a place taken, and as work that a stop waits for.
        let _held = (place, of_address, joined);
        let messenger = Arc::clone(&handshakes.messenger);
        let config = handshakes.session;
        let socket = Socket::new(socket, fragments);
        Session::new(socket, opening, attachment, messenger, handshakes, config).run().await;
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
        epoch: attachment.epoch(),
        sync: attachment.since(),
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
    fn renew(&self, user: UserId, session: SessionId, token: &Token) -> Result<Renewed, GatewayError> {
        let now = self.clock.now();
        let identity = self.verifier.verify(&token.0, now).map_err(|error| match error {
            AuthError::NoKeys => GatewayError::Unavailable,
            _ => GatewayError::Unauthorized,
        })?;
        if (identity.user, identity.session) != (user, session) {
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

fn not_attached(error: NotAttached) -> Response {
    match error {
        NotAttached::SessionEnded => unauthorized(AuthError::Ended),
        NotAttached::Unavailable(error) => {
            tracing::warn!(%error, "a socket was not attached");
            busy()
        }
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
    bad_handshake()
}

fn bad_handshake() -> Response {
    refusal(StatusCode::BAD_REQUEST, "bad_handshake", "Not a WebSocket handshake")
}

/// A handshake has no body, and whoever sends one may want its bytes to be taken for another request.
fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH);
    headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

/// 16 bytes in base64 (RFC 6455 section 4.1), once.
fn has_whole_key(headers: &HeaderMap) -> bool {
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else { return false };
    let Some(digits) = key.as_bytes().strip_suffix(b"==") else { return false };
    digits.len() == 22
        && digits.iter().all(|digit| digit.is_ascii_alphanumeric() || matches!(digit, b'+' | b'/'))
}

fn forbidden_origin() -> Response {
    metrics::counter!("gateway_handshakes_refused_total", "reason" => "forbidden_origin").increment(1);
    refusal(StatusCode::FORBIDDEN, "forbidden_origin", "Pages of this origin may not connect")
}

fn too_many(code: &'static str, message: &str, wait: Duration) -> Response {
    metrics::counter!("gateway_handshakes_refused_total", "reason" => code).increment(1);
    let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, code, message);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    response
}

fn busy() -> Response {
    let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Try again later");
    response.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
    response
}
