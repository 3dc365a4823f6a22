//! What a client asks for, whatever dialect it speaks.

use uuid::Uuid;

use super::content::{Content, GroupName};
use super::ids::{ConversationId, UserId};
use super::page::Page;

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
    },
    /// Makes `user` a member of a group that the asking user is a member of.
    AddMember {
        /// The group.
        group: ConversationId,
        /// The new member.
        user: UserId,
    },
    /// Ends the user's membership.
    LeaveGroup {
        /// The group.
        group: ConversationId,
    },
    /// Stores a message and delivers it.
    Send(Send),
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
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// The dialog with this user, which begins with its first message.
    User(UserId),
    /// This group.
    Group(ConversationId),
}
