//! How a socket gets a later end.

use jiff::Timestamp;
use tokio::time::Instant;

use crate::domain::command::Token;
use crate::domain::error::GatewayError;
use crate::domain::ids::{SessionId, UserId};

/// A token that was accepted in place of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewed {
    /// When it ends.
    pub until: Timestamp,
    /// The same on the clock of the timers.
    pub expires_at: Instant,
}

/// Checks tokens of open sockets.
pub trait Renewal: Send + Sync + 'static {
    /// A fresh token of the same user and session: another log-in belongs on a connection of its own.
    ///
    /// # Errors
    /// [`GatewayError::Unauthorized`]; [`GatewayError::Unavailable`] while no token can be checked.
    fn renew(&self, user: UserId, session: SessionId, token: &Token) -> Result<Renewed, GatewayError>;
}
