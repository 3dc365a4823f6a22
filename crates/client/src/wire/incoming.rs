//! Tells the three kinds of incoming frames apart: success, failure, push.
//!
//! A success answers a request when it echoes the request's id; without an id it is a push when its `message`
//! is set. The three documented keys of `params` must be there, set or null: a frame without one is not
//! understood.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Created, Delivery, Malformed, Push, Sent, v2};

/// An incoming text frame.
#[derive(Debug)]
pub enum Incoming {
    /// A request succeeded; without an id when the server does not echo it.
    Reply(Option<u64>, Reply),
    /// A request failed; without an id when the frame could not be related to one.
    Refusal(Option<u64>, Refusal),
    /// Something happened, or the frame is not understood ([`Push::Unknown`]).
    Push(Push),
}

/// A success before its request reads it.
#[derive(Debug)]
pub struct Reply {
    /// Wire name of the request.
    pub kind: String,
    /// JSON of `data`.
    pub data: Option<Box<RawValue>>,
    /// Added by a send: id of the message.
    pub message_id: Option<i64>,
    /// Added by a send: place in the conversation.
    pub seq: Option<u64>,
    /// Added by a send: when it was stored.
    pub created_at: Option<String>,
    /// Added by `newGroup`: the group's id.
    pub group_id: Option<i64>,
    /// JSON of `params` as a whole, where they are not the documented ones.
    pub params: Option<Box<RawValue>>,
}

/// A failure; the connection lives on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Wire name of the request, or `processor` when the frame had no usable one.
    pub kind: String,
    /// One sentence for a person.
    pub message: String,
    /// Machine-readable kind of failure, where the server adds it.
    pub code: Option<String>,
    /// Milliseconds after which the same request may succeed, where the server adds it.
    pub retry_after_ms: Option<u64>,
}

/// Wait after a temporary failure whose frame does not tell one, in milliseconds.
const UNTOLD_WAIT_MS: u64 = 1000;

impl Refusal {
    /// How long to wait before the same request may succeed; `None` when the failure is for good.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let temporary = matches!(self.code.as_deref(), Some("unavailable" | "rate_limited"));
        let wait = self.retry_after_ms.or(temporary.then_some(UNTOLD_WAIT_MS))?;
        Some(Duration::from_millis(wait))
    }

    /// Whether it was not this request that was wrong but that there were too many.
    #[must_use]
    pub fn is_rate_limit(&self) -> bool {
        self.code.as_deref() == Some("rate_limited")
    }
}

/// Reads a text frame. Never fails: what is not understood is [`Push::Unknown`].
#[must_use]
pub fn decode(text: &str) -> Incoming {
    serde_json::from_str::<Frame<'_>>(text)
        .ok()
        .and_then(Frame::sort)
        .unwrap_or_else(|| Incoming::Push(Push::Unknown(text.to_owned())))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    success: bool,
    #[serde(default)]
    error: bool,
    #[serde(default)]
    event: bool,
    request_id: Option<Ticket>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    message: Option<String>,
    code: Option<String>,
    retry_after_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    #[serde(borrow, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    #[serde(deserialize_with = "present")]
    message: Option<String>,
    #[serde(deserialize_with = "present")]
    sender_name: Option<String>,
    message_id: Option<i64>,
    seq: Option<u64>,
    sender_id: Option<i64>,
    receiver_id: Option<i64>,
    group_id: Option<i64>,
    user_id: Option<i64>,
    created_at: Option<String>,
}

/// Null is a value, absence is not: serde would take an absent `Option` for null.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

impl Frame<'_> {
    fn sort(self) -> Option<Incoming> {
        let id = self.request_id.map(|Ticket(id)| id);
        if self.error {
            let refusal = Refusal {
                kind: self.kind.into_owned(),
                message: self.message?,
                code: self.code,
                retry_after_ms: self.retry_after_ms,
            };
            return Some(Incoming::Refusal(id, refusal));
        }
        if self.event {
            return Some(Incoming::Push(Push::Event(v2::Event::read(&self.kind, self.params))));
        }
        let raw = self.params.filter(|_| self.success)?;
        let Ok(params) = serde_json::from_str::<Params<'_>>(raw.get()) else {
            let id = Some(id?);
            return Some(Incoming::Reply(id, Reply::undocumented(self.kind.into_owned(), raw.to_owned())));
        };
        match params.message {
            Some(text) if id.is_none() => {
                let delivery = Delivery {
                    text,
                    sender_name: params.sender_name,
                    message_id: params.message_id,
                    seq: params.seq,
                    sender_id: params.sender_id,
                    receiver_id: params.receiver_id,
                    group_id: params.group_id,
                    user_id: params.user_id,
                    created_at: params.created_at,
                };
                Push::of(&self.kind, delivery).map(Incoming::Push)
            }
            _ => {
                let reply = Reply {
                    kind: self.kind.into_owned(),
                    data: params.data.map(ToOwned::to_owned),
                    message_id: params.message_id,
                    seq: params.seq,
                    created_at: params.created_at,
                    group_id: params.group_id,
                    params: None,
                };
                Some(Incoming::Reply(id, reply))
            }
        }
    }
}

impl Reply {
    /// A success whose `params` are not the documented ones.
    fn undocumented(kind: String, params: Box<RawValue>) -> Self {
        Self {
            kind,
            data: None,
            message_id: None,
            seq: None,
            created_at: None,
            group_id: None,
            params: Some(params),
        }
    }

    pub(super) fn params<T: DeserializeOwned>(self, request: &'static str) -> Result<T, Malformed> {
        let params = self.params.ok_or_else(|| lacks(request, "params"))?;
        serde_json::from_str(params.get())
            .map_err(|error| Malformed { request, problem: format!("has unexpected params: {error}") })
    }

    pub(super) fn rows<T: DeserializeOwned>(self, request: &'static str) -> Result<Vec<T>, Malformed> {
        let data = self.data.ok_or_else(|| lacks(request, "data"))?;
        serde_json::from_str(data.get())
            .map_err(|error| Malformed { request, problem: format!("has unexpected rows: {error}") })
    }

    pub(super) fn sent(self, request: &'static str) -> Result<Sent, Malformed> {
        Ok(Sent {
            message_id: self.message_id.ok_or_else(|| lacks(request, "messageId"))?,
            seq: self.seq.ok_or_else(|| lacks(request, "seq"))?,
            created_at: self.created_at.ok_or_else(|| lacks(request, "createdAt"))?,
        })
    }

    pub(super) fn created(self, request: &'static str) -> Result<Created, Malformed> {
        Ok(Created { group_id: self.group_id.ok_or_else(|| lacks(request, "groupId"))? })
    }
}

fn lacks(request: &'static str, key: &str) -> Malformed {
    Malformed { request, problem: format!("lacks {key}") }
}

/// A request id of ours, echoed as the text we sent or as a number.
struct Ticket(u64);

impl<'de> Deserialize<'de> for Ticket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TicketVisitor)
    }
}

struct TicketVisitor;

impl Visitor<'_> for TicketVisitor {
    type Value = Ticket;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the id of a request")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Ticket, E> {
        text.parse().map(Ticket).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, id: u64) -> Result<Ticket, E> {
        Ok(Ticket(id))
    }
}
