//! Frames of clients to commands.
//!
//! Values stay raw until the type of the request says which of them are needed: nothing is copied but texts with escapes,
//! and nothing is descended into that is not expected to be nested, so depth costs no stack.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Kind, PROCESSOR};
use crate::dialect::{Limits, Request, Tag};
use crate::domain::command::{Command, Destination, Send};
use crate::domain::content::{Content, GroupName};
use crate::domain::error::GatewayError;
use crate::domain::ids::{ConversationId, UserId};
use crate::domain::page::Page;

/// Longest `requestId`, bytes as written in the frame.
const REQUEST_ID_BYTES: usize = 128;

/// The outermost object. Unknown keys are ignored; a known key that comes twice is an error.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    request_id: Option<&'a RawValue>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

/// The parameters of all types together; `null` counts as absent.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Params<'a> {
    #[serde(borrow)]
    limit: Option<&'a RawValue>,
    #[serde(borrow)]
    page: Option<&'a RawValue>,
    #[serde(borrow)]
    receiver_id: Option<&'a RawValue>,
    #[serde(borrow)]
    group_id: Option<&'a RawValue>,
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
    #[serde(borrow)]
    group_name: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    client_message_id: Option<&'a RawValue>,
}

/// A string, borrowed from the frame unless it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads a frame.
pub(in crate::dialect) fn decode(frame: &str, limits: Limits) -> Request {
    let Some(envelope) = object::<Envelope<'_>>(frame) else {
        let tag = Tag { kind: PROCESSOR, request_id: None };
        return Request { tag, command: Err(GatewayError::Malformed) };
    };
    let kind = kind(envelope.kind);
    let request_id = request_id(envelope.request_id);
    let tag = Tag {
        kind: kind.as_ref().map_or(PROCESSOR, |kind| kind.name()),
        request_id: request_id.as_ref().ok().and_then(|id| id.map(RawValue::to_owned)),
    };
    let command = kind.and_then(|kind| {
        request_id?;
        command(kind, &params(envelope.params)?, limits)
    });
    Request { tag, command }
}

fn kind(value: Option<&RawValue>) -> Result<Kind, GatewayError> {
    let name = value.and_then(text).ok_or(GatewayError::Malformed)?;
    Kind::from_name(&name).ok_or(GatewayError::UnknownType)
}

/// The id as it was written, so that it can be repeated as it came.
fn request_id(value: Option<&RawValue>) -> Result<Option<&RawValue>, GatewayError> {
    const WRONG: GatewayError = GatewayError::Invalid {
        field: "requestId",
        reason: "must be a string or an integer, of at most 128 bytes",
    };
    let Some(value) = value else { return Ok(None) };
    let digits = value.get().strip_prefix('-').unwrap_or(value.get());
    let fits = value.get().len() <= REQUEST_ID_BYTES;
    let integer = digits.bytes().all(|byte| byte.is_ascii_digit());
    if fits && (integer || text(value).is_some()) { Ok(Some(value)) } else { Err(WRONG) }
}

fn params(value: Option<&RawValue>) -> Result<Params<'_>, GatewayError> {
    let Some(value) = value else { return Ok(Params::default()) };
    if !value.get().starts_with('{') {
        return Err(GatewayError::invalid("params", "must be an object"));
    }
    object(value.get()).ok_or(GatewayError::Malformed)
}

fn command(kind: Kind, params: &Params<'_>, limits: Limits) -> Result<Command, GatewayError> {
    Ok(match kind {
        Kind::ListChats => Command::ListChats(params.page()?),
        Kind::DialogHistory => Command::DialogHistory { peer: params.receiver()?, page: params.page()? },
        Kind::GroupHistory => Command::GroupHistory { group: params.group()?, page: params.page()? },
        Kind::NewGroup => Command::CreateGroup {
            name: GroupName::parse(&string(params.group_name, "groupName")?)?,
            key: None,
        },
        Kind::AddUser => {
            Command::AddMember { group: params.group()?, user: UserId(positive(params.user_id, "userId")?) }
        }
        Kind::LeaveGroup => Command::LeaveGroup { group: params.group()? },
        Kind::GroupMessage => Command::Send(params.send(Destination::Group(params.group()?), limits)?),
        Kind::PrivateMessage => Command::Send(params.send(Destination::User(params.receiver()?), limits)?),
    })
}

impl Params<'_> {
    fn page(&self) -> Result<Page, GatewayError> {
        Page::new(positive(self.limit, "limit")?, positive(self.page, "page")?)
    }

    fn receiver(&self) -> Result<UserId, GatewayError> {
        positive(self.receiver_id, "receiverId").map(UserId)
    }

    fn group(&self) -> Result<ConversationId, GatewayError> {
        positive(self.group_id, "groupId").map(ConversationId)
    }

    fn send(&self, to: Destination, limits: Limits) -> Result<Send, GatewayError> {
        let content = Content::parse(&string(self.content, "content")?, limits.content_bytes)?;
        let client_id = self.client_message_id.map(client_id).transpose()?;
        Ok(Send { to, content, client_id, reply_to: None })
    }
}

/// An integer from 1, written as JSON writes integers: no fraction, no exponent, no quotes.
fn positive(value: Option<&RawValue>, field: &'static str) -> Result<i64, GatewayError> {
    let value = value.ok_or_else(|| GatewayError::invalid(field, "is required"))?;
    let number = value.get().parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| GatewayError::invalid(field, "must be a positive integer"))
}

fn string<'a>(value: Option<&'a RawValue>, field: &'static str) -> Result<Cow<'a, str>, GatewayError> {
    let value = value.ok_or_else(|| GatewayError::invalid(field, "is required"))?;
    text(value).ok_or_else(|| GatewayError::invalid(field, "must be a string"))
}

fn client_id(value: &RawValue) -> Result<Uuid, GatewayError> {
    text(value)
        .and_then(|text| Uuid::try_parse(&text).ok())
        .filter(|id| !id.is_nil())
        .ok_or_else(|| GatewayError::invalid("clientMessageId", "must be a UUID that is not nil"))
}

fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0)
}

/// Reads a JSON object. An array is none, although serde would fill the fields from it by position.
fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    let is_object = json.trim_ascii_start().starts_with('{');
    if is_object { serde_json::from_str(json).ok() } else { None }
}
