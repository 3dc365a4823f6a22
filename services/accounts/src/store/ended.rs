//! Sessions that end, and the log that tells so.
//!
//! Whatever ends a session deletes it and writes to the log in one statement. Expired ones just go: so have their tokens.
//! Who ends many and waits for others locks them in the order of their ids first, so that two never wait for each other.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::error::StoreError;
use super::statement::{Params, Statement};
use super::{Store, rows};
use crate::domain::{EndedCursor, EndedPage, Error, UserId};

/// One session of a user.
pub(super) const END_ONE: Statement = Statement::new(
    "sessions.end_one",
    "WITH ended AS ( \
         DELETE FROM sessions WHERE user_id = $1 AND id = $2 RETURNING id, user_id, revoked_at \
     ) INSERT INTO ended_sessions (session_id, user_id, ended_at) \
     SELECT id, user_id, $3 FROM ended WHERE revoked_at IS NULL RETURNING session_id",
);

/// All sessions of a user, but one if it is named.
pub(super) const END_ALL: Statement = Statement::new(
    "sessions.end_all",
    "WITH chosen AS ( \
         SELECT id FROM sessions WHERE user_id = $1 AND ($2::uuid IS NULL OR id <> $2) ORDER BY id FOR UPDATE \
     ), ended AS ( \
         DELETE FROM sessions s USING chosen WHERE s.id = chosen.id RETURNING s.id, s.user_id \
     ) INSERT INTO ended_sessions (session_id, user_id, ended_at) \
     SELECT id, user_id, $3 FROM ended RETURNING session_id",
);

/// Some sessions, of one user if he is named.
const END_SOME: Statement = Statement::new(
    "sessions.end_some",
    "WITH chosen AS ( \
         SELECT id FROM sessions WHERE $1::bigint IS NULL OR user_id = $1 ORDER BY id LIMIT $3 FOR UPDATE \
     ), ended AS ( \
         DELETE FROM sessions s USING chosen WHERE s.id = chosen.id RETURNING s.id, s.user_id \
     ), told AS ( \
         INSERT INTO ended_sessions (session_id, user_id, ended_at) SELECT id, user_id, $2 FROM ended RETURNING 1 \
     ) SELECT count(*) FROM told",
);

/// A page of the log, with the bounds of what the same snapshot saw; one row without a session when there is none.
const LOG: Statement = Statement::new(
    "ended_sessions.page",
    "SELECT seen.floor, seen.ceiling, e.xid::text AS xid, e.session_id, e.user_id, e.ended_at FROM ( \
         SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS floor, \
                pg_snapshot_xmax(pg_current_snapshot())::text AS ceiling \
     ) seen LEFT JOIN LATERAL ( \
         SELECT * FROM ended_sessions WHERE (xid, session_id) > ($1::text::xid8, $2) AND ended_at > $3 \
         ORDER BY xid, session_id LIMIT $4 \
     ) e ON true ORDER BY e.xid, e.session_id",
);

const FORGET: Statement = Statement::new(
    "ended_sessions.forget",
    "WITH old AS ( \
         SELECT xid, session_id FROM ended_sessions WHERE ended_at < $1 ORDER BY ended_at LIMIT $2 \
         FOR UPDATE SKIP LOCKED \
     ), gone AS ( \
         DELETE FROM ended_sessions e USING old WHERE e.xid = old.xid AND e.session_id = old.session_id RETURNING 1 \
     ) SELECT count(*) FROM gone",
);

const EXPIRE: Statement = Statement::new(
    "sessions.expire",
    "WITH old AS ( \
         SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED \
     ), gone AS ( \
         DELETE FROM sessions s USING old WHERE s.id = old.id RETURNING 1 \
     ) SELECT count(*) FROM gone",
);

#[cfg(test)]
pub(super) const STATEMENTS: &[Statement] = &[END_ONE, END_ALL, END_SOME, LOG, FORGET, EXPIRE];

impl Store {
    /// Ends one session of a user; `false` when he has no such session.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_session(&self, user: UserId, session: Uuid, now: Timestamp) -> Result<bool, Error> {
        Ok(self.row(&END_ONE, &[&user.get(), &session, &now]).await?.is_some())
    }

    /// Ends at most `limit` sessions, of `user` or of anybody, and says how many.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_sessions(&self, user: Option<UserId>, now: Timestamp, limit: u16) -> Result<u64, Error> {
        self.count(&END_SOME, &[&user.map(UserId::get), &now, &i64::from(limit)]).await
    }

    /// A page of at most `limit` sessions that ended after `since`, from `cursor` on. A position that this server has not
    /// reached, because it is another one's, is the beginning.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn ended_sessions(
        &self,
        mut cursor: EndedCursor,
        since: Timestamp,
        limit: u16,
    ) -> Result<EndedPage, Error> {
        let mut rows = self.log_page(&cursor, since, limit).await?;
        if cursor.floor.max(cursor.xid) > number(&rows, "ceiling")? {
            cursor = EndedCursor::default();
            rows = self.log_page(&cursor, since, limit).await?;
        }
        let floor = if cursor.begins_round() { number(&rows, "floor")? } else { cursor.floor };
        let sessions = rows
            .iter()
            .map(rows::ended_session)
            .filter_map(Result::transpose)
            .collect::<Result<Vec<_>, _>>()?;
        let has_more = sessions.len() == usize::from(limit);
        let cursor = match (has_more, sessions.last(), rows.last()) {
            (true, Some(session), Some(row)) => {
                EndedCursor { floor, xid: xid(row, "xid")?, session_id: session.session_id }
            }
            _ => EndedCursor::round(floor),
        };
        Ok(EndedPage { sessions, cursor, has_more })
    }

    /// Deletes expired sessions, at most `limit`, and says how many.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn delete_expired_sessions(&self, now: Timestamp, limit: u16) -> Result<u64, Error> {
        self.count(&EXPIRE, &[&now, &i64::from(limit)]).await
    }

    /// Deletes what the log tells of the time before `until`, at most `limit`, and says how many.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_ended_sessions(&self, until: Timestamp, limit: u16) -> Result<u64, Error> {
        self.count(&FORGET, &[&until, &i64::from(limit)]).await
    }

    async fn log_page(
        &self,
        cursor: &EndedCursor,
        since: Timestamp,
        limit: u16,
    ) -> Result<Vec<Row>, StoreError> {
        let xid = cursor.xid.to_string();
        self.rows(&LOG, &[&xid, &cursor.session_id, &since, &i64::from(limit)]).await
    }

    pub(super) async fn count(&self, statement: &Statement, params: &Params<'_>) -> Result<u64, Error> {
        let row = self.row(statement, params).await?.ok_or(StoreError::Inconsistent("no count"))?;
        let count: i64 = row.try_get(0).map_err(StoreError::from)?;
        Ok(count.unsigned_abs())
    }
}

fn number(rows: &[Row], column: &str) -> Result<u64, StoreError> {
    xid(rows.first().ok_or(StoreError::Inconsistent("a page without a row"))?, column)
}

/// A transaction id, which travels as text.
fn xid(row: &Row, column: &str) -> Result<u64, StoreError> {
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|_| StoreError::Inconsistent("a transaction id that is no number"))
}
