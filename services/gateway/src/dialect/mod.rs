//! What the frames of a connection look like: text to [`Command`], [`Reply`] and [`Event`] to text.
//!
//! Pure translation: knows no socket, no task and no store. The code behind it knows no dialect. A new dialect is a new
//! file here and a new variant of [`Dialect`].

mod seed;

use serde_json::value::RawValue;

use crate::domain::command::Command;
use crate::domain::error::GatewayError;
use crate::domain::event::Event;
use crate::domain::reply::Reply;

/// The language of one connection, chosen at the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The frames of the documented system, with keys added and none removed.
    Seed,
}

/// What a frame may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of UTF-8 in the text of a message.
    pub content_bytes: usize,
}

/// A frame of a client, read.
#[derive(Debug, Clone)]
pub struct Request {
    /// How to label the answer.
    pub tag: Tag,
    /// What is asked for, or why that cannot be said.
    pub command: Result<Command, GatewayError>,
}

/// What an answer repeats of its request, so that the client can tell which one it answers.
#[derive(Debug, Clone)]
pub struct Tag {
    kind: &'static str,
    request_id: Option<Box<RawValue>>,
}

impl Tag {
    /// The type that the answer carries: one of the dialect's own few words, never the client's text. Fit for a metric's
    /// label.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

impl Dialect {
    /// Reads a frame. Never fails as a whole: what is wrong with it is the request's `command`.
    pub fn decode(self, frame: &str, limits: Limits) -> Request {
        match self {
            Self::Seed => seed::decode(frame, limits),
        }
    }

    /// The answer to the request that `tag` labels.
    pub fn reply(self, tag: &Tag, outcome: &Result<Reply, GatewayError>) -> String {
        match self {
            Self::Seed => seed::reply(tag, outcome),
        }
    }

    /// The frame that tells of an event; `None` where the dialect has no such frame.
    pub fn event(self, event: &Event) -> Option<String> {
        match self {
            Self::Seed => seed::event(event),
        }
    }
}
