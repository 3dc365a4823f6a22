//! The list of a user's conversations, and the part of a log that a user may see.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::rows::{entry_columns, log_row};
use super::{Store, StoreError};
use crate::domain::entry::Entry;
use crate::domain::ids::{ConversationId, Seq, UserId};
use crate::domain::page::{Cursor, Limit};
use crate::domain::reply::{Role, UNREAD_MAX, Watermarks};

/// What the list needs of a conversation.
macro_rules! head_columns {
    () => {
        "c.id, c.name, c.low_user + c.high_user - $1 AS peer, c.last_seq, c.last_message_seq, c.last_entry_at"
    };
}
/// Of dialogs that have begun: those on the page and, whatever their order within a day, all of the last day that is needed.
macro_rules! latest_dialogs {
    () => {
        "AND c.kind = 0 AND c.active_on IS NOT NULL AND c.deleted_at IS NULL \
             AND c.active_on <= coalesce(($2::timestamptz AT TIME ZONE 'UTC')::date, 'infinity') \
             AND ($2 IS NULL OR (c.last_entry_at, c.id) < ($2, $3::bigint)) \
         ORDER BY c.active_on DESC FETCH FIRST (SELECT $4::bigint) ROWS WITH TIES"
    };
}
/// The groups of user `$1` as `c` and his part in them as `m`, without those that have slept since before the day of the last
/// of this many `dialogs`: these all come first. The index has the day of their latest entry, so that of one that
/// sleeps nothing else is touched. The ids are one list, which is looked up in one go: a join would begin anew for each.
macro_rules! awake_groups {
    ($rows:literal) => {
        concat!(
            "conversations c JOIN members m ON m.conversation_id = c.id AND m.user_id = $1 \
             WHERE c.kind = 1 AND c.deleted_at IS NULL \
                 AND c.id = ANY (ARRAY(SELECT g.conversation_id FROM members g \
                     WHERE g.user_id = $1 AND g.left_seq IS NULL AND g.joined_seq > 0)) \
                 AND greatest(c.active_on, c.noticed_on) >= coalesce( \
                     (SELECT d.active_on FROM dialogs d ORDER BY d.active_on DESC OFFSET ",
            $rows,
            " - 1 LIMIT 1), '-infinity')"
        )
    };
}
pub(super) use awake_groups;

/// The page is found without the log, which is visited for its rows only: dialogs as in the list of chats, by the day of
/// their latest entry, which is a message.
pub(super) const CONVERSATIONS: &str = concat!(
    "WITH dialogs AS MATERIALIZED ( \
         (SELECT ",
    head_columns!(),
    ", c.active_on FROM conversations c WHERE c.low_user = $1 ",
    latest_dialogs!(),
    ") UNION ALL (SELECT ",
    head_columns!(),
    ", c.active_on FROM conversations c WHERE c.high_user = $1 AND c.low_user <> c.high_user ",
    latest_dialogs!(),
    ")), mine AS ( \
         SELECT * FROM dialogs UNION ALL (SELECT ",
    head_columns!(),
    ", NULL FROM ",
    awake_groups!("$4"),
    " AND greatest(c.active_on, c.noticed_on) <= coalesce(($2 AT TIME ZONE 'UTC')::date, 'infinity') \
         AND ($2 IS NULL OR (c.last_entry_at, c.id) < ($2, $3)))), \
     page AS (SELECT * FROM mine ORDER BY last_entry_at DESC, id DESC LIMIT $4) \
     SELECT ",
    entry_columns!(),
    ", page.id, page.name, page.peer, m.role, m.joined_seq, page.last_seq, m.read_seq, m.delivered_seq, \
         page.last_entry_at, other.read_seq, other.delivered_seq, unread.count \
     FROM page \
     JOIN members m ON m.conversation_id = page.id AND m.user_id = $1 \
     LEFT JOIN entries e ON e.conversation_id = page.id AND e.seq = page.last_message_seq \
         AND page.last_message_seq >= m.joined_seq \
     LEFT JOIN members other ON other.conversation_id = page.id AND other.user_id = page.peer \
     CROSS JOIN LATERAL ( \
         SELECT count(*) FROM ( \
             SELECT 1 FROM entries u \
             WHERE u.conversation_id = page.id AND u.seq > greatest(m.read_seq, m.joined_seq - 1, page.last_seq - $6::bigint) \
                 AND u.kind = 0 AND u.sender_id <> $1 AND u.deleted_at IS NULL \
             ORDER BY u.seq DESC LIMIT $5) newest) unread \
     ORDER BY page.last_entry_at DESC, page.id DESC"
);
pub(super) const ADDRESS: &str =
    "SELECT c.low_user, c.high_user FROM conversations c WHERE c.id = $1 AND c.deleted_at IS NULL";
