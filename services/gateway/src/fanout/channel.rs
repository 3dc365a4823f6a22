//! What can be listened to.

use super::partition::Partition;
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
    /// This replica's own, one in each partition: what it rings here it must hear, or its subscriptions are dead.
    Own(Partition),
}
