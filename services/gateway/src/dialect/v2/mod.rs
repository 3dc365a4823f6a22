//! `messenger.v2`: the log as it is. Every request is answered with its `requestId`, every entry has its place, and a client
//! that knows its positions can tell a hole.

mod decode;
mod encode;
mod entry;
mod lists;
mod reply;
#[cfg(test)]
mod tests;

pub(super) use decode::decode;
pub(super) use encode::{gap, hello, reconnect, watermark};
pub(super) use entry::{event, unreadable};
pub(super) use reply::reply;

/// Positions of one `resume` at most.
const RESUME_POSITIONS: usize = 1_000;
/// Users of one `addMembers` at most.
const MEMBERS_PER_REQUEST: usize = 100;

/// The type of an answer to a frame that has no type of the dialect.
const UNKNOWN: &str = "unknown";

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    SendMessage,
    Resume,
    GetEntries,
    ListConversations,
    MarkRead,
    MarkDelivered,
    CreateGroup,
    AddMembers,
    RemoveMember,
    LeaveGroup,
    RenameGroup,
    SetRole,
    BlockUser,
    UnblockUser,
    ListBlocked,
    Authenticate,
}

impl Kind {
    const ALL: [Self; 16] = [
        Self::SendMessage,
        Self::Resume,
        Self::GetEntries,
        Self::ListConversations,
        Self::MarkRead,
        Self::MarkDelivered,
        Self::CreateGroup,
        Self::AddMembers,
        Self::RemoveMember,
        Self::LeaveGroup,
        Self::RenameGroup,
        Self::SetRole,
        Self::BlockUser,
        Self::UnblockUser,
        Self::ListBlocked,
        Self::Authenticate,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::SendMessage => "sendMessage",
            Self::Resume => "resume",
            Self::GetEntries => "getEntries",
            Self::ListConversations => "listConversations",
            Self::MarkRead => "markRead",
            Self::MarkDelivered => "markDelivered",
            Self::CreateGroup => "createGroup",
            Self::AddMembers => "addMembers",
            Self::RemoveMember => "removeMember",
            Self::LeaveGroup => "leaveGroup",
            Self::RenameGroup => "renameGroup",
            Self::SetRole => "setRole",
            Self::BlockUser => "blockUser",
            Self::UnblockUser => "unblockUser",
            Self::ListBlocked => "listBlocked",
            Self::Authenticate => "authenticate",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
