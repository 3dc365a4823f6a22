//! What a client is answered.

use std::sync::Arc;

use jiff::Timestamp;

use super::error::GatewayError;
use super::event::Event;
use super::ids::{ConversationId, EntryId, Seq, UserId};
use super::page::Cursor;
use super::sync::Bookmark;

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
    GroupCreated(ConversationId, Seq),
    /// To `AddMembers`: what became of each user.
    MembersAdded(Vec<(UserId, Result<Seq, GatewayError>)>),
    /// To `AddMember`, `RemoveMember`, `LeaveGroup`, `RenameGroup` and `SetRole`: the place of the change.
    Changed(Seq),
    /// To `BlockUser` and `UnblockUser`: whom it was about.
    BlockChanged(UserId),
    /// To `ListBlocked`.
    Blocked {
        /// The page.
        rows: Vec<Blocked>,
        /// The last one of it, where there may be more.
        next: Option<UserId>,
    },
    /// To `Send`, after the commit.
    Sent {
        /// Where it went, as it was asked.
        to: super::command::Destination,
        /// What was stored.
        receipt: Receipt,
    },
    /// To `ListConversations`.
    Conversations {
        /// The page.
        rows: Vec<Summary>,
        /// Where the next page begins; `None` when this is the last.
        next: Option<Cursor>,
    },
    /// To `GetEntries`.
    Entries {
        /// Whose log.
        conversation: ConversationId,
        /// The last entry that the user may see.
        last_seq: Seq,
        /// The part, in order.
        entries: Vec<Place>,
        /// Whether there is more in the direction that was asked for.
        has_more: bool,
    },
    /// To `Resume`.
    Resumed {
        /// Latest activity first.
        conversations: Vec<Resumed>,
        /// Named by the client, and none of the user's.
        unknown: Vec<ConversationId>,
        /// Where the next page begins; `None` when this is the last.
        next: Option<Bookmark>,
    },
    /// To `Mark`: the watermark now.
    Marked(Seq),
    /// To `Authenticate`: when the socket's token ends now.
    Authenticated(Timestamp),
}

/// A place in a log, told to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// What stands there.
    Event(Box<Event>),
    /// That something stands there which a newer version wrote and this one cannot read.
    Unreadable(ConversationId, Seq),
}

/// Whether a conversation is one of two users or of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversationKind {
    /// Of two users, or of one with himself.
    Dialog,
    /// Of any number.
    Group,
}

/// A member's part in a group. The numbers are stored: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Role {
    /// May write, read, add and leave.
    Member = 0,
    /// May remove members and rename, too.
    Admin = 1,
    /// As an admin, gives roles, and cannot be removed. A group has one.
    Owner = 2,
}

impl Role {
    /// All of them, by rank.
    pub const ALL: [Self; 3] = [Self::Member, Self::Admin, Self::Owner];

    /// The word for it, on the wire and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

/// A user whom the asking one has blocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// Who.
    pub user: UserId,
    /// The name.
    pub name: Option<Arc<str>>,
    /// Since when.
    pub since: Timestamp,
}

/// A member's watermarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// Up to where the user has read.
    pub read: Seq,
    /// Up to where a device has it.
    pub delivered: Seq,
}

/// A conversation in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The conversation.
    pub conversation: ConversationId,
    /// With whom, or in which group.
    pub with: With,
    /// The first entry that the user may see.
    pub joined_seq: Seq,
    /// The last entry.
    pub last_seq: Seq,
    /// The user's own watermarks.
    pub own: Watermarks,
    /// Messages of others after the read watermark; [`UNREAD_MAX`] means that many or more.
    pub unread: i64,
    /// The latest message that the user may see.
    pub last_message: Option<Box<Event>>,
    /// When something happened last.
    pub last_entry_at: Timestamp,
}

/// Unread messages are counted up to here.
pub const UNREAD_MAX: i64 = 100;

/// The other side of a conversation in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum With {
    /// A user.
    Peer {
        /// Who; the asking user in a dialog with oneself.
        id: UserId,
        /// The name.
        name: Option<Arc<str>>,
        /// How far the peer is.
        marks: Watermarks,
    },
    /// A group.
    Group {
        /// Its name.
        name: Arc<str>,
        /// The user's part.
        role: Role,
    },
}

/// What a client missed of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// The conversation.
    pub conversation: ConversationId,
    /// Dialog or group.
    pub kind: ConversationKind,
    /// The last entry that the user may see.
    pub last_seq: Seq,
    /// The user's watermarks.
    pub own: Watermarks,
    /// Whether the user still is a member.
    pub member: bool,
    /// Bounds of what was missed, both included, when it is more than `entries` hold; `None` when they hold all of it.
    pub limited: Option<(Seq, Seq)>,
    /// What was missed, in order; the newest part of it when `limited`.
    pub entries: Vec<Place>,
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
    pub place: ChatPlace,
    /// The text shown.
    pub content: Arc<str>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was last edited; else as `created_at`.
    pub updated_at: Timestamp,
    /// When its text was removed; only the place is left.
    pub deleted_at: Option<Timestamp>,
}

/// Where a chat's latest message went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatPlace {
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
