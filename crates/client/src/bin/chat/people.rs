//! Look-ups of users over REST, with a token that is renewed when it gets old.

use messenger_client::rest::{RestError, User};
use messenger_client::session::{Gateway, Grant, Link, LogInError};
use secrecy::ExposeSecret;

/// Users asked for at once.
const PAGE: u32 = 50;

/// Asks the accounts service about users.
#[derive(Debug)]
pub(crate) struct People {
    link: Gateway,
    grant: Grant,
}

/// Why a look-up failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookUpError {
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error("cannot log in: {0}")]
    LogIn(#[from] LogInError),
}

impl People {
    pub(crate) fn new(link: Gateway, grant: Grant) -> Self {
        Self { link, grant }
    }

    pub(crate) async fn user(&mut self, id: i64) -> Result<User, LookUpError> {
        self.renew().await?;
        Ok(self.link.accounts.user(self.grant.token.expose_secret(), id).await?)
    }

    pub(crate) async fn users(&mut self, search: Option<&str>) -> Result<Vec<User>, LookUpError> {
        self.renew().await?;
        let token = self.grant.token.expose_secret();
        Ok(match search {
            Some(text) => self.link.accounts.search_users(token, text, PAGE).await?,
            None => self.link.accounts.list_users(token, PAGE, 1).await?.data,
        })
    }

    async fn renew(&mut self) -> Result<(), LogInError> {
        if !self.grant.is_fresh() {
            self.grant = self.link.log_in().await?;
        }
        Ok(())
    }
}
