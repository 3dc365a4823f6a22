//! The list of chats, and the messages of one chat.

use std::sync::Arc;

use jiff::Timestamp;

use super::conversations::awake_groups;
use super::rows::{entries, entry_columns, log_row};
use super::{Params, Store, StoreError};
use crate::domain::entry::Entry;
use crate::domain::error::GatewayError;
use crate::domain::ids::{ConversationId, Seq, UserId};
use crate::domain::page::Page;

/// The page is found without the log, which is visited for its rows only. Dialogs come by the day of their latest message,
/// the latest first, and all of the last day that is needed: so many may be on the page, whatever their order within a day.
/// The number is a query, so that the planner never knows it and never prefers to sort all of them. Where there are so many
/// dialogs, groups that have slept since their last day are not on the page: see [`awake_groups`].
/// A group shows its latest message or, before the first one that the user may see, the notice of the user's joining.
pub(super) const CHATS: &str = concat!(
    "WITH dialogs AS MATERIALIZED ( \
         (SELECT c.id, NULL AS name, c.last_message_seq AS seq, c.last_message_at AS shown_at, c.active_on FROM conversations c \
          WHERE c.kind = 0 AND c.low_user = $1 AND c.active_on IS NOT NULL AND c.deleted_at IS NULL \
          ORDER BY c.active_on DESC FETCH FIRST (SELECT $2::bigint + $3::bigint) ROWS WITH TIES) \
         UNION ALL \
         (SELECT c.id, NULL, c.last_message_seq, c.last_message_at, c.active_on FROM conversations c \
          WHERE c.kind = 0 AND c.high_user = $1 AND c.low_user <> c.high_user AND c.active_on IS NOT NULL AND c.deleted_at IS NULL \
          ORDER BY c.active_on DESC FETCH FIRST (SELECT $2 + $3) ROWS WITH TIES)), \
     mine AS ( \
         SELECT d.id, d.name, d.seq, d.shown_at FROM dialogs d \
         UNION ALL \
         (SELECT c.id, c.name, \
              CASE WHEN c.last_message_seq >= m.joined_seq THEN c.last_message_seq ELSE m.joined_seq END, \
              CASE WHEN c.last_message_seq >= m.joined_seq THEN c.last_message_at ELSE m.joined_at END \
          FROM ",
    awake_groups!("$2 + $3"),
    ")), \
     page AS (SELECT * FROM mine ORDER BY shown_at DESC, id DESC LIMIT $2 OFFSET $3) \
     SELECT ",
    entry_columns!(),
    ", e.edited_at, page.name \
     FROM page JOIN entries e ON e.conversation_id = page.id AND e.seq = page.seq \
     ORDER BY page.shown_at DESC, page.id DESC"
);

/// `$1` the conversation, `$2` rows of the page, `$3` messages before it, `$4` the first place that the user may see, `$5` the
/// last one where that was asked before: while it is not there yet there is no page. The places of a log have no holes: those
/// before the page are counted, and only what is no message among them is looked at; where everything was removed for its
/// age, nothing is. `reach` falls from each of these to the next older one: it is the last place if nothing but it were left
/// out.
pub(super) const HISTORY: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entries e \
     WHERE e.conversation_id = $1 AND e.seq >= $4 AND e.kind = 0 AND e.deleted_at IS NULL \
         AND e.seq > (SELECT f.cleared_seq FROM conversations f WHERE f.id = $1) AND e.seq <= ( \
         SELECT log.last - $3::bigint - ( \
             SELECT count(*) FROM ( \
                 SELECT h.seq + row_number() OVER (ORDER BY h.seq DESC) AS reach FROM entries h \
                 WHERE h.conversation_id = $1 AND h.seq BETWEEN greatest($4, log.cleared + 1) AND log.last \
                     AND (h.kind <> 0 OR h.deleted_at IS NOT NULL) AND $3 > 0) hidden \
             WHERE hidden.reach > log.last - $3) \
         FROM (SELECT coalesce($5::bigint, c.last_seq) AS last, c.cleared_seq AS cleared FROM conversations c \
             WHERE c.id = $1 AND c.last_seq >= coalesce($5, 0)) log) \
     ORDER BY e.seq DESC LIMIT $2"
);
pub(super) const GROUP_JOINED: &str = "SELECT m.joined_seq, c.last_seq FROM conversations c \
     LEFT JOIN members m ON m.conversation_id = c.id AND m.user_id = $2 AND m.left_seq IS NULL \
     WHERE c.id = $1 AND c.kind = 1 AND c.deleted_at IS NULL";
pub(super) const LAST_SEQ: &str = "SELECT c.last_seq FROM conversations c WHERE c.id = $1";

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
                let group_name = row.try_get::<_, Option<&str>>(13)?.map(Arc::from);
                chats.push(ChatRow { entry, edited_at: row.try_get(12)?, group_name });
            }
        }
        Ok(chats)
    }

    /// A page of a dialog's messages, newest first. Whether the reader is one of the two is the caller's to know.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn dialog_history(&self, dialog: ConversationId, page: Page) -> Result<Vec<Entry>, StoreError> {
        let mut last = None;
        if self.standby().is_some() {
            last = self.rows(LAST_SEQ, &[&dialog.0]).await?.first().map(|row| row.try_get(0)).transpose()?;
        }
        self.history(dialog, Seq::ZERO, last, page).await
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
        self.history(group, Seq(joined), row.try_get(1)?, page).await.map(Ok)
    }

    /// The page begins at `last`, as the primary knows it: it has all that anybody was told of by then, and nothing else. A
    /// standby that has not come so far has no page; one without messages proves nothing.
    async fn history(
        &self,
        conversation: ConversationId,
        from: Seq,
        last: Option<i64>,
        page: Page,
    ) -> Result<Vec<Entry>, StoreError> {
        let (limit, offset) = (page.limit(), page.offset());
        let params: Params<'_> = &[&conversation.0, &limit, &offset, &from.0, &last];
        let rows = match last {
            Some(_) => self.rows_proven(HISTORY, params, |rows| !rows.is_empty()).await?,
            None => self.rows(HISTORY, params).await?,
        };
        entries(&rows)
    }
}
