//! The second dialect, frame by frame.

mod abuse;
mod asyncapi;
mod edges;
mod frames;
mod properties;
mod requests;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::dialect::{Dialect, Limits, Request};
use crate::domain::command::{Destination, Mark, MarkKind};
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::error::GatewayError;
use crate::domain::event::{Audience, Author, Event, Watermark};
use crate::domain::greeting::Greeting;
use crate::domain::ids::{ConversationId, EntryId, Seq, UserId, Xid};
use crate::domain::page::Cursor;
use crate::domain::reply::{
    Blocked, ConversationKind, Place, Receipt, Reply, Resumed, Role, Summary, Watermarks, With,
};
use crate::domain::sync::{Bookmark, Epoch};

/// Where a page of what was missed has ended.
const BOOKMARK: Bookmark = Bookmark { xid: Xid(48_220), conversation: ConversationId(7), epoch: None };
const LIMITS: Limits = Limits { content_bytes: 64 };
const KEY: &str = "0190b7c6-5f2e-7c3a-9d0e-3f6f0b6b1a11";

fn decode(frame: &str) -> Request {
    Dialect::V2.decode(frame, LIMITS)
}

fn parse(frame: &str) -> Value {
    serde_json::from_str(frame).expect("JSON")
}

fn time() -> Timestamp {
    "2026-07-28T13:20:09.896999Z".parse().expect("a time")
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
        created_at: time(),
        deleted_at: None,
    };
    let named = |name: &str| Author { name: Some(name.into()), email: Some(Arc::from("x@mail.com")) };
    Event { entry, author: named("Ann"), subject: named("Bob") }
}

/// One event of every kind.
fn events() -> Vec<Event> {
    let mut answer = event(EntryKind::Message, None, "Hi");
    answer.entry.target = Some(Seq(1));
    let mut nameless = event(EntryKind::MemberLeft, Some(2), "");
    (nameless.author, nameless.subject) = (Author::default(), Author::default());
    let mut removed = event(EntryKind::Message, Some(3), "");
    removed.entry.deleted_at = Some(time());
    vec![
        event(EntryKind::Message, Some(3), "Hi \"you\"\n\u{1F600}"),
        answer,
        event(EntryKind::GroupCreated, Some(2), "crew"),
        event(EntryKind::MemberAdded, Some(3), ""),
        nameless,
        event(EntryKind::MemberRemoved, Some(3), ""),
        event(EntryKind::GroupRenamed, None, "the crew"),
        event(EntryKind::RoleChanged, Some(3), "admin"),
        removed,
    ]
}

fn places() -> Vec<Place> {
    let events = events().into_iter().map(|event| Place::Event(Box::new(event)));
    events.chain([Place::Unreadable(ConversationId(7), Seq(9))]).collect()
}

fn marks() -> Watermarks {
    Watermarks { read: Seq(2), delivered: Seq(3) }
}

fn summary(with: With, last_message: Option<Event>) -> Summary {
    Summary {
        conversation: ConversationId(7),
        with,
        joined_seq: Seq(1),
        last_seq: Seq(3),
        own: marks(),
        unread: 1,
        last_message: last_message.map(Box::new),
        last_entry_at: time(),
    }
}

fn replies_about_others() -> Vec<(&'static str, Reply)> {
    let named = |id, name| Blocked { user: UserId(id), name, since: time() };
    let rows = vec![named(3, Some("Bob".into())), named(4, None)];
    vec![
        ("setRole", Reply::Changed(Seq(4))),
        ("blockUser", Reply::BlockChanged(UserId(3))),
        ("unblockUser", Reply::BlockChanged(UserId(3))),
        ("listBlocked", Reply::Blocked { rows, next: Some(UserId(4)) }),
        ("listBlocked", Reply::Blocked { rows: Vec::new(), next: None }),
    ]
}

/// Every success, with the type of its request.
fn replies() -> Vec<(&'static str, Reply)> {
    let receipt = Receipt {
        conversation: ConversationId(7),
        id: EntryId(65),
        seq: Seq(3),
        created_at: time(),
        duplicate: false,
    };
    let peer = With::Peer { id: UserId(3), name: None, marks: marks() };
    let group = With::Group { name: "crew".into(), role: Role::Owner };
    let resumed = |kind, limited, entries| Resumed {
        conversation: ConversationId(7),
        kind,
        last_seq: Seq(9),
        own: marks(),
        member: true,
        limited,
        entries,
    };
    let mut replies = vec![
        ("sendMessage", Reply::Sent { to: Destination::User(UserId(3)), receipt }),
        ("createGroup", Reply::GroupCreated(ConversationId(7), Seq(1))),
        ("removeMember", Reply::Changed(Seq(4))),
        ("leaveGroup", Reply::Changed(Seq(4))),
        ("renameGroup", Reply::Changed(Seq(4))),
        ("markRead", Reply::Marked(Seq(3))),
        ("markDelivered", Reply::Marked(Seq(0))),
        (
            "addMembers",
            Reply::MembersAdded(vec![
                (UserId(3), Ok(Seq(2))),
                (UserId(4), Err(GatewayError::UnknownUser)),
                (UserId(5), Err(GatewayError::NotMember)),
            ]),
        ),
        (
            "listConversations",
            Reply::Conversations {
                rows: vec![
                    summary(peer, Some(event(EntryKind::Message, Some(3), "Hi"))),
                    summary(group, None),
                ],
                next: Some(Cursor { at_us: 5, conversation: ConversationId(7) }),
            },
        ),
        ("listConversations", Reply::Conversations { rows: Vec::new(), next: None }),
        (
            "getEntries",
            Reply::Entries {
                conversation: ConversationId(7),
                last_seq: Seq(9),
                entries: places(),
                has_more: true,
            },
        ),
        (
            "resume",
            Reply::Resumed {
                conversations: vec![
                    resumed(ConversationKind::Group, None, places()),
                    resumed(ConversationKind::Dialog, Some((Seq(1), Seq(9))), Vec::new()),
                ],
                unknown: vec![ConversationId(8)],
                next: Some(BOOKMARK),
            },
        ),
        ("resume", Reply::Resumed { conversations: Vec::new(), unknown: Vec::new(), next: None }),
        ("authenticate", Reply::Authenticated(time())),
    ];
    replies.extend(replies_about_others());
    replies
}

