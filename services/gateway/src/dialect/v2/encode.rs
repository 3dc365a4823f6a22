//! Frames of the server. The order of the fields is the order of the keys on the wire.

use serde::Serialize;
use uuid::Uuid;

use super::{MEMBERS_PER_REQUEST, RESUME_POSITIONS};
use crate::dialect::instant::Instant;
use crate::domain::command::MarkKind;
use crate::domain::event::Watermark;
use crate::domain::greeting::Greeting;
use crate::domain::ids::{ConversationId, Seq};
use crate::domain::page::MAX_LIMIT;

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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HelloParams<'a> {
    connection_id: &'a str,
    node: &'a str,
    user_id: i64,
    heartbeat_ms: u64,
    epoch: Uuid,
    sync: String,
    server_time: Instant,
    expires_at: Instant,
    limits: LimitParams,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LimitParams {
    content_bytes: usize,
    frame_bytes: usize,
    page: i64,
    in_flight: usize,
    resume_positions: usize,
    members_per_request: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReconnectParams {
    after_ms: u64,
    reason: &'static str,
}

/// The first push of a connection.
pub(in crate::dialect) fn hello(greeting: &Greeting) -> String {
    let params = HelloParams {
        connection_id: &greeting.connection,
        node: &greeting.node,
        user_id: greeting.user.0,
        heartbeat_ms: greeting.heartbeat_ms,
        epoch: greeting.epoch.id,
        sync: greeting.sync.to_string(),
        server_time: Instant(greeting.server_time),
        expires_at: Instant(greeting.expires_at),
        limits: LimitParams {
            content_bytes: greeting.content_bytes,
            frame_bytes: greeting.frame_bytes,
            page: MAX_LIMIT,
            in_flight: greeting.in_flight,
            resume_positions: RESUME_POSITIONS,
            members_per_request: MEMBERS_PER_REQUEST,
        },
    };
    push("hello", &params)
}

/// The push that asks a client to move, before this replica stops.
pub(in crate::dialect) fn reconnect(after_ms: u64) -> String {
    push("reconnect", &ReconnectParams { after_ms, reason: "restart" })
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
pub(super) fn json<T: Serialize>(frame: &T) -> String {
    serde_json::to_string(frame).expect("a frame is plain data")
}
