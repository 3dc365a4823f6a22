//! The documented dialect: `{"type", "params"}` in, `{"type", "success", "params"}` or `{"error", "type", "message"}` out.
//!
//! Invariant: `data`, `message` and `senderName` are in every successful frame. Keys are added behind the documented ones,
//! none is removed or changes its type.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub(super) use decode::decode;
pub(super) use encode::{event, reply};

/// The type of an answer to a frame that has no type of the dialect.
const PROCESSOR: &str = "processor";

/// What a frame is about: the same words in requests, replies and pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ListChats,
    DialogHistory,
    GroupHistory,
    NewGroup,
    AddUser,
    LeaveGroup,
    GroupMessage,
    PrivateMessage,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::ListChats,
        Self::DialogHistory,
        Self::GroupHistory,
        Self::NewGroup,
        Self::AddUser,
        Self::LeaveGroup,
        Self::GroupMessage,
        Self::PrivateMessage,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ListChats => "listLastMessage",
            Self::DialogHistory => "getlatestMessageDialog",
            Self::GroupHistory => "getlatestMessageGroup",
            Self::NewGroup => "newGroup",
            Self::AddUser => "addUserInGroup",
            Self::LeaveGroup => "leaveGroup",
            Self::GroupMessage => "messageInGroup",
            Self::PrivateMessage => "privateMessage",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
