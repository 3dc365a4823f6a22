//! What the server says unasked, and entries, which it also lists.

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The first one of a connection.
    Hello(Hello),
    /// An entry of a conversation's log.
    Entry(Box<Entry>),
    /// Entries that were not sent because this client reads too slowly.
    Gap(Gap),
    /// A member's watermark moved.
    Watermark(Watermark),
    /// Please connect anew after so many milliseconds.
    Reconnect {
        /// The wait.
        after_ms: u64,
    },
    /// One that this version does not know, or cannot read: its type.
    Unknown(String),
}

/// What a connection begins with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// Names the connection in the server's logs.
    pub connection_id: String,
    /// The replica.
    pub node: String,
    /// Whose token it was.
    pub user_id: i64,
    /// Silence after which the server pings, milliseconds.
    pub heartbeat_ms: u64,
    /// The life of the log: another one than at the connection before means that it was restored from a backup. None of a
    /// server that does not tell.
    pub epoch: Option<Uuid>,
    /// The mark to resume from once this connection has resumed.
    pub sync: String,
    /// ISO 8601 UTC.
    pub server_time: String,
    /// When the token ends, ISO 8601 UTC.
    pub expires_at: String,
    /// Sizes that the server keeps to.
    pub limits: Limits,
}

/// Sizes that the server keeps to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Bytes of a message.
    pub content_bytes: usize,
    /// Bytes of a frame.
    pub frame_bytes: usize,
    /// Rows of a page.
    pub page: u32,
    /// Requests in flight.
    pub in_flight: usize,
    /// Positions of one resume.
    pub resume_positions: usize,
    /// Users of one addMembers.
    pub members_per_request: usize,
}

/// What an entry records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EntryKind {
    /// Somebody wrote.
    Message,
    /// The group came to be.
    GroupCreated,
    /// A user was added.
    MemberAdded,
    /// A user was removed.
    MemberRemoved,
    /// A user left.
    MemberLeft,
    /// The group has a new name.
    GroupRenamed,
    /// A member has another role.
    RoleChanged,
    /// Something newer: only its place is known.
    #[serde(other)]
    Unsupported,
}

/// An entry of a conversation's log. Which of the optional parts are there depends on the kind.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The conversation.
    pub conversation_id: i64,
    /// Its place: gap-free, from 1.
    pub seq: u64,
    /// What it records.
    pub kind: EntryKind,
    /// Its number over all conversations.
    pub id: Option<i64>,
    /// Who caused it.
    pub sender_id: Option<i64>,
    /// First name of who caused it.
    pub sender_name: Option<String>,
    /// ISO 8601 UTC with milliseconds.
    pub created_at: Option<String>,
    /// The sender's idempotency key.
    pub client_message_id: Option<Uuid>,
    /// Text of a message; empty once it was removed.
    pub content: Option<String>,
    /// When the text was removed, ISO 8601 UTC.
    pub deleted_at: Option<String>,
    /// The entry that a message answers.
    pub reply_to: Option<u64>,
    /// To whom a message of a dialog went.
    pub receiver_id: Option<i64>,
    /// Name of a group that was created or renamed.
    pub name: Option<String>,
    /// Who was added, was removed, left, or has another role.
    pub user_id: Option<i64>,
    /// First name of that user.
    pub user_name: Option<String>,
    /// The role now: `member`, `admin` or `owner`.
    pub role: Option<String>,
}

/// Places that were not sent, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// The conversation.
    pub conversation_id: i64,
    /// First place.
    pub from: u64,
    /// Last place.
    pub to: u64,
}

/// Which watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WatermarkKind {
    /// Read by the user.
    Read,
    /// Held by a device of the user.
    Delivered,
}

/// A member's watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermark {
    /// Which.
    pub kind: WatermarkKind,
    /// In which conversation.
    pub conversation_id: i64,
    /// Whose.
    pub user_id: i64,
    /// Up to where.
    pub seq: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mark {
    conversation_id: i64,
    user_id: i64,
    seq: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Move {
    after_ms: u64,
}

impl Event {
    /// Reads an event of this type.
    pub(in crate::wire) fn read(kind: &str, params: Option<&RawValue>) -> Self {
        let params = params.map_or("null", RawValue::get);
        let event = match kind {
            "hello" => serde_json::from_str(params).map(Self::Hello),
            "entry" => serde_json::from_str(params).map(|entry| Self::Entry(Box::new(entry))),
            "gap" => serde_json::from_str(params).map(Self::Gap),
            "read" => watermark(WatermarkKind::Read, params),
            "delivered" => watermark(WatermarkKind::Delivered, params),
            "reconnect" => serde_json::from_str(params).map(|Move { after_ms }| Self::Reconnect { after_ms }),
            _ => return Self::Unknown(kind.to_owned()),
        };
        event.unwrap_or_else(|_| Self::Unknown(kind.to_owned()))
    }
}

fn watermark(kind: WatermarkKind, params: &str) -> serde_json::Result<Event> {
    let Mark { conversation_id, user_id, seq } = serde_json::from_str(params)?;
    Ok(Event::Watermark(Watermark { kind, conversation_id, user_id, seq }))
}
