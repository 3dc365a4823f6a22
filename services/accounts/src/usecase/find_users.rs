//! Looking up other users.

use super::Accounts;
use crate::domain::{Bearer, Error, Page, SearchLimit, SearchText, User, UserId};

impl Accounts {
    /// Counts a look-up by this user: who copies the list of all users does it slowly.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`].
    pub async fn admit_look_up(&self, bearer: &Bearer) -> Result<(), Error> {
        let _counted = self.admit(self.throttle.look_up(bearer.user_id)).await?;
        Ok(())
    }

    /// A page of the present users by id, and whether more follow.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn list_users(&self, page: Page) -> Result<(Vec<User>, bool), Error> {
        self.store.list_users(page).await
    }

    /// One present user.
    ///
    /// # Errors
    /// [`Error::UnknownUser`].
    pub async fn user(&self, id: UserId) -> Result<User, Error> {
        self.store.user(id).await?.ok_or(Error::UnknownUser)
    }

    /// Users by id, removed ones included, unknown ones left out.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn users_by_ids(&self, ids: &[UserId]) -> Result<Vec<User>, Error> {
        self.store.users_by_ids(ids).await
    }

    /// Present users whose name starts with the text, or whose e-mail it is.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn search_users(&self, text: &SearchText, limit: SearchLimit) -> Result<Vec<User>, Error> {
        self.store.search_users(text, limit).await
    }
}
