//! Conversations and memberships as an operator sees them: all of them, deleted and left ones included.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::log::LogRow;
use super::removal::next_key;
use super::rows::{entry_columns, log_row};
use super::{Store, StoreError};
use crate::domain::ids::{ConversationId, Seq, UserId};
use crate::domain::reply::{ConversationKind, Role, Watermarks};

macro_rules! record_columns {
    () => {
        "c.id, c.uuid, c.kind, c.name, c.low_user, c.high_user, c.last_seq, c.cleared_seq, c.created_by, c.created_at, \
         c.last_entry_at, c.deleted_at"
    };
}
macro_rules! member_columns {
    () => {
        "m.user_id, m.role, m.joined_seq, m.joined_at, m.left_seq, m.read_seq, m.delivered_seq"
    };
}

pub(super) const RECORD: &str =
    concat!("SELECT ", record_columns!(), " FROM conversations c WHERE c.id = $1");
pub(super) const ID_OF_UUID: &str = "SELECT c.id FROM conversations c WHERE c.uuid = $1";
pub(super) const MEMBERS: &str = concat!(
    "SELECT ",
    member_columns!(),
    " FROM members m WHERE m.conversation_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3"
);
/// Present and former memberships are in two indexes.
pub(super) const MEMBERSHIPS: &str = concat!(
    "SELECT ",
    member_columns!(),
    ", ",
    record_columns!(),
    " FROM ( \
         (SELECT conversation_id FROM members \
          WHERE user_id = $1 AND left_seq IS NULL AND conversation_id > $2 ORDER BY conversation_id LIMIT $3) \
         UNION ALL \
         (SELECT conversation_id FROM members \
          WHERE user_id = $1 AND left_seq IS NOT NULL AND conversation_id > $2 ORDER BY conversation_id LIMIT $3)) mine \
     JOIN members m ON m.conversation_id = mine.conversation_id AND m.user_id = $1 \
     JOIN conversations c ON c.id = mine.conversation_id \
     ORDER BY mine.conversation_id LIMIT $3"
);
pub(super) const COUNTS: &str = "SELECT \
     (SELECT count(*) FROM members WHERE user_id = $1 AND left_seq IS NULL AND joined_seq = 0), \
     (SELECT count(*) FROM members WHERE user_id = $1 AND left_seq IS NULL AND joined_seq > 0), \
     (SELECT count(*) FROM members WHERE user_id = $1 AND left_seq IS NOT NULL), \
     (SELECT count(*) FROM blocks WHERE user_id = $1)";
/// What a user has caused in a conversation is in the index of the client ids.
pub(super) const ENTRIES_OF: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entries e WHERE e.conversation_id = $1 AND e.sender_id = $2 AND e.client_id >= $3 \
     ORDER BY e.client_id LIMIT $4"
);

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub id: ConversationId,
    /// Its public name.
    pub uuid: Uuid,
    /// Dialog or group.
    pub kind: ConversationKind,
    /// Name of a group.
    pub name: Option<String>,
    /// The two of a dialog.
    pub users: Option<(UserId, UserId)>,
    /// The last entry.
    pub last_seq: Seq,
    /// Messages up to here were removed for their age.
    pub cleared_seq: Seq,
    /// Who began it.
    pub created_by: UserId,
    /// When it began.
    pub created_at: Timestamp,
    /// When something happened last.
    pub last_entry_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// A membership, present or former.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberRecord {
    /// Whose.
    pub user: UserId,
    /// His part in a group.
    pub role: Role,
    /// The first entry that he may see; 0 in a dialog.
    pub joined_seq: Seq,
    /// When he came.
    pub joined_at: Timestamp,
    /// With which entry it ended.
    pub left_seq: Option<Seq>,
    /// How far he has it.
    pub marks: Watermarks,
}

/// How much there is of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Dialogs.
    pub dialogs: i64,
    /// Groups that he is in.
    pub groups: i64,
    /// Groups that he was in.
    pub left: i64,
    /// Users whom he has blocked.
    pub blocked: i64,
}

