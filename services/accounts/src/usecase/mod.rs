//! What accounts does for its callers, one file per verb: rules in order, no wire format, no SQL.

mod authenticate;
mod change_password;
mod find_users;
mod log_in;
mod profile;
mod remove;
mod sign_up;

use std::fmt;
use std::sync::Arc;

use messenger_chassis::clock::Clock;

pub use change_password::PasswordChange;
pub use log_in::LoggedIn;

use crate::crypto::{PasswordHashes, Tokens};
use crate::domain::PasswordPolicy;
use crate::notices::Notices;
use crate::store::Store;

/// The use cases and what they stand on. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    /// Users and sessions.
    pub store: Store,
    /// Password hashes.
    pub hashes: PasswordHashes,
    /// Access tokens.
    pub tokens: Arc<Tokens>,
    /// Tells other services of changes.
    pub notices: Notices,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What new passwords must be.
    pub policy: PasswordPolicy,
    /// Sessions a user may have at once; the oldest gives way.
    pub sessions_max: u32,
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("policy", &self.policy).finish_non_exhaustive()
    }
}
