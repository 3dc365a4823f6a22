//! Frames of clients to commands.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Kind, MEMBERS_PER_REQUEST, RESUME_POSITIONS, UNKNOWN};
use crate::dialect::raw::{envelope, natural, object, positive, request_id, required, string, text, uuid};
use crate::dialect::{Limits, Request, Tag};
use crate::domain::command::{Command, Destination, Mark, MarkKind, Range, Send, Token};
use crate::domain::content::{Content, GroupName};
use crate::domain::error::GatewayError;
use crate::domain::ids::{ConversationId, Seq, UserId};
use crate::domain::page::{Cursor, Limit};
use crate::domain::reply::Role;
use crate::domain::sync::{Bookmark, Sync};

/// Rows of a list when the client names no limit.
const DEFAULT_LIMIT: i64 = 50;

/// The parameters of all types together; `null` counts as absent.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Params<'a> {
    #[serde(borrow)]
    conversation_id: Option<&'a RawValue>,
    #[serde(borrow)]
    receiver_id: Option<&'a RawValue>,
    #[serde(borrow)]
    group_id: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    client_message_id: Option<&'a RawValue>,
    #[serde(borrow)]
    reply_to: Option<&'a RawValue>,
    #[serde(borrow)]
    since: Option<&'a RawValue>,
    #[serde(borrow)]
    positions: Option<&'a RawValue>,
    #[serde(borrow)]
    after: Option<&'a RawValue>,
    #[serde(borrow)]
    before: Option<&'a RawValue>,
    #[serde(borrow)]
    limit: Option<&'a RawValue>,
    #[serde(borrow)]
    cursor: Option<&'a RawValue>,
    #[serde(borrow)]
    seq: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    client_group_id: Option<&'a RawValue>,
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
    #[serde(borrow)]
    user_ids: Option<&'a RawValue>,
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
}

/// Reads a frame.
pub(in crate::dialect) fn decode(frame: &str, limits: Limits) -> Request {
    let Some(envelope) = envelope::<Params<'_>>(frame) else {
        let tag = Tag { kind: UNKNOWN, request_id: None };
        return Request { tag, command: Err(GatewayError::Malformed) };
    };
    let kind = kind(envelope.kind);
    let request_id = request_id(envelope.request_id);
    let tag = Tag {
        kind: kind.as_ref().map_or(UNKNOWN, |kind| kind.name()),
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
        Kind::SendMessage => Command::Send(params.send(limits)?),
        Kind::Resume => Command::Resume {
            since: params.since()?,
            positions: params.positions()?,
            after: params.bookmark()?,
        },
        Kind::GetEntries => Command::GetEntries {
            conversation: params.conversation()?,
            range: params.range()?,
            limit: params.limit()?,
        },
        Kind::ListConversations => {
            Command::ListConversations { limit: params.limit()?, after: params.cursor()? }
        }
        Kind::MarkRead => Command::Mark(params.mark(MarkKind::Read)?),
        Kind::MarkDelivered => Command::Mark(params.mark(MarkKind::Delivered)?),
        Kind::CreateGroup => Command::CreateGroup {
            name: params.name()?,
            key: params.client_group_id.map(|id| uuid(id, "clientGroupId")).transpose()?,
        },
        Kind::AddMembers => Command::AddMembers { group: params.conversation()?, users: params.users()? },
        Kind::RemoveMember => Command::RemoveMember { group: params.conversation()?, user: params.user()? },
        Kind::LeaveGroup => Command::LeaveGroup { group: params.conversation()? },
        Kind::RenameGroup => Command::RenameGroup { group: params.conversation()?, name: params.name()? },
        Kind::SetRole => {
            Command::SetRole { group: params.conversation()?, user: params.user()?, role: params.role()? }
        }
        Kind::BlockUser => Command::BlockUser { user: params.user()? },
        Kind::UnblockUser => Command::UnblockUser { user: params.user()? },
        Kind::ListBlocked => Command::ListBlocked { limit: params.limit()?, after: params.last_user()? },
        Kind::Authenticate => Command::Authenticate(Token(string(params.token, "token")?.into())),
    })
}

