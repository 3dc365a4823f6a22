//! Sign-up.

use super::Accounts;
use crate::domain::{Error, NewUser, Password, UserId};

impl Accounts {
    /// Creates a user. The work is the same whether the e-mail is taken or not: the password is hashed first and the
    /// database decides.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::Busy`].
    pub async fn sign_up(&self, user: NewUser, password: Password) -> Result<UserId, Error> {
        let hash = self.hashes.hash(password).await?;
        self.store.insert_user(&user, &hash, self.clock.now()).await
    }
}
