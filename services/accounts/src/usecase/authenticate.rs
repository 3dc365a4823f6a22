//! Who a request comes from.

use super::Accounts;
use crate::domain::{Bearer, Error, User};

impl Accounts {
    /// The bearer of a token, read again from the store: a removed user's or an ended session's token is void at once.
    ///
    /// # Errors
    /// [`Error::Unauthorized`].
    pub async fn authenticate(&self, token: &str) -> Result<(Bearer, User), Error> {
        let bearer = self.tokens.verify(token, self.clock.now())?;
        let user = self.store.user_of_bearer(&bearer).await?.ok_or(Error::Unauthorized)?;
        Ok((bearer, user))
    }
}
