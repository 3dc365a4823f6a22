//! Change of one's own password.

use super::Accounts;
use crate::domain::{Bearer, Error, Password};
use crate::notices::Notice;

/// The present password and the one to come.
#[derive(Debug)]
pub struct PasswordChange {
    /// Proof that it is the user and not a borrowed device.
    pub old: Password,
    /// Already held against the policy.
    pub new: Password,
}

impl Accounts {
    /// Replaces the password and ends every session but the bearer's own.
    ///
    /// # Errors
    /// [`Error::WrongOldPassword`], [`Error::Busy`]; [`Error::Unauthorized`] when the user was removed meanwhile.
    pub async fn change_password(&self, bearer: &Bearer, change: PasswordChange) -> Result<(), Error> {
        let stored = self.store.credentials(bearer.user_id).await?.ok_or(Error::Unauthorized)?;
        if !self.hashes.verify(change.old, Some(&stored.password_hash)).await? {
            metrics::counter!("accounts_log_in_failures_total").increment(1);
            return Err(Error::WrongOldPassword);
        }
        let new = self.hashes.hash(change.new).await?;
        let hashes = (stored.password_hash.as_str(), new.as_str());
        let now = self.clock.now();
        if !self.store.change_password(bearer.user_id, hashes, bearer.session_id, now).await? {
            return Err(Error::WrongOldPassword);
        }
        self.notices.send(Notice::SignedOut(bearer.user_id));
        Ok(())
    }
}
