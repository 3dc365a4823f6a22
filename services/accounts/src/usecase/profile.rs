//! Changes of one's own profile.

use super::Accounts;
use crate::domain::{Bearer, Error, ProfileChange};
use crate::notices::Notice;

impl Accounts {
    /// Changes names or e-mail and tells the other services.
    ///
    /// # Errors
    /// [`Error::EmailTaken`]; [`Error::Unauthorized`] when the user was removed meanwhile.
    pub async fn change_profile(&self, bearer: &Bearer, change: &ProfileChange) -> Result<(), Error> {
        if !self.store.change_profile(bearer.user_id, change, self.clock.now()).await? {
            return Err(Error::Unauthorized);
        }
        self.notices.send(Notice::Updated(bearer.user_id));
        Ok(())
    }
}
