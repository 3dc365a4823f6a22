//! Change of one's own password.

use uuid::Uuid;

use super::Accounts;
use crate::domain::{Bearer, Credentials, Error, Password};
use crate::mail::Purpose;
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
    /// [`Error::WrongOldPassword`], [`Error::TooManyAttempts`], [`Error::Busy`]; [`Error::Unauthorized`] when the user was
    /// removed meanwhile.
    pub async fn change_password(&self, bearer: &Bearer, change: PasswordChange) -> Result<(), Error> {
        let stored = self.prove_again(bearer, change.old.clone()).await?;
        let new = self.hashes.hash(change.new).await?;
        let ended = match self.replace_password(bearer, &stored, &new).await? {
            Some(ended) => ended,
            None => {
                // A log-in may have hashed the same password anew meanwhile.
                let stored = self.prove_again(bearer, change.old).await?;
                self.replace_password(bearer, &stored, &new).await?.ok_or(Error::WrongOldPassword)?
            }
        };
        self.notices.send(Notice::SignedOut(bearer.user_id, ended));
        self.warn(&stored.user, Purpose::PasswordChanged);
        Ok(())
    }

    async fn replace_password(
        &self,
        bearer: &Bearer,
        checked: &Credentials,
        new: &str,
    ) -> Result<Option<Vec<Uuid>>, Error> {
        let hashes = (checked.password_hash.as_str(), new);
        self.store.change_password(bearer.user_id, hashes, bearer.session_id, self.clock.now()).await
    }
}
