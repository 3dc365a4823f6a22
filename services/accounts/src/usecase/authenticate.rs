//! Who a request comes from.

use jiff::Timestamp;

use super::Accounts;
use crate::domain::{Bearer, Error, Password, User};

/// Who holds a valid token.
#[derive(Debug)]
pub struct Authenticated {
    /// What the token says.
    pub bearer: Bearer,
    /// Who that is.
    pub user: User,
    /// When he proved it by his password.
    pub logged_in_at: Timestamp,
}

impl Accounts {
    /// The bearer of a token, read again from the store: a removed user's or an ended session's token is void at once.
    ///
    /// # Errors
    /// [`Error::Unauthorized`].
    pub async fn authenticate(&self, token: &str) -> Result<Authenticated, Error> {
        let now = self.clock.now();
        let bearer = self.tokens.verify(token, now)?;
        let (user, logged_in_at) =
            self.store.user_of_bearer(&bearer, now).await?.ok_or(Error::Unauthorized)?;
        Ok(Authenticated { bearer, user, logged_in_at })
    }

    /// The public keys that verify tokens now: a JSON Web Key Set, newest first.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn public_keys(&self) -> Result<String, Error> {
        self.tokens.jwks(self.clock.now())
    }

    /// Lets through whoever has logged in a moment ago or gives the password: a borrowed device or a stolen token does
    /// neither. A password that is given is checked in any case.
    ///
    /// # Errors
    /// [`Error::ReauthenticationRequired`], [`Error::TooManyAttempts`], [`Error::Busy`]; [`Error::Unauthorized`] when the
    /// user was removed meanwhile.
    pub(super) async fn reauthenticate(
        &self,
        caller: &Authenticated,
        password: Option<Password>,
    ) -> Result<(), Error> {
        let Some(password) = password else {
            let recent = self.sessions.is_recent(caller.logged_in_at, self.clock.now());
            return if recent { Ok(()) } else { Err(Error::ReauthenticationRequired) };
        };
        match self.prove_again(&caller.bearer, password).await {
            Ok(_) => Ok(()),
            Err(Error::WrongOldPassword) => Err(Error::ReauthenticationRequired),
            Err(error) => Err(error),
        }
    }
}
