//! Frames of clients to commands.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Kind, PROCESSOR};
use crate::dialect::raw::{envelope, positive, request_id, string, text, uuid};
use crate::dialect::{Limits, Request, Tag};
use crate::domain::command::{Command, Destination, Send};
use crate::domain::content::{Content, GroupName};
use crate::domain::error::GatewayError;
use crate::domain::ids::{ConversationId, UserId};
use crate::domain::page::Page;

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

/// Reads a frame.
pub(in crate::dialect) fn decode(frame: &str, limits: Limits) -> Request {
    let Some(envelope) = envelope::<Params<'_>>(frame) else {
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
        command(kind, &envelope.params?, limits)
    });
    Request { tag, command }
}

fn kind(value: Option<&RawValue>) -> Result<Kind, GatewayError> {
    let name = value.and_then(text).ok_or(GatewayError::Malformed)?;
    Kind::from_name(&name).ok_or(GatewayError::UnknownType)
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
        let client_id = self.client_message_id.map(|id| uuid(id, "clientMessageId")).transpose()?;
        Ok(Send { to, content, client_id, reply_to: None })
    }
}
