//! The documented examples, field by field, and the frames that nobody documents.

mod asyncapi;
mod bad_frames;
mod documented;
mod properties;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::dialect::{Dialect, Limits, Request};
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::error::GatewayError;
use crate::domain::event::{Author, Event};
use crate::domain::ids::{ConversationId, EntryId, Seq, UserId};
use crate::domain::reply::Reply;

const LIMITS: Limits = Limits { content_bytes: 64 };

fn decode(frame: &str) -> Request {
    Dialect::Seed.decode(frame, LIMITS)
}

fn reply(request: &str, outcome: &Result<Reply, GatewayError>) -> String {
    Dialect::Seed.reply(&decode(request).tag, outcome)
}

fn parse(frame: &str) -> Value {
    serde_json::from_str(frame).unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn name(text: &str) -> Option<Arc<str>> {
    Some(text.into())
}

fn event(kind: EntryKind, recipient: Option<i64>, body: &str) -> Event {
    let entry = Entry {
        conversation: ConversationId(7),
        seq: Seq(3),
        id: EntryId(65),
        uuid: Uuid::from_u128(1),
        kind,
        sender: UserId(2),
        recipient: recipient.map(UserId),
        client_id: Uuid::from_u128(2),
        target: None,
        body: body.into(),
        created_at: time("2023-07-28T13:20:09.896999Z"),
        deleted_at: None,
    };
    let author = Author { name: name("Patrick1"), email: name("p1@mail.com") };
    let subject = Author { name: name("Patrick5"), email: name("p5@mail.com") };
    Event { entry, author, subject }
}
