//! Removal of one's own account.

use super::{Accounts, Authenticated};
use crate::domain::{Error, Password};
use crate::notices::Notice;

impl Accounts {
    /// Wipes the account; the e-mail is free again, the user's id stays known to those who talked to him.
    ///
    /// # Errors
    /// [`Error::ReauthenticationRequired`] when neither the log-in is recent nor the password right;
    /// [`Error::Unauthorized`] when the user is gone already.
    pub async fn remove(&self, caller: &Authenticated, password: Option<Password>) -> Result<(), Error> {
        self.reauthenticate(caller, password).await?;
        let id = caller.user.id;
        let removed = self.store.remove_user(id, self.clock.now()).await?;
        self.notices.send(Notice::Removed(id, removed.ok_or(Error::Unauthorized)?));
        Ok(())
    }
}
