//! Frames of clients, in both dialects: whatever comes has an answer, which is one line of JSON of the documented form.

use messenger_gateway::dialect::{Dialect, Limits};
use messenger_gateway::domain::ids::Seq;
use messenger_gateway::domain::reply::Reply;
use serde_json::Value;

const LIMITS: Limits = Limits { content_bytes: 16_384 };

pub(crate) fn seed_frame(bytes: &[u8]) {
    answered(Dialect::Seed, bytes);
}

/// Positions and marks of a `resume` are parameters of a frame.
pub(crate) fn v2_frame(bytes: &[u8]) {
    answered(Dialect::V2, bytes);
}

fn answered(dialect: Dialect, bytes: &[u8]) {
    // What is no UTF-8 never comes this far: the WebSocket closes with 1007.
    let Ok(frame) = std::str::from_utf8(bytes) else { return };
    let request = dialect.decode(frame, LIMITS);
    let refused = request.command.is_err();
    let outcome = request.command.map(|_| Reply::Changed(Seq(2)));
    let text = dialect.reply(&request.tag, &outcome);
    assert!(!text.bytes().any(|byte| byte < 0x20), "more than one line: {text}");
    let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(answer["error"] == Value::Bool(true), refused, "{text}");
    assert_eq!(answer["success"] == Value::Bool(true), !refused, "{text}");
    assert_eq!(answer["type"], Value::from(request.tag.kind()), "{text}");
    assert_eq!(answer["message"].is_string() && answer["code"].is_string(), refused, "{text}");
}
