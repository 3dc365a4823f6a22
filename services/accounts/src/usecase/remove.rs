//! Removal of one's own account.

use super::Accounts;
use crate::domain::{Bearer, Error};
use crate::notices::Notice;

impl Accounts {
    /// Wipes the account; the e-mail is free again, the user's id stays known to those who talked to him.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] when the user is gone already.
    pub async fn remove(&self, bearer: &Bearer) -> Result<(), Error> {
        if !self.store.remove_user(bearer.user_id, self.clock.now()).await? {
            return Err(Error::Unauthorized);
        }
        self.notices.send(Notice::Removed(bearer.user_id));
        Ok(())
    }
}
