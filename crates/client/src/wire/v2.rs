//! Frames of `messenger.v2` as types. Tolerant: added keys are ignored, and a kind of entry or event that is not known is a
//! value of its own, because a newer server may send it.

mod blocks;
mod event;
mod request;

#[cfg(test)]
mod tests;

pub use blocks::{BlockChanged, BlockUser, BlockedUser, BlockedUsers, ListBlocked, UnblockUser};
pub use event::{Entry, EntryKind, Event, Gap, Hello, Limits, Watermark, WatermarkKind};
pub use request::{
    AddMembers, AddedMember, AddedMembers, Authenticate, Authenticated, Bounds, Changed, Conversation,
    Conversations, CreateGroup, Created, Entries, GetEntries, LeaveConversation, ListConversations,
    MarkDelivered, MarkRead, RemoveMember, RenameGroup, Resume, Resumed, ResumedConversation, SendMessage,
    SetRole, Stored, To,
};

/// The subprotocol that asks for this dialect.
pub const SUBPROTOCOL: &str = "messenger.v2";
