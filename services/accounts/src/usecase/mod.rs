//! What accounts does for its callers, one file per verb: rules in order, no wire format, no SQL.

mod authenticate;
mod change_password;
mod ended;
mod find_users;
mod forgotten;
mod log_in;
mod log_out;
mod profile;
mod prove;
mod refresh;
mod remove;
mod sign_up;
mod verify_email;
mod warn;

use std::fmt;
use std::sync::Arc;

use messenger_chassis::clock::Clock;
use tokio::sync::mpsc;

pub use authenticate::Authenticated;
pub use change_password::PasswordChange;
pub use forgotten::FORGOTTEN_QUEUE;
pub use log_in::{Client, LoggedIn};

use crate::crypto::{PasswordHashes, Tokens};
use crate::domain::{Email, PasswordPolicy, SessionLimits};
use crate::mail::Mailer;
use crate::notices::Notices;
use crate::store::Store;
use crate::throttle::Throttle;

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
    /// How often what may be tried.
    pub throttle: Throttle,
    /// Letters to users.
    pub mailer: Mailer,
    /// E-mails of forgotten passwords, for [`Accounts::answer_forgotten`].
    pub forgotten: mpsc::Sender<Email>,
    /// Whether new e-mails must be verified by a letter.
    pub verification: bool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What new passwords must be.
    pub policy: PasswordPolicy,
    /// How long log-ins live, and how many a user may have.
    pub sessions: SessionLimits,
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("policy", &self.policy).finish_non_exhaustive()
    }
}
