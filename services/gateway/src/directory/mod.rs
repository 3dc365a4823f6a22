//! Who the users are: names and e-mails, which accounts owns, and the public keys that verify its tokens.
//!
//! The only room that speaks gRPC. Knows no socket and no store. Invariant: what accounts said before a change of a user
//! was announced is never cached after it.

mod config;

mod access;
mod accounts;
mod breaker;

mod cache;
mod grpc;
mod loader;

mod endings;
mod fixed;
mod keys;

#[cfg(test)]
mod fake_accounts;
#[cfg(test)]
mod tests;

pub use access::{Access, BadAccess};
pub use accounts::{Accounts, CallError};
pub use config::{CacheLimits, CallLimits, DirectoryConfig};
pub use endings::{Endings, EndingsConfig, follow_endings};
pub use fixed::StaticDirectory;
pub use grpc::GrpcDirectory;
pub use keys::refresh_keys;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::domain::event::Author;
use crate::domain::ids::UserId;

/// What the gateway knows of a user.
#[derive(Clone, PartialEq, Eq)]
pub struct Profile {
    /// The user.
    pub id: UserId,
    /// First name; `None` when the user gave none or was removed.
    pub name: Option<Arc<str>>,
    /// E-mail; `None` when the user was removed.
    pub email: Option<Arc<str>>,
    /// The account was removed: its messages stay, nothing new may be sent to it.
    pub removed: bool,
}

impl Profile {
    /// How the user is shown to others.
    pub fn author(&self) -> Author {
        Author { name: self.name.clone(), email: self.email.clone() }
    }
}

/// Names and e-mails stay out of logs.
impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile")
            .field("id", &self.id)
            .field("removed", &self.removed)
            .finish_non_exhaustive()
    }
}

/// Why users were not found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Accounts does not answer, or too many ids are waiting for it. The same call may succeed later.
    #[error("accounts does not answer")]
    Unavailable,
}

/// Looks users up.
pub trait Directory: Send + Sync + 'static {
    /// The users of these ids. Ids that nobody has are left out; removed users are in, marked. Waits for accounts when
    /// something has to be asked, not longer than the deadline of a call.
    ///
    /// # Errors
    /// [`DirectoryError::Unavailable`] when a single one of them is not known.
    fn get<'a>(
        &'a self,
        ids: &'a [UserId],
    ) -> BoxFuture<'a, Result<HashMap<UserId, Arc<Profile>>, DirectoryError>>;

    /// What is known of the user at this moment, possibly outdated. Never waits.
    fn peek(&self, id: UserId) -> Option<Arc<Profile>>;

    /// Forgets a user who has changed. An answer that is on its way is not kept either.
    fn invalidate(&self, id: UserId);
}
