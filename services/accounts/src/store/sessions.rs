//! Log-ins.

use super::Store;
use super::statement::Statement;
use crate::domain::{Error, Session, UserAgent};

/// Opens a session only while the password is still the one that was checked. The lock waits for a change of the
/// password that is under way, and lets other log-ins pass. The oldest sessions beyond the limit give way.
const OPEN: Statement = Statement::new(
    "sessions.open",
    "WITH present AS ( \
         SELECT id FROM users WHERE id = $2 AND password_hash = $3 AND deleted_at IS NULL FOR SHARE \
     ), oldest AS ( \
         DELETE FROM sessions WHERE user_id = $2 AND id IN ( \
             SELECT id FROM sessions WHERE user_id = $2 ORDER BY created_at DESC, id OFFSET $7 \
         ) AND EXISTS (SELECT FROM present) \
     ) \
     INSERT INTO sessions (id, user_id, user_agent, created_at, last_seen_at, expires_at) \
     SELECT $1, present.id, $4, $5, $5, $6 FROM present RETURNING id",
);

#[cfg(test)]
pub(super) const STATEMENTS: &[Statement] = &[OPEN];

impl Store {
    /// Opens a session; `false` when the user is gone or `password_hash` is no longer the stored one. Of the user's
    /// sessions the newest `sessions_max` stay, this one among them.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn open_session(
        &self,
        session: &Session,
        password_hash: &str,
        sessions_max: u32,
    ) -> Result<bool, Error> {
        let others_max = i64::from(sessions_max) - 1;
        let row = self
            .row(
                &OPEN,
                &[
                    &session.id,
                    &session.user_id.get(),
                    &password_hash,
                    &session.user_agent.as_ref().map(UserAgent::as_str),
                    &session.created_at,
                    &session.expires_at,
                    &others_max,
                ],
            )
            .await?;
        Ok(row.is_some())
    }
}
