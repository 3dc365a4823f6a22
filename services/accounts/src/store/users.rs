//! One user: insert, look up.

use jiff::Timestamp;

use super::error::StoreError;
use super::statement::Statement;
use super::{Store, rows};
use crate::domain::{Credentials, Email, Error, NewUser, UserId};

const INSERT: Statement = Statement::new(
    "users.insert",
    "INSERT INTO users \
     (email, email_as_typed, first_name, last_name, name_key, last_name_key, password_hash, created_at, updated_at, \
     email_unverified) \
     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $8, $10 \
     WHERE NOT EXISTS (SELECT FROM users WHERE email = ANY ($9)) RETURNING id",
);

const BY_EMAIL: Statement = Statement::new(
    "users.by_email",
    "SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at, password_hash, \
     email_unverified, locked_at IS NOT NULL AS locked \
     FROM users WHERE email = ANY ($1) ORDER BY array_position($1, email) LIMIT 1",
);

const CREDENTIALS: Statement = Statement::new(
    "users.credentials",
    "SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at, password_hash, \
     email_unverified, locked_at IS NOT NULL AS locked \
     FROM users WHERE id = $1 AND deleted_at IS NULL",
);

#[cfg(test)]
pub(super) const STATEMENTS: &[Statement] = &[INSERT, BY_EMAIL, CREDENTIALS];

impl Store {
    /// Stores a new user, who has yet to show that the e-mail is his when it is `unverified`.
    ///
    /// # Errors
    /// [`Error::EmailTaken`]: the unique index decides, also between two sign-ups at the same moment. Only accounts from
    /// before domains went through IDNA are stored under another form.
    pub async fn insert_user(
        &self,
        new: &NewUser,
        password_hash: &str,
        unverified: bool,
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
                    &new.email.forms(),
                    &unverified,
                ],
            )
            .await?;
        let id = row.ok_or(Error::EmailTaken)?.try_get(0).map_err(StoreError::from)?;
        UserId::new(id).map_err(|_| StoreError::Inconsistent("user id is not positive").into())
    }

    /// The user with this e-mail and the hash of the password.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn credentials_by_email(&self, email: &Email) -> Result<Option<Credentials>, Error> {
        let row = self.row(&BY_EMAIL, &[&email.forms()]).await?;
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
}
