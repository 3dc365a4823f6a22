//! What the server says without being asked.

use super::{Incoming, decode, v2};

/// A frame nobody asked for. The documented keys are `message` and `senderName`; the rest is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Push {
    /// Someone wrote to this user, or this user wrote to someone on another device.
    PrivateMessage(Delivery),
    /// Someone wrote in a group of this user, or this user did on another device.
    GroupMessage(Delivery),
    /// A user was added to a group of this user.
    MemberAdded(Delivery),
    /// A user left a group of this user.
    MemberLeft(Delivery),
    /// An event of the second dialect.
    Event(v2::Event),
    /// A frame that the contract does not explain, to the letter. Never sent by a server that keeps it.
    Unknown(String),
}

/// What a push carries. `None` stands for a key that was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message's content, or the sentence about the member.
    pub text: String,
    /// First name of who wrote, added or left.
    pub sender_name: Option<String>,
    /// Id of the message.
    pub message_id: Option<i64>,
    /// Its place in the conversation: gap-free, from 1.
    pub seq: Option<u64>,
    /// Id of who wrote, added or left.
    pub sender_id: Option<i64>,
    /// Receiver of a private message.
    pub receiver_id: Option<i64>,
    /// Group of anything else.
    pub group_id: Option<i64>,
    /// Who was added.
    pub user_id: Option<i64>,
    /// ISO 8601 UTC with milliseconds.
    pub created_at: Option<String>,
}

impl Push {
    /// Names the push by the `type` of its frame; `None` when no push has that type.
    pub(super) fn of(kind: &str, delivery: Delivery) -> Option<Self> {
        match kind {
            "privateMessage" => Some(Self::PrivateMessage(delivery)),
            "messageInGroup" => Some(Self::GroupMessage(delivery)),
            "addUserInGroup" => Some(Self::MemberAdded(delivery)),
            "leaveGroup" => Some(Self::MemberLeft(delivery)),
            _ => None,
        }
    }

    /// What it carries; `None` for a frame that could not be understood.
    #[must_use]
    pub fn delivery(&self) -> Option<&Delivery> {
        match self {
            Self::PrivateMessage(d) | Self::GroupMessage(d) | Self::MemberAdded(d) | Self::MemberLeft(d) => {
                Some(d)
            }
            Self::Event(_) | Self::Unknown(_) => None,
        }
    }

    /// Reads a frame that must be a push; anything else becomes [`Push::Unknown`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match decode(text) {
            Incoming::Push(push) => push,
            _ => Self::Unknown(text.to_owned()),
        }
    }
}