impl Store {
    /// A conversation, also a deleted one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record(&self, conversation: ConversationId) -> Result<Option<Record>, StoreError> {
        let rows = self.rows(RECORD, &[&conversation.0]).await?;
        rows.first().map(|row| record(row, 0)).transpose()
    }

    /// The conversation with this public name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn id_of_uuid(&self, uuid: Uuid) -> Result<Option<ConversationId>, StoreError> {
        let rows = self.rows(ID_OF_UUID, &[&uuid]).await?;
        rows.first().map(|row| Ok(ConversationId(row.try_get(0)?))).transpose()
    }

    /// A page of a conversation's members, former ones included, by their numbers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn members(
        &self,
        conversation: ConversationId,
        after: UserId,
        limit: i64,
    ) -> Result<Vec<MemberRecord>, StoreError> {
        let rows = self.rows(MEMBERS, &[&conversation.0, &after.0, &limit]).await?;
        rows.iter().map(member).collect()
    }

    /// A page of a user's conversations, those that he has left included, by their numbers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn memberships(
        &self,
        user: UserId,
        after: ConversationId,
        limit: i64,
    ) -> Result<Vec<(MemberRecord, Record)>, StoreError> {
        let rows = self.rows(MEMBERSHIPS, &[&user.0, &after.0, &limit]).await?;
        rows.iter().map(|row| Ok((member(row)?, record(row, 7)?))).collect()
    }

    /// How much there is of a user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn counts(&self, user: UserId) -> Result<Counts, StoreError> {
        let row = self.row(COUNTS, &[&user.0]).await?;
        Ok(Counts {
            dialogs: row.try_get(0)?,
            groups: row.try_get(1)?,
            left: row.try_get(2)?,
            blocked: row.try_get(3)?,
        })
    }

    /// A page of what a user has caused in a conversation, by the idempotency keys, from `from` on: the page, and where
    /// the next one begins, if there may be one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn entries_of(
        &self,
        conversation: ConversationId,
        user: UserId,
        from: Uuid,
        limit: i64,
    ) -> Result<(Vec<LogRow>, Option<Uuid>), StoreError> {
        let rows = self.rows(ENTRIES_OF, &[&conversation.0, &user.0, &from, &limit]).await?;
        let last = rows.last().map(|row| row.try_get::<_, Uuid>(7)).transpose()?;
        Ok((rows.iter().map(log_row).collect::<Result<_, _>>()?, last.and_then(next_key)))
    }
}

/// Columns from `at` on.
fn record(row: &Row, at: usize) -> Result<Record, StoreError> {
    let low = row.try_get::<_, Option<i64>>(at + 4)?.map(UserId);
    let high = row.try_get::<_, Option<i64>>(at + 5)?.map(UserId);
    Ok(Record {
        id: ConversationId(row.try_get(at)?),
        uuid: row.try_get(at + 1)?,
        kind: if row.try_get::<_, i16>(at + 2)? == 0 {
            ConversationKind::Dialog
        } else {
            ConversationKind::Group
        },
        name: row.try_get(at + 3)?,
        users: low.zip(high),
        last_seq: Seq(row.try_get(at + 6)?),
        cleared_seq: Seq(row.try_get(at + 7)?),
        created_by: UserId(row.try_get(at + 8)?),
        created_at: row.try_get(at + 9)?,
        last_entry_at: row.try_get(at + 10)?,
        deleted_at: row.try_get(at + 11)?,
    })
}

fn member(row: &Row) -> Result<MemberRecord, StoreError> {
    Ok(MemberRecord {
        user: UserId(row.try_get(0)?),
        role: super::conversations::role(row.try_get(1)?),
        joined_seq: Seq(row.try_get(2)?),
        joined_at: row.try_get(3)?,
        left_seq: row.try_get::<_, Option<i64>>(4)?.map(Seq),
        marks: Watermarks { read: Seq(row.try_get(5)?), delivered: Seq(row.try_get(6)?) },
    })
}
