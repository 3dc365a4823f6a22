//! Log-ins: opened, looked at, listed.

use jiff::Timestamp;
use uuid::Uuid;

use super::error::StoreError;
use super::statement::Statement;
use super::{Store, rows};
use crate::domain::{Bearer, Device, Error, Session, User, UserAgent, UserId};

/// Opens a session only while the password is still the one that was checked, and nobody has locked the user. The lock waits for a change of the
/// password that is under way, and lets other log-ins pass. The oldest sessions beyond the limit give way.
const OPEN: Statement = Statement::new(
    "sessions.open",
    "WITH present AS ( \
         SELECT id FROM users WHERE id = $2 AND password_hash = $3 AND deleted_at IS NULL AND locked_at IS NULL FOR SHARE \
     ), oldest AS ( \
         DELETE FROM sessions WHERE user_id = $2 AND id IN ( \
             SELECT id FROM sessions WHERE user_id = $2 ORDER BY created_at DESC, id OFFSET $7 \
         ) AND EXISTS (SELECT FROM present) RETURNING id, user_id \
     ), ended AS ( \
         INSERT INTO ended_sessions (session_id, user_id, ended_at) SELECT id, user_id, $5 FROM oldest \
         RETURNING session_id \
     ), opened AS ( \
         INSERT INTO sessions \
         (id, user_id, user_agent, created_at, last_seen_at, expires_at, family_hash, secret_hash) \
         SELECT $1, present.id, $4, $5, $5, $6, $8, $9 FROM present RETURNING id \
     ) SELECT array(SELECT session_id FROM ended) AS ended FROM opened",
);

/// The session is looked up at each request, so that what has ended opens nothing any more.
const OF_BEARER: Statement = Statement::new(
    "sessions.of_bearer",
    "SELECT u.id, u.uuid, u.email_as_typed, u.first_name, u.last_name, u.created_at, u.updated_at, u.deleted_at, \
            s.created_at AS logged_in_at \
     FROM sessions s JOIN users u ON u.id = s.user_id \
     WHERE s.id = $1 AND u.id = $2 AND u.uuid = $3 AND s.expires_at > $4 AND s.revoked_at IS NULL \
       AND u.deleted_at IS NULL",
);

/// A user has no more of them than the limit that log-ins keep.
const LIST: Statement = Statement::new(
    "sessions.list",
    "SELECT id, user_agent, created_at, last_seen_at FROM sessions \
     WHERE user_id = $1 AND expires_at > $2 AND revoked_at IS NULL ORDER BY created_at DESC, id",
);

#[cfg(test)]
pub(super) const STATEMENTS: &[Statement] = &[OPEN, OF_BEARER, LIST];

impl Store {
    /// Opens a session and says which have given way; `None` when the user is gone or `password_hash` is no longer the
    /// stored one. Of the user's sessions the newest `sessions_max` stay, this one among them.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn open_session(
        &self,
        session: &Session,
        password_hash: &str,
        sessions_max: u32,
    ) -> Result<Option<Vec<Uuid>>, Error> {
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
                    &session.family.as_slice(),
                    &session.secret.as_slice(),
                ],
            )
            .await?;
        Ok(row.map(|row| row.try_get("ended")).transpose().map_err(StoreError::from)?)
    }

    /// The user of a token and the time of its log-in, when both the user and the session are still there.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn user_of_bearer(
        &self,
        bearer: &Bearer,
        now: Timestamp,
    ) -> Result<Option<(User, Timestamp)>, Error> {
        let row = self
            .row(&OF_BEARER, &[&bearer.session_id, &bearer.user_id.get(), &bearer.user_uuid, &now])
            .await?;
        let found = row.map(|row| Ok((rows::user(&row)?, row.try_get("logged_in_at")?)));
        Ok(found.transpose().map_err(|error: StoreError| error)?)
    }

    /// The user's log-ins, newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn devices(&self, id: UserId, now: Timestamp) -> Result<Vec<Device>, Error> {
        let rows = self.rows(&LIST, &[&id.get(), &now]).await?;
        Ok(rows.iter().map(rows::device).collect::<Result<_, _>>()?)
    }
}
