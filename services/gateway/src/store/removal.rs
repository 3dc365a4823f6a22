//! Messages that are removed: the text is emptied, the place stays (ADR 38).
//!
//! For the owner of the schema: the role that serves may change no entry. Age goes through them by places, and an author's
//! by his keys, so two that remove at once could wait for each other: their statements take turns, by a lock that only they
//! know. It is taken with the argument of a function, and with the rows of an update, hence before any entry is.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Store, StoreError};
use crate::domain::ids::{ConversationId, UserId};

pub(super) const REMOVE_OLD: &str = "SELECT conversation_id, cleared_seq, removed, moved, has_more FROM remove_old($1, $2, $3, $4, $5, \
         $6 OR (SELECT pg_advisory_xact_lock(hashtext('removal of entries'))) IS NULL)";
pub(super) const SET_CLEARED: &str = "SELECT set_cleared($1, $2)";
/// In the order of the idempotency keys, by whose index the author's entries are found.
pub(super) const REMOVE_OWN: &str = "WITH turn AS MATERIALIZED ( \
         SELECT pg_advisory_xact_lock(hashtext('removal of entries')) \
     ), own AS MATERIALIZED ( \
         SELECT e.seq, e.client_id, e.kind = 0 AND e.deleted_at IS NULL AS is_text FROM entries e \
         WHERE e.conversation_id = $1 AND e.sender_id = $2 AND e.client_id >= $3 ORDER BY e.client_id LIMIT $4 \
     ), gone AS ( \
         UPDATE entries e SET body = '', deleted_at = clock_timestamp() FROM own, turn \
         WHERE e.conversation_id = $1 AND e.seq = own.seq AND own.is_text AND e.deleted_at IS NULL RETURNING 1 \
     ) \
     SELECT (SELECT count(*) FROM gone), (SELECT client_id FROM own ORDER BY client_id DESC LIMIT 1)";
pub(super) const FORGET_MARKS: &str = "UPDATE members SET read_seq = 0, delivered_seq = 0, muted_until = NULL \
     WHERE conversation_id = $1 AND user_id = $2 AND (read_seq > 0 OR delivered_seq > 0 OR muted_until IS NOT NULL)";

/// Where a run through all logs stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// The conversation that is next, or the first after it.
    pub conversation: i64,
    /// What is done of it.
    pub after: i64,
}

/// How much one statement looks at.
#[derive(Debug, Clone, Copy)]
pub struct Portion {
    /// Conversations.
    pub conversations: i64,
    /// Entries.
    pub entries: i64,
}

/// What one statement has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Conversations that were looked at.
    pub looked_at: u64,
    /// Of these, those that had such messages.
    pub touched: Vec<ConversationId>,
    /// Messages that were removed, or would be.
    pub messages: u64,
    /// Where to go on; none when everything was looked at.
    pub next: Option<Position>,
}

impl Store {
    /// Removes messages of the time before `before`, some of them. Without `dry_run` it also notes how far the logs are
    /// cleared. Nobody who sends waits for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_old(
        &self,
        from: Position,
        before: Timestamp,
        portion: Portion,
        dry_run: bool,
    ) -> Result<Removed, StoreError> {
        let Portion { conversations, entries } = portion;
        let rows = self
            .rows(REMOVE_OLD, &[&from.conversation, &from.after, &before, &conversations, &entries, &dry_run])
            .await?;
        let mut done = Removed { looked_at: 0, touched: Vec::new(), messages: 0, next: None };
        let (mut moved, mut cleared_to) = (Vec::new(), Vec::new());
        for row in &rows {
            let (conversation, cleared): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let (removed, has_more): (i64, bool) = (row.try_get(2)?, row.try_get(4)?);
            done.looked_at += 1;
            done.messages += removed.unsigned_abs();
            if removed > 0 {
                done.touched.push(ConversationId(conversation));
            }
            if row.try_get(3)? {
                moved.push(conversation);
                cleared_to.push(cleared);
            }
            done.next = Some(match has_more {
                true => Position { conversation, after: cleared },
                false => Position { conversation: conversation + 1, after: 0 },
            });
        }
        if !dry_run && !moved.is_empty() {
            self.rows(SET_CLEARED, &[&moved, &cleared_to]).await?;
        }
        Ok(done)
    }

    /// Removes messages of a user in a conversation, of at most `limit` of his entries from `from` on: how many, and where to
    /// go on; `None` when there were no more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_own(
        &self,
        conversation: ConversationId,
        user: UserId,
        from: Uuid,
        limit: i64,
    ) -> Result<(u64, Option<Uuid>), StoreError> {
        let row = self.row(REMOVE_OWN, &[&conversation.0, &user.0, &from, &limit]).await?;
        let last = row.try_get::<_, Option<Uuid>>(1)?;
        Ok((row.try_get::<_, i64>(0)?.unsigned_abs(), last.and_then(next_key)))
    }

    /// Forgets how far a user has read a conversation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_marks(&self, conversation: ConversationId, user: UserId) -> Result<(), StoreError> {
        self.rows(FORGET_MARKS, &[&conversation.0, &user.0]).await.map(drop)
    }
}

/// The idempotency key after this one, in the order of the index.
pub(super) fn next_key(key: Uuid) -> Option<Uuid> {
    key.as_u128().checked_add(1).map(Uuid::from_u128)
}
