//! Names of channels.

use crate::domain::ids::{ConversationId, UserId};

/// A channel of the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// What concerns one user: dialogs, and coming into a group.
    User(UserId),
    /// What concerns the members of a group.
    Conversation(ConversationId),
    /// Changes of accounts, published by accounts.
    Accounts,
    /// This replica's own: what it rings here it must hear, or its subscriptions are dead.
    Own,
}

impl Channel {
    /// The channel's name in Redis, as the replica `node` sees it.
    pub fn name(self, prefix: &str, node: &str) -> String {
        match self {
            Self::Own => format!("{prefix}:hb:{node}"),
            Self::User(user) => format!("{prefix}:u:{user}"),
            Self::Conversation(conversation) => format!("{prefix}:c:{conversation}"),
            Self::Accounts => format!("{prefix}:users"),
        }
    }
}
