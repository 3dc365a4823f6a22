//! Refresh: the session's row is locked, the token is judged, the row moves on or goes.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::ended::END_ONE;
use super::error::StoreError;
use super::statement::Statement;
use super::{Store, rows};
use crate::domain::{Digest, Error, Previous, RefreshState, Refreshed, SessionLimits, Verdict};

/// Two that show one token at the same time take turns here: the second finds it spent by the first.
const LOCK: Statement = Statement::new(
    "sessions.lock",
    "SELECT s.family_hash, s.secret_hash, s.previous_hash, s.salt, s.rotated_at, s.expires_at, \
            s.created_at AS logged_in_at, \
            u.id, u.uuid, u.email_as_typed, u.first_name, u.last_name, u.created_at, u.updated_at, u.deleted_at \
     FROM sessions s JOIN users u ON u.id = s.user_id \
     WHERE s.id = $1 AND s.expires_at > $2 AND s.revoked_at IS NULL AND s.family_hash IS NOT NULL \
       AND u.deleted_at IS NULL FOR UPDATE OF s",
);

const ROTATE: Statement = Statement::new(
    "sessions.rotate",
    "UPDATE sessions SET previous_hash = secret_hash, secret_hash = $2, salt = $3, rotated_at = $4, \
     last_seen_at = $4, expires_at = $5 WHERE id = $1",
);

#[cfg(test)]
pub(super) const STATEMENTS: &[Statement] = &[LOCK, ROTATE];

impl Store {
    /// Shows a refresh token to the session it names: `judge` says what it is worth to what is stored.
    ///
    /// # Errors
    /// What `judge` says; the database does not answer.
    pub async fn refresh_session(
        &self,
        id: Uuid,
        now: Timestamp,
        limits: &SessionLimits,
        judge: impl FnOnce(&RefreshState) -> Result<Verdict, Error> + Send,
    ) -> Result<Refreshed, Error> {
        let mut client = self.pool.get().await.map_err(StoreError::from)?;
        let transaction = client.transaction().await.map_err(StoreError::from)?;
        let Some(row) = self.run(&transaction, &LOCK, &[&id, &now]).await?.into_iter().next() else {
            return Ok(Refreshed::Unknown);
        };
        let user = rows::user(&row)?;
        let mut expires_at = row.try_get("expires_at").map_err(StoreError::from)?;
        let salt = match judge(&state(&row)?)? {
            Verdict::Foreign => return Ok(Refreshed::Unknown),
            Verdict::Spent => {
                self.run(&transaction, &END_ONE, &[&user.id.get(), &id, &now]).await?;
                transaction.commit().await.map_err(StoreError::from)?;
                return Ok(Refreshed::Ended(user.id));
            }
            Verdict::Repeat { salt } => salt,
            Verdict::Rotate { successor, salt } => {
                let logged_in_at = row.try_get("logged_in_at").map_err(StoreError::from)?;
                expires_at = limits.expiry(logged_in_at, now);
                let (new, made_by) = (successor.as_slice(), salt.as_slice());
                self.run(&transaction, &ROTATE, &[&id, &new, &made_by, &now, &expires_at]).await?;
                transaction.commit().await.map_err(StoreError::from)?;
                salt
            }
        };
        Ok(Refreshed::Renewed { user: Box::new(user), salt, expires_at })
    }
}

/// What a locked row remembers of its refresh tokens.
fn state(row: &Row) -> Result<RefreshState, StoreError> {
    let previous = match row.try_get::<_, Option<Timestamp>>("rotated_at")? {
        None => None,
        Some(rotated_at) => {
            Some(Previous { digest: digest(row, "previous_hash")?, salt: digest(row, "salt")?, rotated_at })
        }
    };
    Ok(RefreshState { family: digest(row, "family_hash")?, current: digest(row, "secret_hash")?, previous })
}

fn digest(row: &Row, column: &str) -> Result<Digest, StoreError> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| StoreError::Inconsistent("a digest of another length"))
}
