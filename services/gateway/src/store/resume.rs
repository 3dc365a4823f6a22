//! Where the conversations of a client stand that was connected before, and how far it holds them.

use tokio_postgres::Row;

use super::{Store, StoreError};
use crate::domain::ids::{ConversationId, Seq, UserId};
use crate::domain::reply::{ConversationKind, Watermarks};
use crate::domain::sync::Sync;

pub(super) const RESUME_HEADS: &str = "SELECT conversation_id, kind, after, top, read_seq, delivered_seq, is_member, more \
     FROM resume_heads($1, $2, $3, $4, $5, $6)";

/// Conversations in an answer at most.
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
    /// There are more than an answer holds.
    pub more: bool,
}

impl Store {
    /// Where the named conversations stand and those that have grown since a mark. A conversation without a position is
    /// held as far as it had grown by the mark.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn resume_heads(
        &self,
        user: UserId,
        since: Option<Sync>,
        positions: &[(ConversationId, Seq)],
    ) -> Result<ResumeHeads, StoreError> {
        self.resume_heads_within(user, since, positions, SINCE_MARGIN, CONVERSATIONS_MAX).await
    }

    pub(super) async fn resume_heads_within(
        &self,
        user: UserId,
        since: Option<Sync>,
        positions: &[(ConversationId, Seq)],
        margin: i64,
        conversations: i64,
    ) -> Result<ResumeHeads, StoreError> {
        let since = since.map(|since| since.0.0);
        let (named, held): (Vec<_>, Vec<_>) =
            positions.iter().map(|(conversation, seq)| (conversation.0, seq.0)).unzip();
        let rows =
            self.rows(RESUME_HEADS, &[&user.0, &since, &named, &held, &margin, &conversations]).await?;
        let mut found = ResumeHeads::default();
        for row in &rows {
            let conversation = ConversationId(row.try_get(0)?);
            match row.try_get(1)? {
                None => found.unknown.push(conversation),
                Some(kind) => {
                    found.heads.push(head(row, conversation, kind)?);
                    found.more = row.try_get(7)?;
                }
            }
        }
        Ok(found)
    }
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
