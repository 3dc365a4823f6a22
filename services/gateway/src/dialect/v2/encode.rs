//! Frames of the server. The order of the fields is the order of the keys on the wire.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::domain::command::MarkKind;
use crate::domain::event::Watermark;
use crate::domain::ids::{ConversationId, Seq};

#[derive(Serialize)]
struct Push<'a, P> {
    r#type: &'a str,
    event: bool,
    params: &'a P,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WatermarkParams {
    conversation_id: i64,
    user_id: i64,
    seq: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GapParams {
    conversation_id: i64,
    from: i64,
    to: i64,
}

/// ISO 8601 in UTC with three digits of a second, cut, not rounded.
pub(super) struct Instant(pub(super) Timestamp);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}

/// The push that tells of a watermark.
pub(in crate::dialect) fn watermark(watermark: &Watermark) -> String {
    let mark = watermark.mark;
    let kind = match mark.kind {
        MarkKind::Delivered => "delivered",
        MarkKind::Read => "read",
    };
    let params =
        WatermarkParams { conversation_id: mark.conversation.0, user_id: watermark.user.0, seq: mark.seq.0 };
    push(kind, &params)
}

/// The push that stands for entries which a slow socket was not sent; both ends are included.
pub(in crate::dialect) fn gap(conversation: ConversationId, from: Seq, to: Seq) -> String {
    push("gap", &GapParams { conversation_id: conversation.0, from: from.0, to: to.0 })
}

/// A frame that nobody has asked for.
pub(super) fn push<P: Serialize>(kind: &str, params: &P) -> String {
    json(&Push { r#type: kind, event: true, params })
}

#[expect(clippy::expect_used, reason = "numbers, texts and dates always have a JSON form")]
fn json<T: Serialize>(frame: &T) -> String {
    serde_json::to_string(frame).expect("a frame is plain data")
}
