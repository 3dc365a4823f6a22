//! Where the conversations of a client stand that was connected before, and how far it holds them.

use tokio_postgres::Row;

use super::{Params, Store, StoreError};
use crate::domain::ids::{ConversationId, Seq, UserId, Xid};
use crate::domain::reply::{ConversationKind, Watermarks};
use crate::domain::sync::{Bookmark, Sync, Tag};

/// A mark of another epoch is one from the future, for which everything is told, and such a bookmark is none.
pub(super) const RESUME_HEADS: &str = "SELECT h.conversation_id, h.kind, h.after, h.top, h.read_seq, h.delivered_seq, h.is_member, \
         h.next_xid, h.next_id, e.tag \
     FROM log_epoch e, LATERAL resume_heads($1, \
         CASE WHEN $2::bigint IS NULL OR e.tag IS NOT DISTINCT FROM $9::uuid THEN $2 ELSE 9223372036854775807 END, \
         CASE WHEN e.tag IS NOT DISTINCT FROM $10::uuid THEN $3::bigint END, \
         CASE WHEN e.tag IS NOT DISTINCT FROM $10 THEN $4::bigint END, $5, $6, $7, $8) h";

/// Of each, in their order.
pub(super) const RESTED_SINCE: &str = "SELECT * FROM rested_since($1, $2, $3, $4)";

/// Conversations of a page at most, beside those that are named.
const CONVERSATIONS_MAX: i64 = 1_000;
/// Transactions before a mark that are told again: a standby that is promoted while some of the latest have not reached it
/// gives their ids a second time.
const SINCE_MARGIN: i64 = 1_000;

/// Where a conversation stands for a user, and how far the client holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumeHead {
    /// The conversation.
    pub conversation: ConversationId,
    /// Dialog or group.
    pub kind: ConversationKind,
    /// The client holds what the user may see up to here. Beyond `top`, if the log was restored from a backup.
    pub after: Seq,
    /// The last entry that the user may see.
    pub top: Seq,
    /// The user's watermarks.
    pub own: Watermarks,
    /// Whether the user still is a member.
    pub member: bool,
}

/// What a user's conversations have come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResumeHeads {
    /// Latest activity first.
    pub heads: Vec<ResumeHead>,
    /// Named, and none of the user's.
    pub unknown: Vec<ConversationId>,
    /// Where the page ended; none: it was the last.
    pub next: Option<Bookmark>,
}

impl Store {
    /// Where the named conversations stand, and a page of those that have grown since a mark: the first after `after`, in
    /// the order of their latest transactions. A conversation without a position is held as far as it had grown by the
    /// mark.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn resume_heads(
        &self,
        user: UserId,
        since: Option<Sync>,
        positions: &[(ConversationId, Seq)],
        after: Option<Bookmark>,
    ) -> Result<ResumeHeads, StoreError> {
        self.resume_heads_within(user, since, positions, after, SINCE_MARGIN, CONVERSATIONS_MAX).await
    }

    /// Of each user whether nothing is to be told since the mark, as [`Store::resume_heads`] would find without positions: a
    /// fraction of its work. It may be denied of one to whom nothing is to be told after all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rested_since(&self, asked: &[(UserId, Sync)]) -> Result<Vec<bool>, StoreError> {
        self.rested_since_within(asked, SINCE_MARGIN).await
    }

    pub(super) async fn rested_since_within(
        &self,
        asked: &[(UserId, Sync)],
        margin: i64,
    ) -> Result<Vec<bool>, StoreError> {
        let users: Vec<i64> = asked.iter().map(|(user, _)| user.0).collect();
        let (marks, epochs): (Vec<i64>, Vec<Tag>) =
            asked.iter().map(|(_, since)| (since.xid.0, since.epoch)).unzip();
        let rows = self.rows(RESTED_SINCE, &[&users, &marks, &epochs, &margin]).await?;
        if rows.len() != asked.len() {
            return Err(StoreError::of_answer());
        }
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    pub(super) async fn resume_heads_within(
        &self,
        user: UserId,
        since: Option<Sync>,
        positions: &[(ConversationId, Seq)],
        after: Option<Bookmark>,
        margin: i64,
        conversations: i64,
    ) -> Result<ResumeHeads, StoreError> {
        let (since, since_epoch) = since.map(|since| (since.xid.0, since.epoch)).unzip();
        let after_epoch = after.map(|after| after.epoch);
        let (after_xid, after_id) = after.map(|after| (after.xid.0, after.conversation.0)).unzip();
        let (named, held): (Vec<_>, Vec<_>) =
            positions.iter().map(|(conversation, seq)| (conversation.0, seq.0)).unzip();
        let (since_epoch, after_epoch): (Tag, Tag) = (since_epoch.flatten(), after_epoch.flatten());
        let params: Params<'_> = &[
            &user.0,
            &since,
            &after_xid,
            &after_id,
            &named,
            &held,
            &margin,
            &conversations,
            &since_epoch,
            &after_epoch,
        ];
        let rows = self.rows(RESUME_HEADS, params).await?;
        let mut found = ResumeHeads::default();
        for row in &rows {
            let conversation = ConversationId(row.try_get(0)?);
            match row.try_get(1)? {
                None => found.unknown.push(conversation),
                Some(kind) => {
                    found.heads.push(head(row, conversation, kind)?);
                    found.next = next(row)?;
                }
            }
        }
        Ok(found)
    }
}

fn next(row: &Row) -> Result<Option<Bookmark>, StoreError> {
    let place: (Option<i64>, Option<i64>) = (row.try_get(7)?, row.try_get(8)?);
    let epoch = row.try_get(9)?;
    let bookmark = |(xid, id)| Bookmark { xid: Xid(xid), conversation: ConversationId(id), epoch };
    Ok(place.0.zip(place.1).map(bookmark))
}

fn head(row: &Row, conversation: ConversationId, kind: i16) -> Result<ResumeHead, StoreError> {
    Ok(ResumeHead {
        conversation,
        kind: if kind == 0 { ConversationKind::Dialog } else { ConversationKind::Group },
        after: Seq(row.try_get(2)?),
        top: Seq(row.try_get(3)?),
        own: Watermarks { read: Seq(row.try_get(4)?), delivered: Seq(row.try_get(5)?) },
        member: row.try_get(6)?,
    })
}
