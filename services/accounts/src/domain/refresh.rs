//! What is stored of refresh tokens, and what may become of one that is shown.

use jiff::Timestamp;

use super::user::{User, UserId};

/// SHA-256 of a secret.
pub type Digest = [u8; 32];
/// What makes one secret from the one before it.
pub type Salt = [u8; 32];

/// What a session remembers of its refresh tokens: enough to recognise them, not to make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshState {
    /// Of the secret that all of them share.
    pub family: Digest,
    /// Of the newest one's own secret.
    pub current: Digest,
    /// The one before it, once there was a rotation.
    pub previous: Option<Previous>,
}

/// The refresh token before the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// Of its own secret.
    pub digest: Digest,
    /// What made the newest secret from its secret.
    pub salt: Salt,
    /// When that was.
    pub rotated_at: Timestamp,
}

/// What a refresh token that was shown is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the newest: its successor takes its place.
    Rotate {
        /// Of the successor's own secret.
        successor: Digest,
        /// What makes the successor.
        salt: Salt,
    },
    /// It was spent a moment ago, perhaps by the same client, which never got the answer: the same successor again.
    Repeat {
        /// What made the successor.
        salt: Salt,
    },
    /// It was spent long ago: somebody has a copy.
    Spent,
    /// It was never one of this session's.
    Foreign,
}

/// What became of a session whose refresh token was shown.
#[derive(Debug)]
pub enum Refreshed {
    /// The session lives on, with the successor that the salt makes.
    Renewed {
        /// Whose session it is.
        user: Box<User>,
        /// What makes the successor.
        salt: Salt,
        /// When the session ends unless it is refreshed.
        expires_at: Timestamp,
    },
    /// The session has ended: the token had been spent.
    Ended(UserId),
    /// There is no such session, or the token is none of its own.
    Unknown,
}
