//! Rows of `entries` as entries.

use tokio_postgres::Row;

use super::StoreError;
use super::log::LogRow;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::ids::{ConversationId, EntryId, Seq, UserId};

/// The columns that [`log_row`] reads, in its order.
macro_rules! entry_columns {
    () => {
        "e.conversation_id, e.seq, e.id, e.uuid, e.kind, e.sender_id, e.recipient_id, e.client_id, e.body, e.created_at, e.target_seq, e.deleted_at"
    };
}
pub(super) use entry_columns;

/// An entry, or its place only when a newer version wrote a kind that this one does not know.
pub(super) fn log_row(row: &Row) -> Result<LogRow, StoreError> {
    let seq = Seq(row.try_get(1)?);
    let (sender, recipient) = (UserId(row.try_get(5)?), row.try_get::<_, Option<i64>>(6)?.map(UserId));
    let users = recipient.map(|recipient| (sender, recipient));
    let Some(kind) = EntryKind::from_number(row.try_get(4)?) else {
        return Ok(LogRow { seq, entry: None, users });
    };
    let entry = Entry {
        conversation: ConversationId(row.try_get(0)?),
        seq,
        id: EntryId(row.try_get(2)?),
        uuid: row.try_get(3)?,
        kind,
        sender,
        recipient,
        client_id: row.try_get(7)?,
        target: row.try_get::<_, Option<i64>>(10)?.map(Seq),
        body: row.try_get::<_, &str>(8)?.into(),
        created_at: row.try_get(9)?,
        deleted_at: row.try_get(11)?,
    };
    Ok(LogRow { seq, entry: Some(entry), users })
}

/// The entries among the rows.
pub(super) fn entries(rows: &[Row]) -> Result<Vec<Entry>, StoreError> {
    rows.iter().filter_map(|row| log_row(row).map(|row| row.entry).transpose()).collect()
}
