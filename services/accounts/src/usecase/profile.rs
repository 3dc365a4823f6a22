//! Changes of one's own profile.

use super::{Accounts, Authenticated};
use crate::domain::{Error, Password, ProfileChange};
use crate::mail::Purpose;
use crate::notices::Notice;

impl Accounts {
    /// Changes names or e-mail and tells the other services. A change of the e-mail needs a recent log-in or the password;
    /// where letters are written, it needs the password: who owns the e-mail can have a letter replace that, and the thief of
    /// a fresh token must not get so far. An e-mail that must be verified first changes with that.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::ReauthenticationRequired`]; [`Error::Unauthorized`] when the user was removed
    /// meanwhile.
    pub async fn change_profile(
        &self,
        caller: &Authenticated,
        change: ProfileChange,
        password: Option<Password>,
    ) -> Result<(), Error> {
        let moves = change.email.is_some();
        if moves && self.mailer.is_on() && password.is_none() {
            return Err(Error::ReauthenticationRequired);
        }
        if moves {
            self.reauthenticate(caller, password).await?;
        }
        let change = self.set_aside(&caller.user, change).await?;
        if moves {
            self.warn(&caller.user, Purpose::EmailChanged);
        }
        if change.is_empty() {
            return Ok(());
        }
        let id = caller.user.id;
        if !self.store.change_profile(id, &change, self.clock.now()).await? {
            return Err(Error::Unauthorized);
        }
        self.notices.send(Notice::Updated(id));
        Ok(())
    }
}
