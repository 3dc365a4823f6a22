//! What commands tell. The names of the fields are stable: programs read them. Fields may be added.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::domain::entry::Entry;
use crate::domain::ids::UserId;
use crate::domain::reply::ConversationKind;
use crate::store::{self, Counts, MemberRecord, Record};

/// A conversation, with the part of a user in it where one is asked about.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConversationRow<'a> {
    id: i64,
    uuid: Uuid,
    kind: &'static str,
    name: Option<&'a str>,
    low_user_id: Option<i64>,
    high_user_id: Option<i64>,
    last_seq: i64,
    cleared_seq: i64,
    created_by: i64,
    created_at: Timestamp,
    last_entry_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    #[serde(flatten)]
    member: Option<MemberRow>,
}

impl<'a> From<&'a Record> for ConversationRow<'a> {
    fn from(record: &'a Record) -> Self {
        Self {
            id: record.id.0,
            uuid: record.uuid,
            kind: match record.kind {
                ConversationKind::Dialog => "dialog",
                ConversationKind::Group => "group",
            },
            name: record.name.as_deref(),
            low_user_id: record.users.map(|(low, _)| low.0),
            high_user_id: record.users.map(|(_, high)| high.0),
            last_seq: record.last_seq.0,
            cleared_seq: record.cleared_seq.0,
            created_by: record.created_by.0,
            created_at: record.created_at,
            last_entry_at: record.last_entry_at,
            deleted_at: record.deleted_at,
            member: None,
        }
    }
}

impl<'a> ConversationRow<'a> {
    pub(super) fn of(record: &'a Record, member: &MemberRecord) -> Self {
        Self { member: Some(MemberRow::from(member)), ..Self::from(record) }
    }
}

/// A membership, present or former.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MemberRow {
    user_id: i64,
    role: &'static str,
    joined_seq: i64,
    joined_at: Timestamp,
    left_seq: Option<i64>,
    read_seq: i64,
    delivered_seq: i64,
}

impl From<&MemberRecord> for MemberRow {
    fn from(member: &MemberRecord) -> Self {
        Self {
            user_id: member.user.0,
            role: member.role.name(),
            joined_seq: member.joined_seq.0,
            joined_at: member.joined_at,
            left_seq: member.left_seq.map(|seq| seq.0),
            read_seq: member.marks.read.0,
            delivered_seq: member.marks.delivered.0,
        }
    }
}

/// A conversation and all who are or were in it.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'a> {
    #[serde(flatten)]
    pub(super) conversation: ConversationRow<'a>,
    pub(super) members: Vec<MemberRow>,
}

/// An entry of a log.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EntryRow<'a> {
    conversation_id: i64,
    seq: i64,
    id: i64,
    uuid: Uuid,
    kind: &'static str,
    sender_id: i64,
    recipient_id: Option<i64>,
    client_message_id: Uuid,
    reply_to: Option<i64>,
    created_at: Timestamp,
    deleted_at: Option<Timestamp>,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
}

impl<'a> EntryRow<'a> {
    pub(super) fn of(entry: &'a Entry, body: bool) -> Self {
        Self {
            conversation_id: entry.conversation.0,
            seq: entry.seq.0,
            id: entry.id.0,
            uuid: entry.uuid,
            kind: entry.kind.name(),
            sender_id: entry.sender.0,
            recipient_id: entry.recipient.map(|user| user.0),
            client_message_id: entry.client_id,
            reply_to: entry.target.map(|seq| seq.0),
            created_at: entry.created_at,
            deleted_at: entry.deleted_at,
            bytes: entry.body.len(),
            body: body.then_some(&*entry.body),
        }
    }
}

/// Somebody whom the user has blocked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockRow {
    blocked_id: i64,
    created_at: Timestamp,
}

impl From<&store::BlockRow> for BlockRow {
    fn from(block: &store::BlockRow) -> Self {
        Self { blocked_id: block.user.0, created_at: block.since }
    }
}

/// A line of an export: `type` says what it is.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(super) enum Line<'a> {
    Conversation(ConversationRow<'a>),
    Entry(EntryRow<'a>),
    Block(BlockRow),
}

/// How much there is of a user.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserCounts {
    id: i64,
    dialogs: i64,
    groups: i64,
    groups_left: i64,
    blocked: i64,
}

impl UserCounts {
    pub(super) fn of(user: UserId, counts: Counts) -> Self {
        Self {
            id: user.0,
            dialogs: counts.dialogs,
            groups: counts.groups,
            groups_left: counts.left,
            blocked: counts.blocked,
        }
    }
}

/// What was taken away of a user, by this run.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Erased {
    pub(super) user_id: i64,
    /// That were looked at.
    pub(super) conversations: u64,
    pub(super) groups_left: u64,
    pub(super) messages: u64,
    pub(super) blocks: u64,
}

/// What a run for the age of messages has done, or would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Retained {
    pub(super) before: Timestamp,
    pub(super) dry_run: bool,
    /// That lost their text.
    pub(super) messages: u64,
    /// In which there were some.
    pub(super) conversations: u64,
    pub(super) statements: u64,
}
