//! The list of chats, and the messages of one chat.

use std::sync::Arc;

use jiff::Timestamp;

use super::rows::{entries, entry_columns, log_row};
use super::{Store, StoreError};
use crate::domain::entry::Entry;
use crate::domain::error::GatewayError;
use crate::domain::ids::{ConversationId, UserId};
use crate::domain::page::Page;

/// The page is found in `members` and `conversations` alone; the log is visited for its rows only. A chat shows its
/// latest message or, before the first one that the user may see, the notice of the user's joining.
pub(super) const CHATS: &str = concat!(
    "WITH mine AS ( \
         SELECT c.id, c.name, \
             CASE WHEN c.last_message_seq >= m.joined_seq THEN c.last_message_seq ELSE m.joined_seq END AS seq, \
             CASE WHEN c.last_message_seq >= m.joined_seq THEN c.last_message_at ELSE m.joined_at END AS shown_at \
         FROM members m JOIN conversations c ON c.id = m.conversation_id \
         WHERE m.user_id = $1 AND m.left_seq IS NULL AND c.deleted_at IS NULL \
             AND (c.kind = 1 OR c.last_message_seq > 0) \
         ORDER BY shown_at DESC, c.id DESC LIMIT $2 OFFSET $3) \
     SELECT ",
    entry_columns!(),
    ", e.edited_at, mine.name \
     FROM mine JOIN entries e ON e.conversation_id = mine.id AND e.seq = mine.seq \
     ORDER BY mine.shown_at DESC, mine.id DESC"
);
pub(super) const DIALOG_HISTORY: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entries e WHERE e.conversation_id = $1 AND e.kind = 0 AND e.deleted_at IS NULL \
     ORDER BY e.seq DESC LIMIT $2 OFFSET $3"
);
pub(super) const GROUP_HISTORY: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entries e WHERE e.conversation_id = $1 AND e.seq >= $2 AND e.kind = 0 AND e.deleted_at IS NULL \
     ORDER BY e.seq DESC LIMIT $3 OFFSET $4"
);
pub(super) const GROUP_JOINED: &str = "SELECT m.joined_seq FROM conversations c \
     LEFT JOIN members m ON m.conversation_id = c.id AND m.user_id = $2 AND m.left_seq IS NULL \
     WHERE c.id = $1 AND c.kind = 1 AND c.deleted_at IS NULL";

/// A chat as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatRow {
    /// The entry that stands for the chat.
    pub entry: Entry,
    /// When that was edited last.
    pub edited_at: Option<Timestamp>,
    /// The group's name; none for a dialog.
    pub group_name: Option<Arc<str>>,
}

impl Store {
    /// A page of the user's chats, newest first, in a stable order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chats(&self, user: UserId, page: Page) -> Result<Vec<ChatRow>, StoreError> {
        let rows = self.rows(CHATS, &[&user.0, &page.limit(), &page.offset()]).await?;
        let mut chats = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(entry) = log_row(row)?.entry {
                let group_name = row.try_get::<_, Option<&str>>(12)?.map(Arc::from);
                chats.push(ChatRow { entry, edited_at: row.try_get(11)?, group_name });
            }
        }
        Ok(chats)
    }

    /// A page of a dialog's messages, newest first. Whether the reader is one of the two is the caller's to know.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn dialog_history(&self, dialog: ConversationId, page: Page) -> Result<Vec<Entry>, StoreError> {
        entries(&self.rows(DIALOG_HISTORY, &[&dialog.0, &page.limit(), &page.offset()]).await?)
    }

    /// A page of a group's messages since the user joined, newest first.
    ///
    /// # Errors
    /// Outside the database's; inside [`GatewayError::UnknownGroup`], [`GatewayError::NotMember`].
    pub async fn group_history(
        &self,
        user: UserId,
        group: ConversationId,
        page: Page,
    ) -> Result<Result<Vec<Entry>, GatewayError>, StoreError> {
        let rows = self.rows(GROUP_JOINED, &[&group.0, &user.0]).await?;
        let Some(row) = rows.first() else { return Ok(Err(GatewayError::UnknownGroup)) };
        let Some(joined) = row.try_get::<_, Option<i64>>(0)? else { return Ok(Err(GatewayError::NotMember)) };
        let rows = self.rows(GROUP_HISTORY, &[&group.0, &joined, &page.limit(), &page.offset()]).await?;
        entries(&rows).map(Ok)
    }
}
