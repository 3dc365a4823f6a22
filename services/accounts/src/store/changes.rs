//! Changes of a user who is there: profile, password, removal.
//!
//! Each is a short transaction that locks the user's row first, so that changes of one user, and log-ins, which share
//! the lock, have one order: a log-in with the old password never survives the change of it.

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use uuid::Uuid;

use super::ended::END_ALL;
use super::error::StoreError;
use super::mail_tokens::RESET_PASSWORD;
use super::statement::{Params, Statement};
use super::{Store, rows};
use crate::domain::{Email, Error, Profile, ProfileChange, UserId};

const LOCK: Statement = Statement::new(
    "users.lock",
    "SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at \
     FROM users WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE",
);

const TAKEN: Statement =
    Statement::new("users.taken", "SELECT FROM users WHERE email = ANY ($1) AND id <> $2");

const SET_PROFILE: Statement = Statement::new(
    "users.set_profile",
    "UPDATE users SET email = coalesce($2, email), email_as_typed = $3, first_name = $4, last_name = $5, \
     name_key = $6, last_name_key = $7, updated_at = $8 WHERE id = $1",
);

const SET_PASSWORD: Statement = Statement::new(
    "users.set_password",
    "UPDATE users SET password_hash = $3, updated_at = $4 \
     WHERE id = $1 AND password_hash = $2 AND deleted_at IS NULL RETURNING id",
);

const REHASH: Statement = Statement::new(
    "users.rehash",
    "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING id",
);

const REMOVE: Statement = Statement::new(
    "users.remove",
    "UPDATE users SET email = NULL, email_as_typed = NULL, first_name = NULL, last_name = NULL, name_key = NULL, \
     last_name_key = NULL, password_hash = NULL, locked_at = NULL, lock_reason = NULL, updated_at = $2, deleted_at = $2 \
     WHERE id = $1 AND deleted_at IS NULL RETURNING id",
);

#[cfg(test)]
pub(super) const STATEMENTS: &[Statement] = &[LOCK, TAKEN, SET_PROFILE, SET_PASSWORD, REHASH, REMOVE];

impl Store {
    /// Changes the profile of a present user; `false` when there is none.
    ///
    /// # Errors
    /// [`Error::EmailTaken`].
    pub async fn change_profile(
        &self,
        id: UserId,
        change: &ProfileChange,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let work = async {
            let mut client = self.pool.get().await?;
            let transaction = client.transaction().await?;
            let Some(row) = self.run(&transaction, &LOCK, &[&id.get()]).await?.into_iter().next() else {
                return Ok(false);
            };
            let profile = change.apply(rows::user(&row)?.profile);
            if let Some(email) = &change.email
                && !self.run(&transaction, &TAKEN, &[&email.forms(), &id.get()]).await?.is_empty()
            {
                return Err(StoreError::EmailTaken);
            }
            let email = change.email.as_ref().map(|email| email.canonical());
            self.set_profile(&transaction, id, email, &profile, now).await?;
            transaction.commit().await?;
            Ok(true)
        };
        Ok(work.await.map_err(|error: StoreError| error)?)
    }

    /// Replaces the hash `old` by `new`, ends all sessions but `keep` and says which; `None` when the stored hash is not
    /// `old`, because another change came first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn change_password(
        &self,
        id: UserId,
        (old, new): (&str, &str),
        keep: Uuid,
        now: Timestamp,
    ) -> Result<Option<Vec<Uuid>>, Error> {
        Ok(self.change_then_end(id, &SET_PASSWORD, &[&id.get(), &old, &new, &now], Some(keep), now).await?)
    }

    /// Replaces the hash `old` by `new`, another one of the same password; `false` when the stored hash is not `old`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn rehash(&self, id: UserId, old: &str, new: &str) -> Result<bool, Error> {
        Ok(self.row(&REHASH, &[&id.get(), &old, &new]).await?.is_some())
    }

    /// Sets the hash of a new password by a token that is used up, and ends all sessions and says which; `None` when
    /// there is no such token any more.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn reset_password(
        &self,
        id: UserId,
        token_hash: &[u8],
        new: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<Uuid>>, Error> {
        Ok(self.change_then_end(id, &RESET_PASSWORD, &[&token_hash, &new, &now], None, now).await?)
    }

    /// Whether somebody else has this e-mail.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn is_taken(&self, email: &Email, by_others_than: UserId) -> Result<bool, Error> {
        Ok(self.row(&TAKEN, &[&email.forms(), &by_others_than.get()]).await?.is_some())
    }

    /// Wipes what is personal, frees the e-mail, ends all sessions and says which; `None` when the user is gone already.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn remove_user(&self, id: UserId, now: Timestamp) -> Result<Option<Vec<Uuid>>, Error> {
        Ok(self.change_then_end(id, &REMOVE, &[&id.get(), &now], None, now).await?)
    }

    /// Two statements, not one: the second must see the sessions of log-ins that the first has waited for.
    pub(super) async fn change_then_end(
        &self,
        id: UserId,
        change: &Statement,
        params: &Params<'_>,
        keep: Option<Uuid>,
        now: Timestamp,
    ) -> Result<Option<Vec<Uuid>>, StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        if self.run(&transaction, change, params).await?.is_empty() {
            return Ok(None);
        }
        let ended = self.run(&transaction, &END_ALL, &[&id.get(), &keep, &now]).await?;
        let ended = ended.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        transaction.commit().await?;
        Ok(Some(ended))
    }

    async fn set_profile(
        &self,
        transaction: &Transaction<'_>,
        id: UserId,
        email: Option<&str>,
        profile: &Profile,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let params: &Params<'_> = &[
            &id.get(),
            &email,
            &profile.email,
            &profile.first_name,
            &profile.last_name,
            &profile.name_key(),
            &profile.last_name_key(),
            &now,
        ];
        self.run(transaction, &SET_PROFILE, params).await.map(drop)
    }
}
