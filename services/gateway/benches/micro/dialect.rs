//! Frames: requests read, replies and events written, in both dialects.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::Criterion;
use messenger_gateway::dialect::{Dialect, Limits, Tag};
use messenger_gateway::domain::command::{Destination, Mark, MarkKind};
use messenger_gateway::domain::error::GatewayError;
use messenger_gateway::domain::event::{Audience, Watermark};
use messenger_gateway::domain::ids::{ConversationId, EntryId, Seq, UserId};
use messenger_gateway::domain::reply::{
    ConversationKind, DialogMessage, Place, Receipt, Reply, Resumed, Watermarks,
};
use serde_json::json;

use crate::samples::{LONG_BYTES, at, message, texts};

const LIMITS: Limits = Limits { content_bytes: LONG_BYTES };
const PEER: UserId = UserId(815);
/// Rows of a page, entries of a list.
const ROWS: i64 = 50;
/// Conversations that a client names when it comes back.
const POSITIONS: i64 = 100;

type Named<T> = (String, T);

pub(crate) fn measure(criterion: &mut Criterion) -> anyhow::Result<()> {
    decode(criterion)?;
    encode_replies(criterion);
    encode_events(criterion);
    Ok(())
}

/// Requests with their texts, as clients write them.
fn requests() -> anyhow::Result<Vec<Named<(Dialect, String)>>> {
    let key = "01907b2c-5c3e-7d4f-8a9b-0c1d2e3f4a5c";
    let mut all = Vec::new();
    for (length, text) in texts() {
        let mut add = |name: &str, dialect, frame: serde_json::Value| {
            all.push((format!("{name}/{length}"), (dialect, frame.to_string())));
        };
        let params = json!({"receiverId": PEER.0, "content": text});
        add("seed/privateMessage", Dialect::Seed, json!({"type": "privateMessage", "params": params}));
        let params = json!({"groupId": 1_234_567, "content": text, "clientMessageId": key});
        add("seed/messageInGroup", Dialect::Seed, json!({"type": "messageInGroup", "params": params}));
        let params = json!({"conversationId": 1_234_567, "content": text, "clientMessageId": key});
        let frame = json!({"type": "sendMessage", "requestId": "r-1234", "params": params});
        add("v2/sendMessage", Dialect::V2, frame);
    }
    let mut positions = String::new();
    for id in 1..=POSITIONS {
        write!(positions, r#"{}"{}":{}"#, if id > 1 { "," } else { "" }, 1_234_000 + id, 17 * id)?;
    }
    let v2 = |name: &str, params: &str| {
        let frame = format!(r#"{{"type":"{name}","requestId":17,"params":{{{params}}}}}"#);
        (format!("v2/{name}"), (Dialect::V2, frame))
    };
    let history = r#"{"type":"getlatestMessageDialog","params":{"receiverId":815,"limit":50,"page":1}}"#;
    all.extend([
        ("seed/getlatestMessageDialog".to_owned(), (Dialect::Seed, history.to_owned())),
        v2("getEntries", r#""conversationId":1234567,"after":4711,"limit":50"#),
        v2("markRead", r#""conversationId":1234567,"seq":4711"#),
        v2("resume", &format!(r#""since":"x123456","positions":{{{positions}}}"#)),
    ]);
    Ok(all)
}

fn decode(criterion: &mut Criterion) -> anyhow::Result<()> {
    let mut group = criterion.benchmark_group("decode");
    for (name, (dialect, frame)) in requests()? {
        anyhow::ensure!(dialect.decode(&frame, LIMITS).command.is_ok(), "{name} is a request");
        group.bench_function(name, |bencher| bencher.iter(|| dialect.decode(black_box(&frame), LIMITS)));
    }
    group.finish();
    Ok(())
}

/// Short answers, and lists of short texts.
fn encode_replies(criterion: &mut Criterion) {
    let [(_, short), ..] = texts();
    let receipt = Receipt {
        conversation: ConversationId(1_234_567),
        id: EntryId(9_876_543),
        seq: Seq(4_711),
        created_at: at(),
        duplicate: false,
    };
    let sent = Ok(Reply::Sent { to: Destination::User(PEER), receipt });
    let mut group = criterion.benchmark_group("reply");
    for (name, dialect, outcome) in [
        ("seed/privateMessage", Dialect::Seed, &sent),
        ("seed/getlatestMessageDialog", Dialect::Seed, &Ok(history(&short))),
        ("v2/sendMessage", Dialect::V2, &sent),
        ("v2/getEntries", Dialect::V2, &Ok(page(&short))),
        ("v2/resume", Dialect::V2, &Ok(resumption(&short))),
        ("v2/error", Dialect::V2, &Err(GatewayError::NotFound)),
    ] {
        let tag = tag(dialect);
        group.bench_function(name, |bencher| bencher.iter(|| dialect.reply(&tag, black_box(outcome))));
    }
    group.finish();
}

fn encode_events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event");
    for (length, text) in texts() {
        for (name, dialect, receiver) in [
            ("seed/privateMessage", Dialect::Seed, Some(PEER)),
            ("seed/messageInGroup", Dialect::Seed, None),
            ("v2/entry", Dialect::V2, None),
        ] {
            let event = message(&text, 4_711, receiver);
            let name = format!("{name}/{length}");
            group.bench_function(name, |bencher| bencher.iter(|| dialect.event(black_box(&event))));
        }
    }
    let mark = Mark { conversation: ConversationId(1_234_567), kind: MarkKind::Read, seq: Seq(4_711) };
    let watermark = Watermark { user: PEER, mark, audience: Audience::Members };
    group.bench_function("v2/read", |bencher| {
        bencher.iter(|| Dialect::V2.watermark(black_box(&watermark)));
    });
    group.finish();
}

/// What an answer repeats of a request.
fn tag(dialect: Dialect) -> Tag {
    let kind = if dialect == Dialect::Seed { "privateMessage" } else { "sendMessage" };
    dialect.decode(&format!(r#"{{"type":"{kind}","requestId":"r-1234"}}"#), LIMITS).tag
}

fn history(text: &str) -> Reply {
    let row = |seq| DialogMessage {
        id: EntryId(9_876_543 + seq),
        seq: Seq(seq),
        sender: UserId(4_711),
        receiver: PEER,
        receiver_name: Some("Patrick".into()),
        content: text.into(),
        created_at: at(),
    };
    Reply::DialogHistory((1..=ROWS).map(row).collect())
}

fn places(text: &str, count: i64) -> Vec<Place> {
    (1..=count).map(|seq| Place::Event(Box::new(message(text, seq, None)))).collect()
}

fn page(text: &str) -> Reply {
    let entries = places(text, ROWS);
    Reply::Entries { conversation: ConversationId(1_234_567), last_seq: Seq(ROWS), entries, has_more: false }
}

/// Ten conversations with a tenth of [`ROWS`] each.
fn resumption(text: &str) -> Reply {
    let conversation = |id| Resumed {
        conversation: ConversationId(id),
        kind: ConversationKind::Group,
        last_seq: Seq(ROWS / 10),
        own: Watermarks { read: Seq(1), delivered: Seq(2) },
        member: true,
        limited: None,
        entries: places(text, ROWS / 10),
    };
    Reply::Resumed { conversations: (1..=10).map(conversation).collect(), unknown: Vec::new(), next: None }
}
