//! What a socket is told without having asked.

use std::sync::Arc;

use super::entry::Entry;

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
