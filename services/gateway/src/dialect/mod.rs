//! What the frames of a connection look like: text to [`Command`], [`Reply`] and [`Event`] to text.
//!
//! Pure translation: knows no socket, no task and no store. The code behind it knows no dialect. A new dialect is a new
//! file here and a new variant of [`Dialect`].

#[cfg(test)]
mod document;
mod instant;
mod raw;

mod seed;
mod v2;

use serde_json::value::RawValue;

use crate::domain::command::Command;
use crate::domain::error::GatewayError;
use crate::domain::event::{Event, Watermark};
use crate::domain::greeting::Greeting;
use crate::domain::ids::{ConversationId, Seq};
use crate::domain::reply::Reply;

/// The language of one connection, chosen at the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The frames of the documented system, with keys added and none removed.
    Seed,
    /// `messenger.v2`: entries with their places.
    V2,
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
            Self::V2 => v2::decode(frame, limits),
        }
    }

    /// The answer to the request that `tag` labels.
    pub fn reply(self, tag: &Tag, outcome: &Result<Reply, GatewayError>) -> String {
        match self {
            Self::Seed => seed::reply(tag, outcome),
            Self::V2 => v2::reply(tag, outcome),
        }
    }

    /// The frame that tells of an event; `None` where the dialect has no such frame.
    pub fn event(self, event: &Event) -> Option<String> {
        match self {
            Self::Seed => seed::event(event),
            Self::V2 => Some(v2::event(event)),
        }
    }

    /// The frame that tells a user of the entry with which he is no member any more; `None` where the dialect tells only
    /// those who stay.
    pub fn farewell(self, event: &Event) -> Option<String> {
        match self {
            Self::Seed => None,
            Self::V2 => Some(v2::event(event)),
        }
    }

    /// The frame that greets a new connection; `None` where the dialect has none.
    pub fn hello(self, greeting: &Greeting) -> Option<String> {
        match self {
            Self::Seed => None,
            Self::V2 => Some(v2::hello(greeting)),
        }
    }

    /// The frame that asks a client to move to another replica after so many milliseconds; `None` where the dialect has
    /// none.
    pub fn reconnect(self, after_ms: u64) -> Option<String> {
        match self {
            Self::Seed => None,
            Self::V2 => Some(v2::reconnect(after_ms)),
        }
    }

    /// The frame that tells of a place whose entry this version cannot read; `None` where the dialect has no places.
    pub fn unreadable(self, conversation: ConversationId, seq: Seq) -> Option<String> {
        match self {
            Self::Seed => None,
            Self::V2 => Some(v2::unreadable(conversation, seq)),
        }
    }

    /// The frame that tells of a watermark; `None` where the dialect has none.
    pub fn watermark(self, watermark: &Watermark) -> Option<String> {
        match self {
            Self::Seed => None,
            Self::V2 => Some(v2::watermark(watermark)),
        }
    }

    /// Whether a socket hears of a message that it sent by the reply alone.
    pub fn replies_stand_for_messages(self) -> bool {
        match self {
            Self::Seed => true,
            Self::V2 => false,
        }
    }

    /// Whether a client can hear of a gap.
    pub fn has_gaps(self) -> bool {
        match self {
            Self::Seed => false,
            Self::V2 => true,
        }
    }

    /// The frame that stands for entries, both ends included, which a slow socket was not sent; `None` where a client could
    /// not make use of it.
    pub fn gap(self, conversation: ConversationId, from: Seq, to: Seq) -> Option<String> {
        match self {
            Self::Seed => None,
            Self::V2 => Some(v2::gap(conversation, from, to)),
        }
    }
}
