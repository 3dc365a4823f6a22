//! What a client asks for, whatever dialect it speaks.

use std::fmt;

use uuid::Uuid;

use super::content::{Content, GroupName};
use super::ids::{ConversationId, Seq, UserId};
use super::page::{Cursor, Limit, Page};
use super::reply::Role;
use super::sync::{Bookmark, Sync};

/// One request, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The user's chats with the latest message of each, newest first.
    ListChats(Page),
    /// The messages of the dialog with `peer`, newest first.
    DialogHistory {
        /// The other user; oneself is allowed.
        peer: UserId,
        /// Which part.
        page: Page,
    },
    /// The messages of a group since the user joined, newest first.
    GroupHistory {
        /// The group.
        group: ConversationId,
        /// Which part.
        page: Page,
    },
    /// A new group with the user as its owner.
    CreateGroup {
        /// Its name.
        name: GroupName,
        /// The client's idempotency key: the group's public name. The same key again is the same group.
        key: Option<Uuid>,
    },
    /// Makes `user` a member of a group that the asking user is a member of.
    AddMember {
        /// The group.
        group: ConversationId,
        /// The new member.
        user: UserId,
    },
    /// Makes several users members, each on its own: one who cannot be added does not keep the others out.
    AddMembers {
        /// The group.
        group: ConversationId,
        /// The new members, without repetition.
        users: Vec<UserId>,
    },
    /// Ends another user's membership.
    RemoveMember {
        /// The group.
        group: ConversationId,
        /// The member to go.
        user: UserId,
    },
    /// Ends the user's membership.
    LeaveGroup {
        /// The group.
        group: ConversationId,
    },
    /// Gives a group another name.
    RenameGroup {
        /// The group.
        group: ConversationId,
        /// The new name.
        name: GroupName,
    },
    /// Gives another member a role; the owner who gives away the ownership becomes an admin.
    SetRole {
        /// The group.
        group: ConversationId,
        /// The member.
        user: UserId,
        /// The new role.
        role: Role,
    },
    /// From now on the two cannot write to each other in their dialog, nor add each other to groups.
    BlockUser {
        /// The other one.
        user: UserId,
    },
    /// Takes a block back.
    UnblockUser {
        /// The other one.
        user: UserId,
    },
    /// Whom the user has blocked, in the order of their numbers.
    ListBlocked {
        /// Rows.
        limit: Limit,
        /// The last one of the page before.
        after: Option<UserId>,
    },
    /// Stores a message and delivers it.
    Send(Send),
    /// The user's conversations, latest activity first, with what is unread.
    ListConversations {
        /// Rows.
        limit: Limit,
        /// Where the page before ended.
        after: Option<Cursor>,
    },
    /// A part of a conversation's log.
    GetEntries {
        /// Whose log.
        conversation: ConversationId,
        /// Which part.
        range: Range,
        /// Rows.
        limit: Limit,
    },
    /// What a client missed that was connected before.
    Resume {
        /// Where conversations without a position stood: the mark of an earlier connection.
        since: Option<Sync>,
        /// How far the client holds these conversations.
        positions: Vec<(ConversationId, Seq)>,
        /// Where the page before ended.
        after: Option<Bookmark>,
    },
    /// Moves a watermark of the user, forward only.
    Mark(Mark),
    /// Renews the token of the open socket. Answered by the session itself.
    Authenticate(Token),
}

/// Which part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// The oldest entries after this place.
    After(Seq),
    /// The newest entries before this place.
    Before(Seq),
    /// The newest entries.
    Newest,
}

/// A watermark of one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// In which conversation.
    pub conversation: ConversationId,
    /// What has happened to the entries.
    pub kind: MarkKind,
    /// Up to where.
    pub seq: Seq,
}

/// What a member has done with entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MarkKind {
    /// A device has them.
    Delivered,
    /// The user has seen them.
    Read,
}

/// A token that a client has sent. Does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub Box<str>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A message to be stored and delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// Where to.
    pub to: Destination,
    /// The text.
    pub content: Content,
    /// The client's idempotency key: the same key again, at any time and on any replica, is the same message.
    pub client_id: Option<Uuid>,
    /// The entry of the same conversation that it answers.
    pub reply_to: Option<Seq>,
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// The dialog with this user, which begins with its first message.
    User(UserId),
    /// This group.
    Group(ConversationId),
    /// This conversation of the user's, of whichever kind.
    Conversation(ConversationId),
}
