//! An entry of a conversation's log.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::ids::{ConversationId, EntryId, Seq, UserId};

/// What an entry records. The numbers are stored and rung: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum EntryKind {
    /// A message; the body is its text.
    Message = 0,
    /// The group came to be; the body is its name, the recipient its creator.
    GroupCreated = 1,
    /// The recipient became a member, added by the sender.
    MemberAdded = 2,
    /// The recipient (who is the sender) left.
    MemberLeft = 3,
    /// The recipient was removed by the sender.
    MemberRemoved = 4,
    /// The group has a new name: the body.
    GroupRenamed = 5,
    /// The recipient was given a role by the sender: the body is its name.
    RoleChanged = 6,
}

impl EntryKind {
    /// The kind that a stored number stands for; `None` for one that a newer version wrote.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i16 == number)
    }

    const ALL: [Self; 7] = [
        Self::Message,
        Self::GroupCreated,
        Self::MemberAdded,
        Self::MemberLeft,
        Self::MemberRemoved,
        Self::GroupRenamed,
        Self::RoleChanged,
    ];

    /// The word for it, in `messenger.v2` and for operators.
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::GroupCreated => "groupCreated",
            Self::MemberAdded => "memberAdded",
            Self::MemberLeft => "memberLeft",
            Self::MemberRemoved => "memberRemoved",
            Self::GroupRenamed => "groupRenamed",
            Self::RoleChanged => "roleChanged",
        }
    }

    /// Whether it tells of a user, the recipient, who came or went, or has another role.
    pub fn is_membership(self) -> bool {
        matches!(self, Self::MemberAdded | Self::MemberLeft | Self::MemberRemoved | Self::RoleChanged)
    }
}

/// One committed change of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The log it belongs to.
    pub conversation: ConversationId,
    /// Its place there.
    pub seq: Seq,
    /// Its number over all logs.
    pub id: EntryId,
    /// Its public name.
    pub uuid: Uuid,
    /// What it records.
    pub kind: EntryKind,
    /// Who caused it.
    pub sender: UserId,
    /// The peer of a dialog's message; the user whom a membership entry is about; none for a group's message.
    pub recipient: Option<UserId>,
    /// The sender's idempotency key.
    pub client_id: Uuid,
    /// The entry that a message answers.
    pub target: Option<Seq>,
    /// Text, by kind; empty once it was removed.
    pub body: Arc<str>,
    /// When it was committed, as the database's clock had it.
    pub created_at: Timestamp,
    /// When its text was removed; only the place is left.
    pub deleted_at: Option<Timestamp>,
}

impl Entry {
    /// The two users of the dialog whose message this is; `None` for an entry of a group.
    pub fn dialog(&self) -> Option<(UserId, UserId)> {
        match (self.kind, self.recipient) {
            (EntryKind::Message, Some(peer)) => Some((self.sender, peer)),
            _ => None,
        }
    }

    /// What is known of the entry without its content.
    pub fn head(&self) -> Head {
        let users = self.recipient.map(|recipient| (self.sender, recipient));
        Head { conversation: self.conversation, seq: self.seq, users }
    }
}

/// The news that a log reaches a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which log.
    pub conversation: ConversationId,
    /// How far it reaches at least.
    pub seq: Seq,
    /// Sender and recipient of an entry that has a recipient: it concerns them even if they do not follow this log.
    pub users: Option<(UserId, UserId)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_numbers() {
        for (number, kind) in [
            (0, EntryKind::Message),
            (1, EntryKind::GroupCreated),
            (2, EntryKind::MemberAdded),
            (3, EntryKind::MemberLeft),
            (4, EntryKind::MemberRemoved),
            (5, EntryKind::GroupRenamed),
            (6, EntryKind::RoleChanged),
        ] {
            assert_eq!(EntryKind::from_number(number), Some(kind));
            assert_eq!(kind as i16, number);
        }
        assert_eq!(EntryKind::from_number(99), None);
    }
}
