//! Parts of logs within a budget of bytes: what is past it is never read, only weighed.

use super::log::LogRow;
use tokio_postgres::Row;

use super::rows::{entry_columns, log_row};
use super::{Params, Store, StoreError};
use crate::domain::ids::{ConversationId, Seq};

/// The bytes are summed up from the end that is asked for, its first entry is there whatever it weighs.
pub(super) const STRETCH: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM ( \
         SELECT x.*, sum(octet_length(x.body) + $6::bigint) OVER turn AS bytes, row_number() OVER turn AS n \
         FROM entries x WHERE x.conversation_id = $1 AND x.seq > $2 AND x.seq <= $3 \
         WINDOW turn AS (ORDER BY x.seq * $4::bigint)) e \
     WHERE e.bytes <= $5::bigint OR e.n = 1 ORDER BY e.seq"
);

/// A stretch that alone is past the budget is left out and costs nothing; where the sum of the others passes it, the rest
/// is left out.
pub(super) const STRETCHES: &str = concat!(
    "WITH sized AS MATERIALIZED ( \
         SELECT w.*, s.bytes \
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS w (c, after, top, n) \
         CROSS JOIN LATERAL ( \
             SELECT sum(octet_length(x.body) + $5::bigint)::bigint AS bytes FROM ( \
                 SELECT e.body FROM entries e \
                 WHERE e.conversation_id = w.c AND e.seq > w.after AND e.seq <= w.top LIMIT $6) x) s), \
     chosen AS MATERIALIZED ( \
         SELECT s.*, sum(s.bytes) OVER (ORDER BY s.n) AS total FROM sized s WHERE s.bytes <= $4) \
     SELECT ",
    entry_columns!(),
    " FROM chosen CROSS JOIN LATERAL ( \
         SELECT * FROM entries x \
         WHERE x.conversation_id = chosen.c AND x.seq > chosen.after AND x.seq <= chosen.top \
         ORDER BY x.seq LIMIT $6) e \
     WHERE chosen.total <= $4 ORDER BY chosen.n, e.seq"
);

/// Entries of one stretch at most; a longer one is cut.
const STRETCH_ROWS: i64 = 100;

/// A part of a log: after `after`, up to `top`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Whose log.
    pub conversation: ConversationId,
    /// The place before the first.
    pub after: Seq,
    /// The last place.
    pub top: Seq,
}

/// How much may be read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes over all entries.
    pub bytes: i64,
    /// Bytes that an entry costs beside its text.
    pub entry_bytes: i64,
}

/// From which end a stretch is cut when it is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The oldest entries are kept.
    Oldest = 1,
    /// The newest entries are kept.
    Newest = -1,
}

impl Store {
    /// The entries of the stretch, in order, as far as the budget goes, and one at least. The stretch is the limit of
    /// rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stretch(
        &self,
        stretch: Stretch,
        keep: Keep,
        budget: Budget,
    ) -> Result<Vec<LogRow>, StoreError> {
        let Stretch { conversation, after, top } = stretch;
        let (direction, Budget { bytes, entry_bytes }) = (keep as i64, budget);
        let params: Params<'_> = &[&conversation.0, &after.0, &top.0, &direction, &bytes, &entry_bytes];
        let rows = self.rows_proven(STRETCH, params, |rows| has_end(rows, stretch, keep)).await?;
        rows.iter().map(log_row).collect()
    }

    /// The entries of many stretches, in order, as far as the budget goes: a stretch is there as a whole or not at all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stretches(
        &self,
        stretches: &[Stretch],
        budget: Budget,
    ) -> Result<Vec<(ConversationId, LogRow)>, StoreError> {
        let conversations: Vec<_> = stretches.iter().map(|stretch| stretch.conversation.0).collect();
        let after: Vec<_> = stretches.iter().map(|stretch| stretch.after.0).collect();
        let top: Vec<_> = stretches.iter().map(|stretch| stretch.top.0).collect();
        let Budget { bytes, entry_bytes } = budget;
        let rows = self
            .rows(STRETCHES, &[&conversations, &after, &top, &bytes, &entry_bytes, &STRETCH_ROWS])
            .await?;
        rows.iter().map(|row| Ok((ConversationId(row.try_get(0)?), log_row(row)?))).collect()
    }
}

/// Whether the rows begin at the end that was asked for. A log is read up to some place or not at all, so a server that has
/// the newest place has all, and one that has the oldest tells a part of it, after which the reader asks on.
fn has_end(rows: &[Row], stretch: Stretch, keep: Keep) -> bool {
    let (row, wanted) = match keep {
        Keep::Oldest => (rows.first(), stretch.after.next()),
        Keep::Newest => (rows.last(), stretch.top),
    };
    row.and_then(|row| row.try_get(1).ok()) == Some(wanted.0)
}
