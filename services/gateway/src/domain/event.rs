//! What a socket is told without having asked.

use std::sync::Arc;

use super::entry::{Entry, EntryKind};

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
}

/// Shown instead of the e-mail of an account that was removed.
const NO_EMAIL: &str = "deleted";

impl Author {
    /// The documented sentence that tells of a membership entry; `None` for a message.
    pub fn notice(&self, kind: EntryKind, body: &str) -> Option<String> {
        let email = self.email.as_deref().unwrap_or(NO_EMAIL);
        match kind {
            EntryKind::Message => None,
            EntryKind::GroupCreated => Some(format!("Group {body} created.")),
            EntryKind::MemberAdded => Some(format!("User #{email} added in group.")),
            EntryKind::MemberLeft => Some(format!("User {email} has left the group.")),
        }
    }
}
