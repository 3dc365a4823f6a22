//! Answers to requests.

use serde::Serialize;
use serde_json::value::RawValue;

use super::encode::json;
use super::entry::Item;
use super::lists::{BlockedRow, ConversationRow, ResumedRow};
use crate::dialect::Tag;
use crate::dialect::instant::Instant;
use crate::domain::error::GatewayError;
use crate::domain::ids::{Seq, UserId};
use crate::domain::reply::{Receipt, Reply};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Success<'a, P> {
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a RawValue>,
    success: bool,
    params: P,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a RawValue>,
    error: bool,
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    conversation_id: i64,
    message_id: i64,
    seq: i64,
    created_at: Instant,
    duplicate: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    conversation_id: i64,
    seq: i64,
}

#[derive(Serialize)]
struct Place {
    seq: i64,
}

#[derive(Serialize)]
struct Members<'a> {
    members: Vec<Member<'a>>,
}

/// What became of one user of `addMembers`.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Member<'a> {
    Added { user_id: i64, seq: i64 },
    Refused { user_id: i64, code: &'a str, message: String },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockChanged {
    user_id: i64,
}

#[derive(Serialize)]
struct Blocked<'a> {
    users: Vec<BlockedRow<'a>>,
    cursor: Option<String>,
}

#[derive(Serialize)]
struct Conversations<'a> {
    conversations: Vec<ConversationRow<'a>>,
    cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entries<'a> {
    conversation_id: i64,
    last_seq: i64,
    entries: Vec<Item<'a>>,
    has_more: bool,
}

#[derive(Serialize)]
struct Resumption<'a> {
    conversations: Vec<ResumedRow<'a>>,
    unknown: Vec<i64>,
    cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Authenticated {
    expires_at: Instant,
}

/// The answer to the request that `tag` labels.
pub(in crate::dialect) fn reply(tag: &Tag, outcome: &Result<Reply, GatewayError>) -> String {
    match outcome {
        Err(error) => failure(tag, error),
        Ok(Reply::Sent { receipt, .. }) => success(tag, Sent::from(receipt)),
        Ok(Reply::GroupCreated(group, seq)) => success(tag, Created { conversation_id: group.0, seq: seq.0 }),
        Ok(Reply::Changed(seq) | Reply::Marked(seq)) => success(tag, Place { seq: seq.0 }),
        Ok(Reply::MembersAdded(members)) => {
            success(tag, Members { members: members.iter().map(Member::from).collect() })
        }
        Ok(Reply::Conversations { rows, next }) => success(
            tag,
            Conversations {
                conversations: rows.iter().map(ConversationRow::from).collect(),
                cursor: next.map(|cursor| cursor.to_string()),
            },
        ),
        Ok(Reply::Entries { conversation, last_seq, entries, has_more }) => success(
            tag,
            Entries {
                conversation_id: conversation.0,
                last_seq: last_seq.0,
                entries: entries.iter().map(Item::from).collect(),
                has_more: *has_more,
            },
        ),
        Ok(Reply::Resumed { conversations, unknown, next }) => success(
            tag,
            Resumption {
                conversations: conversations.iter().map(ResumedRow::from).collect(),
                unknown: unknown.iter().map(|id| id.0).collect(),
                cursor: next.map(|next| next.to_string()),
            },
        ),
        Ok(Reply::BlockChanged(user)) => success(tag, BlockChanged { user_id: user.0 }),
        Ok(Reply::Blocked { rows, next }) => success(
            tag,
            Blocked {
                users: rows.iter().map(BlockedRow::from).collect(),
                cursor: next.map(|user| user.to_string()),
            },
        ),
        Ok(Reply::Authenticated(expires_at)) => {
            success(tag, Authenticated { expires_at: Instant(*expires_at) })
        }
        // Answers to requests that this dialect does not have.
        Ok(Reply::Chats(_) | Reply::DialogHistory(_) | Reply::GroupHistory(_)) => {
            failure(tag, &GatewayError::Internal)
        }
    }
}

fn success<P: Serialize>(tag: &Tag, params: P) -> String {
    json(&Success { r#type: tag.kind, request_id: tag.request_id.as_deref(), success: true, params })
}

fn failure(tag: &Tag, error: &GatewayError) -> String {
    let shown = shown(error);
    json(&Failure {
        r#type: tag.kind,
        request_id: tag.request_id.as_deref(),
        error: true,
        code: shown.code(),
        message: &shown.to_string(),
        retry_after_ms: shown.retry_after_ms(),
    })
}

/// Whether a conversation exists is nobody's business but its members'.
fn shown(error: &GatewayError) -> &GatewayError {
    match error {
        GatewayError::UnknownGroup | GatewayError::NotMember => &GatewayError::NotFound,
        error => error,
    }
}

impl From<&Receipt> for Sent {
    fn from(receipt: &Receipt) -> Self {
        Self {
            conversation_id: receipt.conversation.0,
            message_id: receipt.id.0,
            seq: receipt.seq.0,
            created_at: Instant(receipt.created_at),
            duplicate: receipt.duplicate,
        }
    }
}

impl<'a> From<&'a (UserId, Result<Seq, GatewayError>)> for Member<'a> {
    fn from((user, outcome): &'a (UserId, Result<Seq, GatewayError>)) -> Self {
        match outcome {
            Ok(seq) => Self::Added { user_id: user.0, seq: seq.0 },
            Err(error) => {
                let shown = shown(error);
                Self::Refused { user_id: user.0, code: shown.code(), message: shown.to_string() }
            }
        }
    }
}
