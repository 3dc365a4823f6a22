//! An entry of the log, the same in pushes and in lists.

use serde::Serialize;

use super::encode::push;
use crate::dialect::instant::Instant;
use crate::domain::entry::EntryKind;
use crate::domain::event::Event;
use crate::domain::ids::{ConversationId, Seq};
use crate::domain::reply::Place;

/// One entry. Which of the optional keys are there is decided by `kind`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item<'a> {
    conversation_id: i64,
    seq: i64,
    kind: &'static str,
    #[serde(flatten)]
    known: Option<Known<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Known<'a> {
    id: i64,
    sender_id: i64,
    sender_name: Option<&'a str>,
    created_at: Instant,
    client_message_id: uuid::Uuid,
    #[serde(flatten)]
    body: Body<'a>,
}

/// What is said by kind.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Body<'a> {
    Message {
        content: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        deleted_at: Option<Instant>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reply_to: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        receiver_id: Option<i64>,
    },
    Name {
        name: &'a str,
    },
    Membership {
        user_id: Option<i64>,
        user_name: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<&'a str>,
    },
}

impl<'a> Item<'a> {
    /// An entry that this version can read.
    pub(super) fn of(event: &'a Event) -> Self {
        let entry = &event.entry;
        let known = Known {
            id: entry.id.0,
            sender_id: entry.sender.0,
            sender_name: event.author.name.as_deref(),
            created_at: Instant(entry.created_at),
            client_message_id: entry.client_id,
            body: body(event),
        };
        Self {
            conversation_id: entry.conversation.0,
            seq: entry.seq.0,
            kind: entry.kind.name(),
            known: Some(known),
        }
    }

    /// The place of an entry that a newer version wrote.
    pub(super) fn unreadable(conversation: ConversationId, seq: Seq) -> Self {
        Self { conversation_id: conversation.0, seq: seq.0, kind: "unsupported", known: None }
    }
}

impl<'a> From<&'a Place> for Item<'a> {
    fn from(place: &'a Place) -> Self {
        match place {
            Place::Event(event) => Self::of(event),
            Place::Unreadable(conversation, seq) => Self::unreadable(*conversation, *seq),
        }
    }
}

fn body(event: &Event) -> Body<'_> {
    let entry = &event.entry;
    match entry.kind {
        EntryKind::Message => Body::Message {
            content: &entry.body,
            deleted_at: entry.deleted_at.map(Instant),
            reply_to: entry.target.map(|seq| seq.0),
            receiver_id: entry.recipient.map(|user| user.0),
        },
        EntryKind::GroupCreated | EntryKind::GroupRenamed => Body::Name { name: &entry.body },
        EntryKind::MemberAdded
        | EntryKind::MemberLeft
        | EntryKind::MemberRemoved
        | EntryKind::RoleChanged => Body::Membership {
            user_id: entry.recipient.map(|user| user.0),
            user_name: event.subject.name.as_deref(),
            role: Some(&*entry.body).filter(|_| entry.kind == EntryKind::RoleChanged),
        },
    }
}

/// The push of an entry.
pub(in crate::dialect) fn event(event: &Event) -> String {
    push("entry", &Item::of(event))
}

/// The push of a place whose entry cannot be read here.
pub(in crate::dialect) fn unreadable(conversation: ConversationId, seq: Seq) -> String {
    push("entry", &Item::unreadable(conversation, seq))
}
