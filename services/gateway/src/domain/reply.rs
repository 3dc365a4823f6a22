//! What a client is answered.

use std::sync::Arc;

use jiff::Timestamp;

use super::ids::{ConversationId, EntryId, Seq, UserId};

/// The answer to a [`Command`](super::command::Command).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To `ListChats`.
    Chats(Vec<Chat>),
    /// To `DialogHistory`.
    DialogHistory(Vec<DialogMessage>),
    /// To `GroupHistory`.
    GroupHistory(Vec<GroupMessage>),
    /// To `CreateGroup`.
    GroupCreated(ConversationId),
    /// To `AddMember`.
    MemberAdded,
    /// To `LeaveGroup`.
    GroupLeft,
    /// To `Send`, after the commit.
    Sent {
        /// Where it went, as it was asked.
        to: super::command::Destination,
        /// What was stored.
        receipt: Receipt,
    },
}

/// Proof that a message is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The log it is in.
    pub conversation: ConversationId,
    /// Its number over all logs.
    pub id: EntryId,
    /// Its place in the log.
    pub seq: Seq,
    /// When it was stored first.
    pub created_at: Timestamp,
    /// It had been stored by an earlier request with the same idempotency key.
    pub duplicate: bool,
}

/// A chat in the list, shown by its latest message, or by the notice of how the user came into the group when there
/// is no message yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    /// Number of the entry shown.
    pub id: EntryId,
    /// Who wrote it.
    pub sender: UserId,
    /// Their name.
    pub sender_name: Option<Arc<str>>,
    /// The dialog's other end, or the group.
    pub place: Place,
    /// The text shown.
    pub content: Arc<str>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was last edited; else as `created_at`.
    pub updated_at: Timestamp,
}

/// Where a chat's latest message went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// To this user.
    User {
        /// The receiver of the message (which may be the asking user).
        id: UserId,
        /// Their name.
        name: Option<Arc<str>>,
    },
    /// To this group.
    Group {
        /// The group.
        id: ConversationId,
        /// Its name.
        name: Arc<str>,
    },
}

/// A message of a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogMessage {
    /// Number over all logs.
    pub id: EntryId,
    /// Place in the dialog.
    pub seq: Seq,
    /// Who wrote it.
    pub sender: UserId,
    /// To whom.
    pub receiver: UserId,
    /// The receiver's name.
    pub receiver_name: Option<Arc<str>>,
    /// The text.
    pub content: Arc<str>,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// A message of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMessage {
    /// Number over all logs.
    pub id: EntryId,
    /// Place in the group.
    pub seq: Seq,
    /// Who wrote it.
    pub sender: UserId,
    /// Their name.
    pub sender_name: Option<Arc<str>>,
    /// The group.
    pub group: ConversationId,
    /// The text.
    pub content: Arc<str>,
    /// When it was stored.
    pub created_at: Timestamp,
}
