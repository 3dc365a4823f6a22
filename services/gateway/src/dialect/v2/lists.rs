//! Conversations in lists: what a user has, and what a client missed.

use serde::Serialize;

use super::entry::Item;
use crate::dialect::instant::Instant;
use crate::domain::reply::{Blocked, ConversationKind, Resumed, Summary, With};

/// An element of `conversations` in `listConversations`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConversationRow<'a> {
    conversation_id: i64,
    #[serde(flatten)]
    with: WithKeys<'a>,
    joined_seq: i64,
    last_seq: i64,
    read_seq: i64,
    delivered_seq: i64,
    unread: i64,
    last_message: Option<Item<'a>>,
    last_entry_at: Instant,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum WithKeys<'a> {
    Dialog { peer_id: i64, peer_name: Option<&'a str>, peer_read_seq: i64, peer_delivered_seq: i64 },
    Group { name: &'a str, role: &'static str },
}

/// An element of `conversations` in `resume`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResumedRow<'a> {
    conversation_id: i64,
    kind: &'static str,
    last_seq: i64,
    read_seq: i64,
    delivered_seq: i64,
    member: bool,
    recovered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    limited: Option<Bounds>,
    entries: Vec<Item<'a>>,
}

/// An element of `users` in `listBlocked`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockedRow<'a> {
    user_id: i64,
    user_name: Option<&'a str>,
    blocked_at: Instant,
}

/// Both ends are included.
#[derive(Serialize)]
struct Bounds {
    from: i64,
    to: i64,
}

impl<'a> From<&'a Summary> for ConversationRow<'a> {
    fn from(row: &'a Summary) -> Self {
        let with = match &row.with {
            With::Peer { id, name, marks } => WithKeys::Dialog {
                peer_id: id.0,
                peer_name: name.as_deref(),
                peer_read_seq: marks.read.0,
                peer_delivered_seq: marks.delivered.0,
            },
            With::Group { name, role } => WithKeys::Group { name, role: role.name() },
        };
        Self {
            conversation_id: row.conversation.0,
            with,
            joined_seq: row.joined_seq.0,
            last_seq: row.last_seq.0,
            read_seq: row.own.read.0,
            delivered_seq: row.own.delivered.0,
            unread: row.unread,
            last_message: row.last_message.as_deref().map(Item::of),
            last_entry_at: Instant(row.last_entry_at),
        }
    }
}

impl<'a> From<&'a Blocked> for BlockedRow<'a> {
    fn from(row: &'a Blocked) -> Self {
        Self { user_id: row.user.0, user_name: row.name.as_deref(), blocked_at: Instant(row.since) }
    }
}

impl<'a> From<&'a Resumed> for ResumedRow<'a> {
    fn from(row: &'a Resumed) -> Self {
        Self {
            conversation_id: row.conversation.0,
            kind: match row.kind {
                ConversationKind::Dialog => "dialog",
                ConversationKind::Group => "group",
            },
            last_seq: row.last_seq.0,
            read_seq: row.own.read.0,
            delivered_seq: row.own.delivered.0,
            member: row.member,
            recovered: row.limited.is_none(),
            limited: row.limited.map(|(from, to)| Bounds { from: from.0, to: to.0 }),
            entries: row.entries.iter().map(Item::from).collect(),
        }
    }
}
