//! The log as the delivery reads it: ranges, positions, the sweep.

use std::time::Duration;

use tokio_postgres::Row;

use super::rows::{entry_columns, log_row};
use super::standby::Standby;
use super::{Params, Store, StoreError};
use crate::domain::entry::{Entry, Head};
use crate::domain::ids::{ConversationId, Seq, UserId, Xid};
use crate::domain::sync::Epoch;

pub(super) const ENTRIES_BETWEEN: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entries e WHERE e.conversation_id = $1 AND e.seq > $2 AND e.seq <= $3 ORDER BY e.seq LIMIT $4"
);
/// Labels never fall along a log, so the walk back from its end stops at the first one before the cursor.
pub(super) const POSITION_BEFORE: &str = "SELECT e.seq FROM entries e \
     WHERE e.conversation_id = $1 AND e.xid < $2::bigint::text::xid8 ORDER BY e.seq DESC LIMIT 1";
pub(super) const SWEEP: &str = "SELECT s.cursor, s.behind, s.conversation_id, s.seq, s.sender_id, s.recipient_id, e.id, e.tag \
     FROM log_epoch e, LATERAL sweep($1, $2) s";

/// Before which transaction all are over, and the epoch: what a sweep of the standby is held against.
pub(super) const HORIZON: &str =
    "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, e.id, e.tag FROM log_epoch e";

/// The first one by the index of the tail. What a restored log has from the future of its own server does not count: no
/// sweep will come to it for long. An age below zero is that of a clock that was set back.
pub(super) const OLDEST_UNSWEPT: &str = "SELECT greatest(extract(epoch FROM clock_timestamp() - e.created_at), 0)::float8 \
     FROM entries e WHERE e.xid >= $1::bigint::text::xid8 AND e.xid < pg_snapshot_xmax(pg_current_snapshot()) ORDER BY e.xid LIMIT 1";

/// Transactions of one sweep at most, about a second of a busy server. A cursor that is far behind catches up in steps,
/// each of which fits into the time limit of a statement.
const SWEEP_TRANSACTIONS: i64 = 10_000;

/// A place in the log and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// The place.
    pub seq: Seq,
    /// The entry; none when a newer version wrote a kind that this one does not know.
    pub entry: Option<Entry>,
    /// Sender and recipient of an entry that has a recipient.
    pub users: Option<(UserId, UserId)>,
}

/// What a sweep found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// Where the next sweep begins: everything before it has been seen.
    pub cursor: Xid,
    /// Whether that is all there is; else the next sweep should follow at once.
    pub caught_up: bool,
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
        let params: Params<'_> = &[&conversation.0, &after.0, &up_to.0, &limit];
        let wanted = up_to.0.saturating_sub(after.0).min(limit);
        let rows = self.rows_proven(ENTRIES_BETWEEN, params, |rows| are_many(rows, wanted)).await?;
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
        let rows = self.rows(POSITION_BEFORE, &[&conversation.0, &cursor.0]).await?;
        rows.first().map_or(Ok(Seq::ZERO), |row| Ok(Seq(row.try_get(0)?)))
    }

    /// The age of the oldest entry that lies at `cursor` or after it; none when there is no such entry.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn oldest_unswept(&self, cursor: Xid) -> Result<Option<Duration>, StoreError> {
        let rows = self.rows(OLDEST_UNSWEPT, &[&cursor.0]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Duration::try_from_secs_f64(row.try_get(0)?).unwrap_or(Duration::MAX)))
    }

    /// What has been committed since the transaction id `from`, a bounded part of it; without
    /// one only where to begin. And in which life of the log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self, from: Option<Xid>) -> Result<(Epoch, Sweep), StoreError> {
        if let (Some(from), Some(standby)) = (from, self.standby())
            && let Some(found) = self.sweep_standby(standby, from).await?
        {
            return Ok(found);
        }
        sweep_of(&self.rows(SWEEP, &[&from.map(|xid| xid.0), &SWEEP_TRANSACTIONS]).await?)
    }

    /// The same of the standby, as far as it has come and no farther than the primary: what it may have had first can still
    /// be lost. None when it cannot tell what is new, or has not heard of the primary's epoch yet.
    async fn sweep_standby(
        &self,
        standby: &Standby,
        from: Xid,
    ) -> Result<Option<(Epoch, Sweep)>, StoreError> {
        let row = self.row(HORIZON, &[]).await?;
        let (end, epoch) = (Xid(row.try_get(0)?), Epoch { id: row.try_get(1)?, tag: row.try_get(2)? });
        if end <= from {
            let sweep = Sweep { cursor: from, caught_up: true, heads: Vec::new() };
            return Ok((end == from).then_some((epoch, sweep)));
        }
        let transactions = SWEEP_TRANSACTIONS.min(end.0 - from.0);
        let Some(rows) = standby.rows(SWEEP, &[&Some(from.0), &transactions]).await else { return Ok(None) };
        let (heard, sweep) = sweep_of(&rows)?;
        let caught_up = sweep.cursor.0 - from.0 < SWEEP_TRANSACTIONS;
        let is_news = heard == epoch && sweep.cursor >= from;
        Ok(is_news.then_some((epoch, Sweep { caught_up, ..sweep })))
    }
}

/// Whether there are as many rows: of consecutive places there are no others.
fn are_many(rows: &[Row], wanted: i64) -> bool {
    i64::try_from(rows.len()).is_ok_and(|rows| rows == wanted)
}

fn sweep_of(rows: &[Row]) -> Result<(Epoch, Sweep), StoreError> {
    let first = rows.first().ok_or_else(StoreError::of_answer)?;
    let (cursor, caught_up) = (Xid(first.try_get(0)?), !first.try_get::<_, bool>(1)?);
    let epoch = Epoch { id: first.try_get(6)?, tag: first.try_get(7)? };
    let mut heads = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(conversation) = row.try_get::<_, Option<i64>>(2)? {
            let sender = row.try_get::<_, Option<i64>>(4)?.map(UserId);
            let recipient = row.try_get::<_, Option<i64>>(5)?.map(UserId);
            heads.push(Head {
                conversation: ConversationId(conversation),
                seq: Seq(row.try_get(3)?),
                users: sender.zip(recipient),
            });
        }
    }
    Ok((epoch, Sweep { cursor, caught_up, heads }))
}
