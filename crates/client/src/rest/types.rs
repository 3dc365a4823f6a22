//! Bodies of the REST contract, as a client sees them.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

/// A user to sign up.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewUser<'a> {
    /// E-mail address, the name to log in with.
    pub email: &'a str,
    /// Password.
    pub password: &'a str,
    /// First name, shown to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<&'a str>,
    /// Last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<&'a str>,
}

impl fmt::Debug for NewUser<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser").field("first_name", &self.first_name).finish_non_exhaustive()
    }
}

/// Answer to a sign-up.
#[derive(Debug, Clone, Deserialize)]
pub struct Created {
    /// One sentence for a person.
    pub message: String,
    /// Id of the new user.
    pub id: i64,
}

/// Answer to a log-in.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggedIn {
    /// One sentence for a person.
    pub message: String,
    /// Access token, for REST and for the WebSocket.
    #[serde(deserialize_with = "secret")]
    pub token: SecretString,
    /// Token to renew the log-in with, where the service gives one.
    #[serde(default, deserialize_with = "optional_secret")]
    pub refresh_token: Option<SecretString>,
    /// Seconds the access token is good for, where the service says so.
    pub expires_in: Option<u64>,
    /// Id of the user.
    pub id: i64,
    /// E-mail address.
    pub email: String,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}

/// One's own data.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Id.
    pub id: i64,
    /// E-mail address.
    pub email: String,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
}

/// What to change of a profile; `None` leaves as it is.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileChange<'a> {
    /// New first name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<&'a str>,
    /// New last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<&'a str>,
    /// New e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<&'a str>,
}

/// A user as others see them. Anything more in the answer, an address or a hash, is a breach: it is refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// Id.
    pub id: i64,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
}

/// A page of users by id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserPage {
    /// The users.
    pub data: Vec<User>,
    /// Page, from 1.
    pub page: u32,
    /// Most users a page holds.
    pub limit: u32,
    /// Whether another page follows.
    pub has_more: bool,
}

/// A log-in of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnSession {
    /// Id, claim `sid` of its tokens.
    pub id: Uuid,
    /// How the client called itself.
    pub user_agent: Option<String>,
    /// When the log-in happened, ISO 8601.
    pub created_at: String,
    /// When its tokens were renewed last, ISO 8601.
    pub last_seen_at: String,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// A list of what was found.
#[derive(Deserialize)]
pub(super) struct Found<T> {
    pub(super) data: Vec<T>,
}

/// An answer that holds nothing but a sentence.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// One sentence for a person.
    pub message: String,
}

/// Public keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Jwks {
    /// The keys tokens may be signed with.
    pub keys: Vec<Jwk>,
}

/// A public key, RFC 7517 and RFC 8037.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Jwk {
    /// Key type: `OKP` or `EC`.
    pub kty: String,
    /// Curve: `Ed25519` or `P-256`.
    pub crv: String,
    /// Public key, base64url.
    pub x: String,
    /// Second coordinate, for `EC`.
    pub y: Option<String>,
    /// Key id, named in the head of a token.
    pub kid: String,
    /// Algorithm: `EdDSA` or `ES256`.
    pub alg: Option<String>,
    /// Use: `sig`.
    #[serde(rename = "use")]
    pub usage: Option<String>,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FieldError {
    /// The field, dotted.
    pub path: String,
    /// One sentence for a person.
    pub message: String,
}

/// Body of every failure.
#[derive(Deserialize)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) errors: Vec<FieldError>,
}
