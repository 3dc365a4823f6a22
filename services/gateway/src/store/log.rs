//! The log as the delivery reads it: ranges, positions, the sweep.

use super::rows::{entry_columns, log_row};
use super::{Store, StoreError};
use crate::domain::entry::{Entry, Head};
use crate::domain::ids::{ConversationId, Seq, UserId, Xid};

pub(super) const ENTRIES_BETWEEN: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entries e WHERE e.conversation_id = $1 AND e.seq > $2 AND e.seq <= $3 ORDER BY e.seq LIMIT $4"
);
pub(super) const POSITION_BEFORE: &str = "SELECT position_before($1, $2)";
pub(super) const SWEEP: &str = "SELECT cursor, conversation_id, seq, sender_id, recipient_id FROM sweep($1)";

/// A place in the log and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// The place.
    pub seq: Seq,
    /// The entry; none when a newer version wrote a kind that this one does not know.
    pub entry: Option<Entry>,
}

/// What a sweep found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// Where the next sweep begins: everything before it has been seen.
    pub cursor: Xid,
    /// How far the logs reach that have grown.
    pub heads: Vec<Head>,
}

impl Store {
    /// Entries after `after` up to `up_to`, the oldest `limit` of them, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn entries_between(
        &self,
        conversation: ConversationId,
        after: Seq,
        up_to: Seq,
        limit: i64,
    ) -> Result<Vec<LogRow>, StoreError> {
        let rows = self.rows(ENTRIES_BETWEEN, &[&conversation.0, &after.0, &up_to.0, &limit]).await?;
        rows.iter().map(log_row).collect()
    }

    /// The position before every entry whose transaction id is `cursor` or later.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn position_before(
        &self,
        conversation: ConversationId,
        cursor: Xid,
    ) -> Result<Seq, StoreError> {
        Ok(Seq(self.row(POSITION_BEFORE, &[&conversation.0, &cursor.0]).await?.try_get(0)?))
    }

    /// What has been committed since the transaction id `cursor`; without one only where to begin.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self, cursor: Option<Xid>) -> Result<Sweep, StoreError> {
        let rows = self.rows(SWEEP, &[&cursor.map(|xid| xid.0)]).await?;
        let next = Xid(rows.first().ok_or(StoreError::Internal)?.try_get(0)?);
        let mut heads = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(conversation) = row.try_get::<_, Option<i64>>(1)? {
                let sender = row.try_get::<_, Option<i64>>(3)?.map(UserId);
                let recipient = row.try_get::<_, Option<i64>>(4)?.map(UserId);
                heads.push(Head {
                    conversation: ConversationId(conversation),
                    seq: Seq(row.try_get(2)?),
                    users: sender.zip(recipient),
                });
            }
        }
        Ok(Sweep { cursor: next, heads })
    }
}
