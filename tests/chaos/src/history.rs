//! What happened in a run, as its clients saw it, and at the end what the log holds: JSON, one record a line.
//!
//! It knows no rule: what is right and wrong is the checker's.

mod file;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use file::{Writer, WriterHandle, read};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Microseconds since the run began.
    pub at: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// A client begins a request.
    Invoke {
        /// Number of the request, unique in the history.
        call: u64,
        /// Who asks.
        device: Device,
        /// What for.
        op: Op,
        /// Where, if that is known yet.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        conversation: Option<i64>,
        /// The `clientMessageId` of a send.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        message: Option<Uuid>,
        /// Digest of a message's text.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        digest: Option<u64>,
        /// Who is added or removed, or the peer of a dialog.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        user: Option<i64>,
    },
    /// The request was acknowledged.
    Ok {
        /// The request.
        call: u64,
        /// Where its entry stands.
        conversation: i64,
        /// Its place there.
        seq: i64,
        /// Its id, if the answer has one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        id: Option<i64>,
    },
    /// The request was refused: it has left no trace.
    Fail {
        /// The request.
        call: u64,
        /// The server's code.
        code: String,
    },
    /// Nobody knows whether the request was carried out.
    Info {
        /// The request.
        call: u64,
        /// Why not.
        why: String,
    },
    /// A device was shown an entry, after its library had put things in order.
    Receive {
        /// Who.
        device: Device,
        /// Its how manieth connection.
        connection: u32,
        /// What.
        entry: Entry,
    },
    /// A device was told that it has not been shown these places: too many to be replayed.
    Gap {
        /// Who.
        device: Device,
        /// Where.
        conversation: i64,
        /// First of them.
        from: i64,
        /// Last of them.
        to: i64,
    },
    /// A device is shown a conversation from after this place on; without it, from its start.
    Follow {
        /// Who.
        device: Device,
        /// Where.
        conversation: i64,
        /// The place.
        after: i64,
    },
    /// A device has a socket.
    Connect {
        /// Who.
        device: Device,
        /// How manieth.
        connection: u32,
        /// Index of the gateway.
        gateway: usize,
    },
    /// A device has been shown everything that it missed.
    Resume {
        /// Who.
        device: Device,
        /// On which connection.
        connection: u32,
    },
    /// A device has no socket any more.
    Disconnect {
        /// Who.
        device: Device,
        /// Which was lost.
        connection: u32,
        /// Why.
        why: String,
    },
    /// A device was put away on purpose: it need not be complete.
    Retire {
        /// Who.
        device: Device,
    },
    /// A fault begins.
    Fault {
        /// Which.
        name: String,
    },
    /// A fault was ended.
    Heal {
        /// Which.
        name: String,
    },
    /// From the database: a conversation.
    Conversation {
        /// Its id.
        conversation: i64,
        /// The two users of a dialog; none of a group.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        dialog: Option<(i64, i64)>,
        /// Place of its last entry, as its row has it.
        last_seq: i64,
    },
    /// From the database: an entry.
    Log {
        /// What.
        entry: Entry,
    },
    /// The dump of the database is complete. Nothing follows.
    End,
}

/// One device of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Device {
    /// The user's id.
    pub user: i64,
    /// Number of the device, unique in the history.
    pub number: u32,
}

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Op {
    /// A message.
    Send,
    /// A new member.
    Add,
    /// A member's removal.
    Remove,
    /// To leave.
    Leave,
    /// A new group.
    Create,
    /// A new name.
    Rename,
}

/// What an entry of the log records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A message.
    Message,
    /// The group came to be; the subject is its creator.
    GroupCreated,
    /// The subject became a member.
    MemberAdded,
    /// The subject left.
    MemberLeft,
    /// The subject was removed.
    MemberRemoved,
    /// The group has a new name.
    GroupRenamed,
    /// The subject has another role.
    RoleChanged,
    /// Something that this program does not know.
    Unsupported,
}

/// An entry, in the log or on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The conversation.
    pub conversation: i64,
    /// Its place.
    pub seq: i64,
    /// Its id.
    pub id: i64,
    /// What it records.
    pub kind: Kind,
    /// Who caused it.
    pub sender: i64,
    /// Its `clientMessageId`.
    pub message: Uuid,
    /// Whom it is about, or a dialog's peer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<i64>,
    /// Digest of a message's text; nothing of other kinds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<u64>,
}

/// Digest of a text: FNV-1a, 64 bits, cut to the 53 that every reader of JSON keeps.
#[must_use]
pub fn digest(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step) >> 11
}
