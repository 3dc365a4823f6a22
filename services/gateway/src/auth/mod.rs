//! Who is at the other end of a handshake: finds the token, verifies it with accounts' public keys.
//!
//! Knows no gRPC, no router and no clock of its own; keys are handed in, time is an argument. Invariant: nothing here can
//! sign, and nothing in a token decides how it is verified but the id of one of our keys.

mod credentials;
mod keys;
mod verifier;

#[cfg(test)]
mod tests;

pub use credentials::{Credentials, credentials};
pub use keys::{KeyRing, KeySetError, VerifyingKeys};
pub use verifier::{TokenConfig, TokenVerifier};

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::ids::{SessionId, UserId};

/// What a valid token says.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whose it is.
    pub user: UserId,
    /// First name when the token was made.
    pub name: Option<Arc<str>>,
    /// E-mail when the token was made.
    pub email: Option<Arc<str>>,
    /// The log-in that the token comes from.
    pub session: SessionId,
    /// When the token ends.
    pub expires_at: Timestamp,
}

/// Names and e-mails stay out of logs.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("user", &self.user)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Why a handshake is refused. Clients are told the status and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No subprotocol that was offered is spoken here: a bad request.
    #[error("none of the subprotocols is spoken here")]
    UnsupportedProtocol,
    /// No key was fetched yet: a temporary failure of ours.
    #[error("the keys are not known yet")]
    NoKeys,
    /// There is no token where one is looked for.
    #[error("no token")]
    NoToken,
    /// Not a token of ours: its form, its type, its size.
    #[error("not an access token")]
    Malformed,
    /// Signed with a key that accounts does not have.
    #[error("unknown key")]
    UnknownKey,
    /// The signature is not that of the key, or of another algorithm.
    #[error("wrong signature")]
    Signature,
    /// Issued by or for somebody else, not valid yet, or living too long.
    #[error("wrong claims")]
    Claims,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// Its session was ended, or its user is no more.
    #[error("the session has ended")]
    Ended,
}

impl AuthError {
    /// A label for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::UnsupportedProtocol => "unsupported_protocol",
            Self::NoKeys => "no_keys",
            Self::NoToken => "no_token",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Expired => "expired",
            Self::Ended => "ended",
        }
    }
}
