//! What is held about one user, and what an operator does with him.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::error::StoreError;
use super::statement::Statement;
use super::{Store, rows};
use crate::domain::{Error, Held, HeldAddress, HeldSession, HeldToken, Record, UserId};

const RECORD: Statement = Statement::new(
    "users.record",
    "SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at, email_unverified, \
     locked_at, lock_reason, (SELECT count(*) FROM sessions s \
         WHERE s.user_id = u.id AND s.expires_at > $2 AND s.revoked_at IS NULL) AS sessions \
     FROM users u WHERE id = $1",
);

/// A lock that is there keeps its time.
const LOCK: Statement = Statement::new(
    "users.lock_out",
    "UPDATE users SET locked_at = coalesce(locked_at, $3), lock_reason = coalesce($2, lock_reason) \
     WHERE id = $1 AND deleted_at IS NULL RETURNING id",
);

const UNLOCK: Statement = Statement::new(
    "users.let_in",
    "UPDATE users SET locked_at = NULL, lock_reason = NULL WHERE id = $1 AND deleted_at IS NULL RETURNING id",
);

const SESSIONS: Statement = Statement::new(
    "sessions.held",
    "SELECT id, user_agent, created_at, last_seen_at, expires_at FROM sessions WHERE user_id = $1 \
     ORDER BY created_at DESC, id",
);

const ADDRESSES: Statement = Statement::new(
    "known_addresses.held",
    "SELECT address, seen_at FROM known_addresses WHERE user_id = $1 ORDER BY seen_at DESC, address",
);

const TOKENS: Statement = Statement::new(
    "mail_tokens.held",
    "SELECT purpose, email_as_typed, created_at, expires_at FROM mail_tokens WHERE user_id = $1 ORDER BY purpose",
);

#[cfg(test)]
pub(super) const STATEMENTS: &[Statement] = &[RECORD, LOCK, UNLOCK, SESSIONS, ADDRESSES, TOKENS];

impl Store {
    /// A user, present or removed; `None` when there never was one of this number.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn record(&self, id: UserId, now: Timestamp) -> Result<Option<Record>, Error> {
        let row = self.row(&RECORD, &[&id.get(), &now]).await?;
        Ok(row.as_ref().map(record).transpose()?)
    }

    /// Locks a present user out, ends all sessions and says which; `None` when there is none. A log-in that runs at the same
    /// time is before it and ends, or after it and fails.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn lock_user(
        &self,
        id: UserId,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Vec<Uuid>>, Error> {
        Ok(self.change_then_end(id, &LOCK, &[&id.get(), &reason, &now], None, now).await?)
    }

    /// Lets a present user in again; `false` when there is none.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn unlock_user(&self, id: UserId) -> Result<bool, Error> {
        Ok(self.row(&UNLOCK, &[&id.get()]).await?.is_some())
    }

    /// The log-ins of a user, newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn held_sessions(&self, id: UserId) -> Result<Vec<HeldSession>, Error> {
        let rows = self.rows(&SESSIONS, &[&id.get()]).await?;
        Ok(rows.iter().map(session).collect::<Result<_, _>>()?)
    }

    /// Everything beside the user's own row, but the log of ended sessions, which forgets within the hour.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn held(&self, id: UserId) -> Result<Held, Error> {
        let key = id.get();
        let (addresses, tokens) = (self.rows(&ADDRESSES, &[&key]).await?, self.rows(&TOKENS, &[&key]).await?);
        Ok(Held {
            sessions: self.held_sessions(id).await?,
            addresses: addresses.iter().map(address).collect::<Result<_, _>>()?,
            tokens: tokens.iter().map(token).collect::<Result<_, _>>()?,
        })
    }
}

fn record(row: &Row) -> Result<Record, StoreError> {
    Ok(Record {
        user: rows::user(row)?,
        email_unverified: row.try_get("email_unverified")?,
        removed_at: row.try_get("deleted_at")?,
        locked_at: row.try_get("locked_at")?,
        lock_reason: row.try_get("lock_reason")?,
        sessions: row.try_get("sessions")?,
    })
}

fn session(row: &Row) -> Result<HeldSession, StoreError> {
    Ok(HeldSession {
        id: row.try_get("id")?,
        user_agent: row.try_get("user_agent")?,
        created_at: row.try_get("created_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}

fn address(row: &Row) -> Result<HeldAddress, StoreError> {
    Ok(HeldAddress { address: row.try_get("address")?, seen_at: row.try_get("seen_at")? })
}

fn token(row: &Row) -> Result<HeldToken, StoreError> {
    Ok(HeldToken {
        purpose: row.try_get("purpose")?,
        email: row.try_get("email_as_typed")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}
