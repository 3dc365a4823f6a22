//! One user: insert, look up.

use jiff::Timestamp;

use super::error::StoreError;
use super::statement::Statement;
use super::{Store, rows};
use crate::domain::{Bearer, Credentials, Email, Error, NewUser, User, UserId};

const INSERT: Statement = Statement::new(
    "users.insert",
    "INSERT INTO users \
     (email, email_as_typed, first_name, last_name, name_key, last_name_key, password_hash, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING id",
);

const BY_EMAIL: Statement = Statement::new(
    "users.by_email",
    "SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at, password_hash \
     FROM users WHERE email = $1",
);

const CREDENTIALS: Statement = Statement::new(
    "users.credentials",
    "SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at, password_hash \
     FROM users WHERE id = $1 AND deleted_at IS NULL",
);

const OF_BEARER: Statement = Statement::new(
    "users.of_bearer",
    "SELECT u.id, u.uuid, u.email_as_typed, u.first_name, u.last_name, u.created_at, u.updated_at, u.deleted_at \
     FROM sessions s JOIN users u ON u.id = s.user_id \
     WHERE s.id = $1 AND u.id = $2 AND u.uuid = $3 AND s.revoked_at IS NULL AND u.deleted_at IS NULL",
);

#[cfg(test)]
pub(super) const STATEMENTS: &[Statement] = &[INSERT, BY_EMAIL, CREDENTIALS, OF_BEARER];

impl Store {
    /// Stores a new user.
    ///
    /// # Errors
    /// [`Error::EmailTaken`]: the unique index decides, also between two sign-ups at the same moment.
    pub async fn insert_user(
        &self,
        new: &NewUser,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<UserId, Error> {
        let profile = new.profile();
        let row = self
            .row(
                &INSERT,
                &[
                    &new.email.canonical(),
                    &profile.email,
                    &profile.first_name,
                    &profile.last_name,
                    &profile.name_key(),
                    &profile.last_name_key(),
                    &password_hash,
                    &now,
                ],
            )
            .await?;
        let id = row
            .ok_or(StoreError::Inconsistent("insert gave no row"))?
            .try_get(0)
            .map_err(StoreError::from)?;
        UserId::new(id).map_err(|_| StoreError::Inconsistent("user id is not positive").into())
    }

    /// The user with this e-mail and the hash of the password.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn credentials_by_email(&self, email: &Email) -> Result<Option<Credentials>, Error> {
        let row = self.row(&BY_EMAIL, &[&email.canonical()]).await?;
        Ok(row.as_ref().map(rows::credentials).transpose()?)
    }

    /// A present user and the hash of the password.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn credentials(&self, id: UserId) -> Result<Option<Credentials>, Error> {
        let row = self.row(&CREDENTIALS, &[&id.get()]).await?;
        Ok(row.as_ref().map(rows::credentials).transpose()?)
    }

    /// The user of a token, when both the user and the session are still there.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn user_of_bearer(&self, bearer: &Bearer) -> Result<Option<User>, Error> {
        let row =
            self.row(&OF_BEARER, &[&bearer.session_id, &bearer.user_id.get(), &bearer.user_uuid]).await?;
        Ok(row.as_ref().map(rows::user).transpose()?)
    }
}