impl Params<'_> {
    fn send(&self, limits: Limits) -> Result<Send, GatewayError> {
        let to = self.destination()?;
        let content = Content::parse(&string(self.content, "content")?, limits.content_bytes)?;
        let client_id = uuid(required(self.client_message_id, "clientMessageId")?, "clientMessageId")?;
        let reply_to = self.reply_to.map(|seq| positive(Some(seq), "replyTo").map(Seq)).transpose()?;
        Ok(Send { to, content, client_id: Some(client_id), reply_to })
    }

    fn destination(&self) -> Result<Destination, GatewayError> {
        match (self.conversation_id, self.receiver_id, self.group_id) {
            (Some(id), None, None) => {
                positive(Some(id), "conversationId").map(|id| Destination::Conversation(ConversationId(id)))
            }
            (None, Some(id), None) => {
                positive(Some(id), "receiverId").map(|id| Destination::User(UserId(id)))
            }
            (None, None, Some(id)) => {
                positive(Some(id), "groupId").map(|id| Destination::Group(ConversationId(id)))
            }
            (None, None, None) => Err(GatewayError::invalid("conversationId", "is required")),
            _ => Err(GatewayError::invalid("conversationId", "must not stand beside receiverId or groupId")),
        }
    }

    /// A group may be called by either name, but not by both.
    fn conversation(&self) -> Result<ConversationId, GatewayError> {
        match (self.conversation_id, self.group_id) {
            (None, Some(id)) => positive(Some(id), "groupId").map(ConversationId),
            (_, Some(_)) => Err(GatewayError::invalid("groupId", "must not stand beside conversationId")),
            (id, None) => positive(id, "conversationId").map(ConversationId),
        }
    }

    fn user(&self) -> Result<UserId, GatewayError> {
        positive(self.user_id, "userId").map(UserId)
    }

    fn role(&self) -> Result<Role, GatewayError> {
        let name = string(self.role, "role")?;
        let role = Role::ALL.into_iter().find(|role| role.name() == name);
        role.ok_or_else(|| GatewayError::invalid("role", "must be member, admin or owner"))
    }

    fn range(&self) -> Result<Range, GatewayError> {
        match (self.after, self.before) {
            (Some(_), Some(_)) => Err(GatewayError::invalid("before", "must not stand beside after")),
            (Some(seq), None) => natural(seq, "after").map(|seq| Range::After(Seq(seq))),
            (None, Some(seq)) => positive(Some(seq), "before").map(|seq| Range::Before(Seq(seq))),
            (None, None) => Ok(Range::Newest),
        }
    }

    fn limit(&self) -> Result<Limit, GatewayError> {
        Limit::new(self.limit.map_or(Ok(DEFAULT_LIMIT), |limit| positive(Some(limit), "limit"))?)
    }

    fn cursor(&self) -> Result<Option<Cursor>, GatewayError> {
        self.cursor.map(|cursor| string(Some(cursor), "cursor")?.parse()).transpose()
    }

    /// A cursor of the list of blocked users: the last one of the page before.
    fn last_user(&self) -> Result<Option<UserId>, GatewayError> {
        let user = |cursor| {
            let id = string(Some(cursor), "cursor")?.parse().ok().filter(|id| *id > 0);
            id.map(UserId).ok_or_else(|| GatewayError::invalid("cursor", "is not one of this list"))
        };
        self.cursor.map(user).transpose()
    }

    fn since(&self) -> Result<Option<Sync>, GatewayError> {
        self.since.map(|since| string(Some(since), "since")?.parse()).transpose()
    }

    fn bookmark(&self) -> Result<Option<Bookmark>, GatewayError> {
        self.cursor.map(|cursor| string(Some(cursor), "cursor")?.parse()).transpose()
    }

    fn mark(&self, kind: MarkKind) -> Result<Mark, GatewayError> {
        let seq = natural(required(self.seq, "seq")?, "seq")?;
        Ok(Mark { conversation: self.conversation()?, kind, seq: Seq(seq) })
    }

    fn name(&self) -> Result<GroupName, GatewayError> {
        GroupName::parse(&string(self.name, "name")?).map_err(|error| match error {
            // The other dialect's word for it.
            GatewayError::Invalid { reason, .. } => GatewayError::invalid("name", reason),
            error => error,
        })
    }

    fn users(&self) -> Result<Vec<UserId>, GatewayError> {
        const WRONG: GatewayError = GatewayError::Invalid {
            field: "userIds",
            reason: "must be a list of 1 to 100 different positive integers",
        };
        let list = required(self.user_ids, "userIds")?;
        let values: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|_| WRONG)?;
        if values.is_empty() || values.len() > MEMBERS_PER_REQUEST {
            return Err(WRONG);
        }
        let users: Result<Vec<_>, _> =
            values.iter().map(|id| positive(Some(id), "userIds").map(UserId)).collect();
        let users = users.map_err(|_| WRONG)?;
        if users.iter().collect::<HashSet<_>>().len() < users.len() { Err(WRONG) } else { Ok(users) }
    }

    fn positions(&self) -> Result<Vec<(ConversationId, Seq)>, GatewayError> {
        let wrong = |reason| GatewayError::invalid("positions", reason);
        let Some(value) = self.positions else { return Ok(Vec::new()) };
        let pairs = object::<Pairs<'_>>(value.get()).ok_or_else(|| wrong("must be an object"))?.0;
        if pairs.len() > RESUME_POSITIONS {
            return Err(wrong("must have at most 1000 conversations"));
        }
        let mut named = HashSet::with_capacity(pairs.len());
        let position = |(id, seq): (Cow<'_, str>, &RawValue)| {
            let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
            let id = Some(id).filter(|_| is_number).and_then(|id| id.parse().ok()).filter(|id| *id > 0);
            let id = id.ok_or_else(|| wrong("must have conversation ids as keys"))?;
            if !named.insert(id) {
                return Err(wrong("must name a conversation once"));
            }
            Ok((
                ConversationId(id),
                Seq(natural(seq, "positions").map_err(|_| wrong("must have integers from 0"))?),
            ))
        };
        pairs.into_iter().map(position).collect()
    }
}

/// The pairs of an object in their order, repetitions included.
struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                // A frame is bounded, and so is what it holds.
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}
