//! What a socket is told without having asked.

use std::sync::Arc;

use super::command::Mark;
use super::entry::{Entry, EntryKind};
use super::ids::UserId;

/// How a user is shown to others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Author {
    /// First name; `None` when the user has none, was removed, or is not known right now.
    pub name: Option<Arc<str>>,
    /// E-mail, which the documented notices of membership spell out; `None` as above.
    pub email: Option<Arc<str>>,
}

/// An entry on its way to the sockets of the members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub entry: Entry,
    /// Who caused it.
    pub author: Author,
    /// The recipient of a membership entry; empty for any other.
    pub subject: Author,
}

/// A member's watermark has moved. Ephemeral: whoever misses it learns it from the list of conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermark {
    /// Whose.
    pub user: UserId,
    /// Which, and how far.
    pub mark: Mark,
    /// Who else is told.
    pub audience: Audience,
}

/// Who is told of a [`Watermark`], beside the user's own devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Nobody: the group is too large.
    Nobody,
    /// The other user of the dialog.
    Peer(UserId),
    /// The members of the group.
    Members,
}

/// Shown instead of the e-mail of an account that was removed.
const NO_EMAIL: &str = "deleted";

impl Author {
    /// The documented sentence that tells of a change by this author, to `subject`; `None` for a message.
    pub fn notice(&self, kind: EntryKind, subject: &Self, body: &str) -> Option<String> {
        match kind {
            EntryKind::Message => None,
            EntryKind::GroupCreated => Some(format!("Group {body} created.")),
            EntryKind::GroupRenamed => Some(format!("Group renamed to {body}.")),
            EntryKind::MemberAdded => Some(format!("User #{} added in group.", self.address())),
            EntryKind::MemberLeft => Some(format!("User {} has left the group.", self.address())),
            EntryKind::MemberRemoved => Some(format!("User {} has left the group.", subject.address())),
            EntryKind::RoleChanged => Some(format!("User {} is {body} of the group.", subject.address())),
        }
    }

    fn address(&self) -> &str {
        self.email.as_deref().unwrap_or(NO_EMAIL)
    }
}
