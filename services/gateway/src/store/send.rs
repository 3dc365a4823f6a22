//! Stores messages, many with one statement.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Params, Store, StoreError};
use crate::domain::ids::{ConversationId, EntryId, Seq, UserId};
use crate::sabotage::Defect;

pub(super) const SEND_MESSAGES: &str = "SELECT status, seq, id, created_at FROM send_messages($1, $2::bigint[], $3::bigint[], \
     $4::bigint[], $5::uuid[], $6::uuid[], $7::text[], $8::bigint[])";

/// A message to be stored.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Where to.
    pub conversation: ConversationId,
    /// Who writes; must be a member.
    pub sender: UserId,
    /// The peer, in a dialog; none in a group.
    pub recipient: Option<UserId>,
    /// Idempotency key within conversation and sender.
    pub client_id: Uuid,
    /// The entry's public name, if it is stored.
    pub uuid: Uuid,
    /// The text.
    pub content: Arc<str>,
    /// The entry that the message replies to.
    pub target: Option<Seq>,
}

/// What to do about a conversation whose row somebody else has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// Wait for the lock, as long as the server allows a statement.
    Wait,
    /// Store nothing of the conversation: [`Outcome::Busy`].
    Skip,
}

/// What became of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored.
    Stored {
        /// Its place.
        seq: Seq,
        /// Its number.
        id: EntryId,
        /// Its time.
        created_at: Timestamp,
    },
    /// The same message had been stored before, with these.
    Seen {
        /// Its place.
        seq: Seq,
        /// Its number.
        id: EntryId,
        /// Its time.
        created_at: Timestamp,
    },
    /// The idempotency key belongs to a message with another text or target.
    Conflict,
    /// The sender is not a member.
    NotMember,
    /// The other user of the dialog has blocked the sender.
    BlockedByPeer,
    /// The sender has blocked the other user of the dialog.
    BlockedBySender,
    /// There is no such conversation of this kind.
    UnknownConversation,
    /// There is no entry at the target.
    UnknownTarget,
    /// The conversation is locked: nothing of it was stored. Only with [`Locked::Skip`].
    Busy,
}

impl Store {
    /// Stores a batch: all of it or, on an error, nothing. The outcomes are in the order of the drafts, and so are the
    /// sequences within a conversation. Safe to repeat.
    ///
    /// # Errors
    /// [`StoreError::Data`] when one of the drafts cannot be stored: send them apart.
    pub async fn send(&self, drafts: &[&Draft], locked: Locked) -> Result<Vec<Outcome>, StoreError> {
        let wait = locked == Locked::Wait;
        let conversations: Vec<_> = drafts.iter().map(|draft| draft.conversation.0).collect();
        let senders: Vec<_> = drafts.iter().map(|draft| draft.sender.0).collect();
        let recipients: Vec<_> = drafts.iter().map(|draft| draft.recipient.map(|user| user.0)).collect();
        let clients: Vec<_> = drafts.iter().map(|draft| draft.client_id).collect();
        let uuids: Vec<_> = drafts.iter().map(|draft| draft.uuid).collect();
        let bodies: Vec<_> = drafts.iter().map(|draft| &*draft.content).collect();
        let targets: Vec<_> = drafts.iter().map(|draft| draft.target.map(|seq| seq.0)).collect();
        let params: Params<'_> =
            &[&wait, &conversations, &senders, &recipients, &clients, &uuids, &bodies, &targets];
        let rows = if self.sabotage.is(Defect::AckBeforeCommit) {
            self.rows_before_commit(SEND_MESSAGES, params).await?
        } else {
            self.rows(SEND_MESSAGES, params).await?
        };
        if rows.len() != drafts.len() {
            return Err(StoreError::of_answer());
        }
        rows.iter().map(outcome).collect()
    }
}

fn outcome(row: &tokio_postgres::Row) -> Result<Outcome, StoreError> {
    let place =
        || -> Result<_, StoreError> { Ok((Seq(row.try_get(1)?), EntryId(row.try_get(2)?), row.try_get(3)?)) };
    Ok(match row.try_get::<_, i16>(0)? {
        0 => {
            let (seq, id, created_at) = place()?;
            Outcome::Stored { seq, id, created_at }
        }
        1 => {
            let (seq, id, created_at) = place()?;
            Outcome::Seen { seq, id, created_at }
        }
        2 => Outcome::Conflict,
        3 => match row.try_get::<_, Option<i64>>(1)? {
            None => Outcome::NotMember,
            Some(1) => Outcome::BlockedByPeer,
            Some(_) => Outcome::BlockedBySender,
        },
        4 => Outcome::UnknownConversation,
        5 => Outcome::UnknownTarget,
        6 => Outcome::Busy,
        _ => return Err(StoreError::of_answer()),
    })
}
