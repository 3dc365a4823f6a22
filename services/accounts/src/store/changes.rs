//! Changes of a user who is there: profile, password, removal.
//!
//! Each is a short transaction that locks the user's row first, so that changes of one user, and log-ins, which share
//! the lock, have one order: a log-in with the old password never survives the change of it.

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use tokio_postgres::Row;
use tracing::Instrument as _;
use uuid::Uuid;

use super::error::StoreError;
use super::statement::{Params, Statement};
use super::{Store, rows};
use crate::domain::{Error, Profile, ProfileChange, UserId};

const LOCK: Statement = Statement::new(
    "users.lock",
    "SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at \
     FROM users WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE",
);

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

const REMOVE: Statement = Statement::new(
    "users.remove",
    "UPDATE users SET email = NULL, email_as_typed = NULL, first_name = NULL, last_name = NULL, name_key = NULL, \
     last_name_key = NULL, password_hash = NULL, updated_at = $2, deleted_at = $2 \
     WHERE id = $1 AND deleted_at IS NULL RETURNING id",
);

const REVOKE_SESSIONS: Statement = Statement::new(
    "sessions.revoke",
    "UPDATE sessions SET revoked_at = $3 \
     WHERE user_id = $1 AND revoked_at IS NULL AND ($2::uuid IS NULL OR id <> $2)",
);

#[cfg(test)]
pub(super) const STATEMENTS: &[Statement] = &[LOCK, SET_PROFILE, SET_PASSWORD, REMOVE, REVOKE_SESSIONS];

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
            let Some(row) = run(&transaction, &LOCK, &[&id.get()]).await?.into_iter().next() else {
                return Ok(false);
            };
            let profile = change.apply(rows::user(&row)?.profile);
            let email = change.email.as_ref().map(|email| email.canonical());
            set_profile(&transaction, id, email, &profile, now).await?;
            transaction.commit().await?;
            Ok(true)
        };
        Ok(work.await.map_err(|error: StoreError| error)?)
    }

    /// Replaces the hash `old` by `new` and ends all sessions but `keep`; `false` when the stored hash is not `old`,
    /// because another change came first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn change_password(
        &self,
        id: UserId,
        (old, new): (&str, &str),
        keep: Uuid,
        now: Timestamp,
    ) -> Result<bool, Error> {
        Ok(self
            .change_then_revoke(id, &SET_PASSWORD, &[&id.get(), &old, &new, &now], Some(keep), now)
            .await?)
    }

    /// Wipes what is personal, frees the e-mail and ends all sessions; `false` when the user is gone already.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn remove_user(&self, id: UserId, now: Timestamp) -> Result<bool, Error> {
        Ok(self.change_then_revoke(id, &REMOVE, &[&id.get(), &now], None, now).await?)
    }

    /// Two statements, not one: the second must see the sessions of log-ins that the first has waited for.
    async fn change_then_revoke(
        &self,
        id: UserId,
        change: &Statement,
        params: &Params<'_>,
        keep: Option<Uuid>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        if run(&transaction, change, params).await?.is_empty() {
            return Ok(false);
        }
        run(&transaction, &REVOKE_SESSIONS, &[&id.get(), &keep, &now]).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

async fn set_profile(
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
    run(transaction, &SET_PROFILE, params).await.map(drop)
}

async fn run(
    transaction: &Transaction<'_>,
    statement: &Statement,
    params: &Params<'_>,
) -> Result<Vec<Row>, StoreError> {
    let run = async {
        let prepared = transaction.prepare_cached(statement.sql).await?;
        Ok(transaction.query(&prepared, params).await?)
    };
    run.instrument(statement.span()).await
}
