//! Replies and events to frames of the server. The order of the fields is the order of the keys on the wire.

use serde::Serialize;
use serde_json::value::RawValue;

use super::Kind;
use crate::dialect::Tag;
use crate::dialect::instant::Instant;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::error::GatewayError;
use crate::domain::event::Event;
use crate::domain::reply::{Chat, ChatPlace, DialogMessage, GroupMessage, Reply};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Success<'a, D> {
    r#type: &'a str,
    success: bool,
    params: Params<'a, D>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a RawValue>,
}

/// `()` as `data` is `null`.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Params<'a, D = ()> {
    data: D,
    message: Option<&'a str>,
    sender_name: Option<&'a str>,
    #[serde(flatten)]
    added: Added,
}

/// The keys that the documented system does not have.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Added {
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Instant>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    error: bool,
    r#type: &'a str,
    message: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a RawValue>,
}

/// An element of `data` in `listLastMessage`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChatRow<'a> {
    id: i64,
    sender_id: i64,
    sender_name: Option<&'a str>,
    receiver_id: Option<i64>,
    receiver_name: Option<&'a str>,
    group_id: Option<i64>,
    group_name: Option<&'a str>,
    content: &'a str,
    created_at: Instant,
    updated_at: Instant,
    deleted_at: Option<Instant>,
}

/// An element of `data` in `getlatestMessageDialog`.
#[derive(Serialize)]
struct DialogRow<'a> {
    sender_id: i64,
    receiver_id: i64,
    /// Spelt as documented.
    #[serde(rename = "receverName")]
    receiver_name: Option<&'a str>,
    content: &'a str,
    created_at: Instant,
}

/// An element of `data` in `getlatestMessageGroup`.
#[derive(Serialize)]
struct GroupRow<'a> {
    sender_id: i64,
    #[serde(rename = "senderName")]
    sender_name: Option<&'a str>,
    group_id: i64,
    created_at: Instant,
    content: &'a str,
}

/// The answer to a request.
pub(in crate::dialect) fn reply(tag: &Tag, outcome: &Result<Reply, GatewayError>) -> String {
    match outcome {
        Err(error) => failure(tag, error),
        Ok(Reply::Chats(chats)) => data(tag, chats.iter().map(ChatRow::from).collect::<Vec<_>>()),
        Ok(Reply::DialogHistory(rows)) => data(tag, rows.iter().map(DialogRow::from).collect::<Vec<_>>()),
        Ok(Reply::GroupHistory(rows)) => data(tag, rows.iter().map(GroupRow::from).collect::<Vec<_>>()),
        Ok(Reply::GroupCreated(group, _)) => done(tag, Added { group_id: Some(group.0), ..Added::default() }),
        Ok(Reply::Changed(_)) => done(tag, Added::default()),
        Ok(Reply::Sent { receipt, .. }) => done(
            tag,
            Added {
                message_id: Some(receipt.id.0),
                seq: Some(receipt.seq.0),
                created_at: Some(Instant(receipt.created_at)),
                ..Added::default()
            },
        ),
        // Answers to requests that this dialect does not have.
        Ok(_) => failure(tag, &GatewayError::Internal),
    }
}

/// The push that tells of an event.
pub(in crate::dialect) fn event(event: &Event) -> Option<String> {
    let Event { entry, author, subject } = event;
    let notice = author.notice(entry.kind, subject, &entry.body);
    let (group_id, other) = (Some(entry.conversation.0), entry.recipient.map(|user| user.0));
    let (kind, added) = match entry.kind {
        EntryKind::GroupCreated | EntryKind::GroupRenamed | EntryKind::RoleChanged => return None,
        EntryKind::Message if other.is_some() => {
            (Kind::PrivateMessage, Added { receiver_id: other, ..added_of(entry) })
        }
        EntryKind::Message => (Kind::GroupMessage, Added { group_id, ..added_of(entry) }),
        EntryKind::MemberAdded => (Kind::AddUser, Added { group_id, user_id: other, ..added_of(entry) }),
        EntryKind::MemberLeft | EntryKind::MemberRemoved => {
            (Kind::LeaveGroup, Added { group_id, user_id: other, ..added_of(entry) })
        }
    };
    let message = Some(notice.as_deref().unwrap_or(&entry.body));
    let params = Params { data: (), message, sender_name: author.name.as_deref(), added };
    Some(json(&Success { r#type: kind.name(), success: true, params, request_id: None }))
}

fn added_of(entry: &Entry) -> Added {
    Added {
        message_id: Some(entry.id.0),
        seq: Some(entry.seq.0),
        sender_id: Some(entry.sender.0),
        created_at: Some(Instant(entry.created_at)),
        ..Added::default()
    }
}

fn data<D: Serialize>(tag: &Tag, data: D) -> String {
    success(tag, Params { data, message: None, sender_name: None, added: Added::default() })
}

fn done(tag: &Tag, added: Added) -> String {
    success(tag, Params::<()> { added, ..Params::default() })
}

fn success<D: Serialize>(tag: &Tag, params: Params<'_, D>) -> String {
    json(&Success { r#type: tag.kind, success: true, params, request_id: tag.request_id.as_deref() })
}

fn failure(tag: &Tag, error: &GatewayError) -> String {
    json(&Failure {
        error: true,
        r#type: tag.kind,
        message: &error.to_string(),
        code: error.code(),
        retry_after_ms: error.retry_after_ms(),
        request_id: tag.request_id.as_deref(),
    })
}

#[expect(clippy::expect_used, reason = "numbers, texts and dates always have a JSON form")]
fn json<T: Serialize>(frame: &T) -> String {
    serde_json::to_string(frame).expect("a frame is plain data")
}

impl<'a> From<&'a Chat> for ChatRow<'a> {
    fn from(chat: &'a Chat) -> Self {
        let (receiver, group) = match &chat.place {
            ChatPlace::User { id, name } => (Some((id.0, name.as_deref())), None),
            ChatPlace::Group { id, name } => (None, Some((id.0, &**name))),
        };
        Self {
            id: chat.id.0,
            sender_id: chat.sender.0,
            sender_name: chat.sender_name.as_deref(),
            receiver_id: receiver.map(|(id, _)| id),
            receiver_name: receiver.and_then(|(_, name)| name),
            group_id: group.map(|(id, _)| id),
            group_name: group.map(|(_, name)| name),
            content: &chat.content,
            created_at: Instant(chat.created_at),
            updated_at: Instant(chat.updated_at),
            deleted_at: chat.deleted_at.map(Instant),
        }
    }
}

impl<'a> From<&'a DialogMessage> for DialogRow<'a> {
    fn from(row: &'a DialogMessage) -> Self {
        Self {
            sender_id: row.sender.0,
            receiver_id: row.receiver.0,
            receiver_name: row.receiver_name.as_deref(),
            content: &row.content,
            created_at: Instant(row.created_at),
        }
    }
}

impl<'a> From<&'a GroupMessage> for GroupRow<'a> {
    fn from(row: &'a GroupMessage) -> Self {
        Self {
            sender_id: row.sender.0,
            sender_name: row.sender_name.as_deref(),
            group_id: row.group.0,
            created_at: Instant(row.created_at),
            content: &row.content,
        }
    }
}
