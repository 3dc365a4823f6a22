//! What commands tell. The names of the fields are stable: programs read them. Fields may be added.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::domain::{Held, HeldSession, Record, User};

/// A user, to an operator.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserRow<'a> {
    id: i64,
    uuid: Uuid,
    email: Option<&'a str>,
    email_verified: bool,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    created_at: Timestamp,
    updated_at: Timestamp,
    removed_at: Option<Timestamp>,
    locked_at: Option<Timestamp>,
    lock_reason: Option<&'a str>,
    session_count: i64,
}

impl<'a> From<&'a Record> for UserRow<'a> {
    fn from(record: &'a Record) -> Self {
        let user = &record.user;
        Self {
            id: user.id.get(),
            uuid: user.uuid,
            email: Some(user.profile.email.as_str()).filter(|_| !user.removed),
            email_verified: !user.removed && !record.email_unverified,
            first_name: user.profile.first_name.as_deref(),
            last_name: user.profile.last_name.as_deref(),
            created_at: user.created_at,
            updated_at: user.updated_at,
            removed_at: record.removed_at,
            locked_at: record.locked_at,
            lock_reason: record.lock_reason.as_deref(),
            session_count: record.sessions,
        }
    }
}

/// A user who was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundRow<'a> {
    id: i64,
    email: &'a str,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    created_at: Timestamp,
}

impl<'a> From<&'a User> for FoundRow<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id.get(),
            email: &user.profile.email,
            first_name: user.profile.first_name.as_deref(),
            last_name: user.profile.last_name.as_deref(),
            created_at: user.created_at,
        }
    }
}

/// A log-in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionRow<'a> {
    id: Uuid,
    user_agent: Option<&'a str>,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
}

impl<'a> From<&'a HeldSession> for SessionRow<'a> {
    fn from(session: &'a HeldSession) -> Self {
        Self {
            id: session.id,
            user_agent: session.user_agent.as_deref(),
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
        }
    }
}

/// Everything that is held about a user here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Export<'a> {
    user: UserRow<'a>,
    sessions: Vec<SessionRow<'a>>,
    known_addresses: Vec<AddressRow>,
    letters: Vec<LetterRow<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AddressRow {
    address: IpAddr,
    seen_at: Timestamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LetterRow<'a> {
    purpose: &'a str,
    email: &'a str,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl<'a> Export<'a> {
    pub(super) fn of(record: &'a Record, held: &'a Held) -> Self {
        let address =
            |row: &crate::domain::HeldAddress| AddressRow { address: row.address, seen_at: row.seen_at };
        let letters = held.tokens.iter().map(|row| LetterRow {
            purpose: &row.purpose,
            email: &row.email,
            created_at: row.created_at,
            expires_at: row.expires_at,
        });
        Self {
            user: UserRow::from(record),
            sessions: held.sessions.iter().map(SessionRow::from).collect(),
            known_addresses: held.addresses.iter().map(address).collect(),
            letters: letters.collect(),
        }
    }
}

/// How many log-ins have ended.
#[derive(Debug, Serialize)]
pub(super) struct Ended {
    pub(super) ended: u64,
}

/// What became of a user.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Erased {
    pub(super) id: i64,
    /// By this command.
    pub(super) erased: bool,
    /// Before.
    pub(super) was_erased: bool,
}