pub(super) const WINDOW: &str = "SELECT m.joined_seq, coalesce(m.left_seq, c.last_seq) \
     FROM members m JOIN conversations c ON c.id = m.conversation_id \
     WHERE m.conversation_id = $1 AND m.user_id = $2 AND c.deleted_at IS NULL";

/// Entries among which unread messages are counted: the newest. A user who reads nothing and writes much costs no more.
const UNREAD_WINDOW: i64 = 1_000;

/// A conversation of the list as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryRow {
    /// The conversation.
    pub conversation: ConversationId,
    /// The other side.
    pub with: WithRow,
    /// The first entry that the user may see.
    pub joined_seq: Seq,
    /// The last entry.
    pub last_seq: Seq,
    /// The user's watermarks.
    pub own: Watermarks,
    /// Messages of others after the read watermark: [`UNREAD_MAX`] at most, among the newest thousand entries.
    pub unread: i64,
    /// The latest message that the user may see.
    pub last_message: Option<Entry>,
    /// When something happened last.
    pub last_entry_at: Timestamp,
}

/// The other side of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WithRow {
    /// A user, and how far that one is.
    Peer(UserId, Watermarks),
    /// A group: its name and the user's part.
    Group(Arc<str>, Role),
}

/// Whose a conversation is, as far as it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// Of these two users, or of one twice.
    Dialog(UserId, UserId),
    /// Of a group's members.
    Group,
}

/// The part of a log that a user may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first place; 0 in a dialog.
    pub joined_seq: Seq,
    /// The last place: that of the leaving of a user who has left.
    pub top: Seq,
}

impl Store {
    /// A page of the user's conversations, latest activity first, without dialogs that have not begun.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn conversations(
        &self,
        user: UserId,
        after: Option<Cursor>,
        limit: Limit,
    ) -> Result<Vec<SummaryRow>, StoreError> {
        let at = after.and_then(|cursor| Timestamp::from_microsecond(cursor.at_us).ok());
        let id = after.map(|cursor| cursor.conversation.0);
        let rows = self
            .rows(CONVERSATIONS, &[&user.0, &at, &id, &limit.rows(), &UNREAD_MAX, &UNREAD_WINDOW])
            .await?;
        rows.iter().map(summary).collect()
    }

    /// Whose the conversation is; `None` when there is none of this number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn address(&self, conversation: ConversationId) -> Result<Option<Address>, StoreError> {
        let rows = self.rows(ADDRESS, &[&conversation.0]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let low = row.try_get::<_, Option<i64>>(0)?.map(UserId);
        let high = row.try_get::<_, Option<i64>>(1)?.map(UserId);
        Ok(Some(low.zip(high).map_or(Address::Group, |(low, high)| Address::Dialog(low, high))))
    }

    /// The part of the log that the user may see, who is or was a member; `None` for anybody else.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn window(
        &self,
        user: UserId,
        conversation: ConversationId,
    ) -> Result<Option<Window>, StoreError> {
        let rows = self.rows(WINDOW, &[&conversation.0, &user.0]).await?;
        let window = |row: &Row| Ok(Window { joined_seq: Seq(row.try_get(0)?), top: Seq(row.try_get(1)?) });
        rows.first().map(window).transpose()
    }
}

fn summary(row: &Row) -> Result<SummaryRow, StoreError> {
    let with = match row.try_get::<_, Option<i64>>(14)? {
        Some(peer) => {
            // The peer of a dialog never leaves it.
            let marks = Watermarks { read: Seq(row.try_get(21)?), delivered: Seq(row.try_get(22)?) };
            WithRow::Peer(UserId(peer), marks)
        }
        None => WithRow::Group(row.try_get::<_, &str>(13)?.into(), role(row.try_get(15)?)),
    };
    let has_message = row.try_get::<_, Option<i64>>(0)?.is_some();
    Ok(SummaryRow {
        conversation: ConversationId(row.try_get(12)?),
        with,
        joined_seq: Seq(row.try_get(16)?),
        last_seq: Seq(row.try_get(17)?),
        own: Watermarks { read: Seq(row.try_get(18)?), delivered: Seq(row.try_get(19)?) },
        unread: row.try_get(23)?,
        last_message: if has_message { log_row(row)?.entry } else { None },
        last_entry_at: row.try_get(20)?,
    })
}

pub(super) fn role(number: i16) -> Role {
    Role::ALL.into_iter().find(|role| *role as i16 == number).unwrap_or(Role::Member)
}
