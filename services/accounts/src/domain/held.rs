//! What is held about a user, as an operator sees it: no password, no secret of a token.

use std::net::IpAddr;

use jiff::Timestamp;
use uuid::Uuid;

use super::user::User;

/// A user with what only operators see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The user.
    pub user: User,
    /// He has yet to show that the e-mail is his.
    pub email_unverified: bool,
    /// When he was removed.
    pub removed_at: Option<Timestamp>,
    /// Since when nobody logs in as him.
    pub locked_at: Option<Timestamp>,
    /// Why, in an operator's words.
    pub lock_reason: Option<String>,
    /// Log-ins that live.
    pub sessions: i64,
}

/// A log-in that lives, or has expired and is not deleted yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSession {
    /// Claim `sid` of its tokens.
    pub id: Uuid,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// When the log-in happened.
    pub created_at: Timestamp,
    /// When its tokens were renewed last.
    pub last_seen_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// An address from which the user has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldAddress {
    /// An IPv4 address, or the first 64 bits of an IPv6 address.
    pub address: IpAddr,
    /// When that was, last.
    pub seen_at: Timestamp,
}

/// A token that waits for the answer to a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldToken {
    /// What it opens.
    pub purpose: String,
    /// Where the letter went.
    pub email: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// All that is held beside the user's own row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Log-ins.
    pub sessions: Vec<HeldSession>,
    /// Addresses.
    pub addresses: Vec<HeldAddress>,
    /// Letters that were not answered yet.
    pub tokens: Vec<HeldToken>,
}