fn greeting() -> Greeting {
    Greeting {
        connection: "c".to_owned(),
        node: "n".to_owned(),
        user: UserId(2),
        heartbeat_ms: 25_000,
        epoch: Epoch { id: Uuid::from_u128(7), tag: None },
        sync: "x48213".parse().expect("a mark"),
        server_time: time(),
        expires_at: time(),
        content_bytes: 16_384,
        frame_bytes: 65_536,
        in_flight: 64,
    }
}

fn watermark(kind: MarkKind) -> Watermark {
    let mark = Mark { conversation: ConversationId(7), kind, seq: Seq(3) };
    Watermark { user: UserId(3), mark, audience: Audience::Members }
}

/// A good request of every type, and of every form.
fn requests() -> Vec<Value> {
    let request = |kind: &str, params: Value| json!({"type": kind, "requestId": "r", "params": params});
    let message = |to: &str| json!({to: 7, "content": "Hi", "clientMessageId": KEY, "replyTo": 2});
    vec![
        request("sendMessage", message("conversationId")),
        request("sendMessage", message("receiverId")),
        request("sendMessage", message("groupId")),
        request("resume", json!({})),
        request("resume", json!({"since": "x48213", "positions": {"7": 0, "8": 12}})),
        request("resume", json!({"since": "x48213", "positions": {"9": 1}, "cursor": BOOKMARK.to_string()})),
        request("getEntries", json!({"conversationId": 7})),
        request("getEntries", json!({"conversationId": 7, "after": 0, "limit": 1})),
        request("getEntries", json!({"groupId": 7, "before": 9, "limit": 100})),
        request("listConversations", json!({})),
        request(
            "listConversations",
            json!({"limit": 20, "cursor": Cursor { at_us: 5, conversation: ConversationId(7) }.to_string()}),
        ),
        request("markRead", json!({"conversationId": 7, "seq": 3})),
        request("markDelivered", json!({"groupId": 7, "seq": 0})),
        request("createGroup", json!({"name": "crew"})),
        request("createGroup", json!({"name": "crew", "clientGroupId": KEY})),
        request("addMembers", json!({"conversationId": 7, "userIds": [3, 4]})),
        request("removeMember", json!({"conversationId": 7, "userId": 3})),
        request("leaveGroup", json!({"conversationId": 7})),
        request("renameGroup", json!({"groupId": 7, "name": "the crew"})),
        request("setRole", json!({"conversationId": 7, "userId": 3, "role": "admin"})),
        request("setRole", json!({"groupId": 7, "userId": 3, "role": "owner"})),
        request("blockUser", json!({"userId": 3})),
        request("unblockUser", json!({"userId": 3})),
        request("listBlocked", json!({})),
        request("listBlocked", json!({"limit": 20, "cursor": "17"})),
        request("authenticate", json!({"token": "a.b.c"})),
    ]
}

/// Every error. A new one does not compile until it has its place in the row.
fn errors() -> Vec<GatewayError> {
    use GatewayError as E;
    let next = |error: &E| match error {
        E::Malformed => Some(E::UnknownType),
        E::UnknownType => Some(E::invalid("seq", "is required")),
        E::Invalid { .. } => Some(E::ContentEmpty),
        E::ContentEmpty => Some(E::ContentTooLong { limit: 64 }),
        E::ContentTooLong { .. } => Some(E::UnknownUser),
        E::UnknownUser => Some(E::UnknownGroup),
        E::UnknownGroup => Some(E::NotMember),
        E::NotMember => Some(E::NotFound),
        E::NotFound => Some(E::Forbidden),
        E::Forbidden => Some(E::CannotWrite),
        E::CannotWrite => Some(E::CannotAdd),
        E::CannotAdd => Some(E::BlockedByYou),
        E::BlockedByYou => Some(E::TooManyBlocked),
        E::TooManyBlocked => Some(E::Unauthorized),
        E::Unauthorized => Some(E::AlreadyMember),
        E::AlreadyMember => Some(E::GroupFull),
        E::GroupFull => Some(E::TooManyConversations),
        E::TooManyConversations => Some(E::IdempotencyConflict),
        E::IdempotencyConflict => Some(E::RateLimited { retry_after_ms: 20 }),
        E::RateLimited { .. } => Some(E::Unavailable),
        E::Unavailable => Some(E::Internal),
        E::Internal => None,
    };
    std::iter::successors(Some(E::Malformed), next).collect()
}
