//! Sign-up.

use std::net::IpAddr;

use super::Accounts;
use crate::domain::{Error, NewUser, Password, UserId};

impl Accounts {
    /// Creates a user. The work is the same whether the e-mail is taken or not: the password is hashed first and the
    /// database decides.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::TooManyAttempts`], [`Error::Busy`].
    pub async fn sign_up(&self, user: NewUser, password: Password, from: IpAddr) -> Result<UserId, Error> {
        // Counted whether it succeeds or not: each costs a hash.
        let _counted = self.admit(self.throttle.sign_up(from)).await?;
        let hash = self.hashes.hash(password).await?;
        let id = self.store.insert_user(&user, &hash, self.verification, self.clock.now()).await?;
        if self.verification {
            // He is a user now; the first log-in has another letter written.
            if let Err(error) = self.ask_to_verify(id, user.email).await {
                tracing::warn!(%error, user = %id, "no letter to a new user");
            }
        }
        Ok(id)
    }
}
