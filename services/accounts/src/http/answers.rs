//! Bodies as they go out.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{Device, FieldError, User};
use crate::usecase::LoggedIn;

/// A new user.
#[derive(Serialize, ToSchema)]
pub(super) struct SignedUp {
    pub(super) message: &'static str,
    pub(super) id: i64,
}

/// A log-in, or a refresh of it. Send the token as `Authorization: Bearer <token>`, also in the WebSocket handshake, and
/// the refresh token to `/auth/refresh`, which takes each once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogInAnswer {
    message: &'static str,
    /// Access token (JWT).
    token: String,
    /// What the next token is had for.
    refresh_token: String,
    /// Seconds until the token expires.
    expires_in: u64,
    id: i64,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
}

impl From<LoggedIn> for LogInAnswer {
    fn from(LoggedIn { user, token, refresh_token, expires_in }: LoggedIn) -> Self {
        Self {
            message: "You are logged in",
            token,
            refresh_token: refresh_token.expose(),
            expires_in: expires_in.as_secs(),
            id: user.id.get(),
            email: user.profile.email,
            first_name: user.profile.first_name,
            last_name: user.profile.last_name,
        }
    }
}

/// One's own log-ins, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct DeviceList {
    data: Vec<DeviceAnswer>,
}

/// A log-in of one's own.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeviceAnswer {
    id: Uuid,
    /// How the client called itself.
    user_agent: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// When its tokens were renewed last.
    #[schema(format = DateTime)]
    last_seen_at: String,
    /// Whether it is the one that asks.
    current: bool,
}

impl DeviceList {
    pub(super) fn new(devices: Vec<Device>, current: Uuid) -> Self {
        let answer = |device: Device| DeviceAnswer {
            id: device.id,
            user_agent: device.user_agent,
            created_at: milliseconds(device.created_at),
            last_seen_at: milliseconds(device.last_seen_at),
            current: device.id == current,
        };
        Self { data: devices.into_iter().map(answer).collect() }
    }
}

/// It is done.
#[derive(Serialize, ToSchema)]
pub(super) struct Done {
    pub(super) message: &'static str,
}

/// One's own data.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnProfile {
    id: i64,
    uuid: Uuid,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<User> for OwnProfile {
    fn from(user: User) -> Self {
        Self {
            id: user.id.get(),
            uuid: user.uuid,
            email: user.profile.email,
            first_name: user.profile.first_name,
            last_name: user.profile.last_name,
            created_at: milliseconds(user.created_at),
            updated_at: milliseconds(user.updated_at),
        }
    }
}

/// What anybody who is logged in may know of a user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PublicUser {
    id: i64,
    first_name: Option<String>,
    last_name: Option<String>,
}

impl From<User> for PublicUser {
    fn from(user: User) -> Self {
        Self { id: user.id.get(), first_name: user.profile.first_name, last_name: user.profile.last_name }
    }
}

/// A page of users by id.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserPage {
    pub(super) data: Vec<PublicUser>,
    pub(super) page: i64,
    pub(super) limit: i64,
    /// Whether another page follows.
    pub(super) has_more: bool,
}

/// Users found.
#[derive(Serialize, ToSchema)]
pub(super) struct UserList {
    pub(super) data: Vec<PublicUser>,
}

/// JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037).
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the token library writes")]
pub(super) struct Jwks {
    keys: Vec<Object>,
}

/// Stands for a JSON object in the document.
type Object = serde_json::Map<String, serde_json::Value>;

/// Every answer that is not a success.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// For people.
    pub message: String,
    /// For programs; stable.
    pub code: &'static str,
    /// The fields that are wrong, when it is about fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldFault>,
}

/// One field that is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldFault {
    /// Name of the field as it was sent.
    pub path: String,
    /// What is wrong, as a phrase that follows the name.
    pub message: String,
}

impl From<FieldError> for FieldFault {
    fn from(fault: FieldError) -> Self {
        Self { path: fault.path.into_owned(), message: fault.message.into_owned() }
    }
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.message)
    }
}

/// ISO 8601 in UTC with milliseconds, as the documented system writes times.
fn milliseconds(time: Timestamp) -> String {
    format!("{time:.3}")
}
