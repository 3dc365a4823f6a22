//! What is spoken is what is described, and the other way round.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::{Kind, PROCESSOR};
use super::*;
use crate::dialect::document::{Document, spoilt};
use crate::domain::command::Destination;
use crate::domain::reply::{Chat, ChatPlace, DialogMessage, GroupMessage, Receipt};

fn requests() -> Vec<Value> {
    let request = |kind: &str, params: Value| json!({"type": kind, "requestId": 5, "params": params});
    let key = Uuid::from_u128(9);
    vec![
        request("listLastMessage", json!({"limit": 5, "page": 1})),
        request("getlatestMessageDialog", json!({"receiverId": 3, "limit": 5, "page": 1})),
        request("getlatestMessageGroup", json!({"groupId": 7, "limit": 5, "page": 1})),
        request("newGroup", json!({"groupName": "crew"})),
        request("addUserInGroup", json!({"groupId": 7, "userId": 3})),
        request("leaveGroup", json!({"groupId": 7})),
        request("messageInGroup", json!({"groupId": 7, "content": "Hi"})),
        request("messageInGroup", json!({"groupId": 7, "content": "Hi", "clientMessageId": key})),
        request("privateMessage", json!({"receiverId": 3, "content": "Hi"})),
        request("privateMessage", json!({"receiverId": 3, "content": "Hi", "clientMessageId": key})),
    ]
}

fn replies() -> Vec<(&'static str, Reply)> {
    let created_at = time("2023-07-28T13:20:09.896999Z");
    let receipt = Receipt {
        conversation: ConversationId(7),
        id: EntryId(65),
        seq: Seq(3),
        created_at,
        duplicate: false,
    };
    let chat = |place| Chat {
        id: EntryId(65),
        sender: UserId(2),
        sender_name: name("Ann"),
        place,
        content: "Hi".into(),
        created_at,
        updated_at: created_at,
        deleted_at: None,
    };
    let chats = vec![
        chat(ChatPlace::User { id: UserId(3), name: None }),
        chat(ChatPlace::Group { id: ConversationId(7), name: "crew".into() }),
    ];
    let dialog = DialogMessage {
        id: EntryId(65),
        seq: Seq(3),
        sender: UserId(2),
        receiver: UserId(3),
        receiver_name: name("Bob"),
        content: "Hi".into(),
        created_at,
    };
    let group = GroupMessage {
        id: EntryId(65),
        seq: Seq(3),
        sender: UserId(2),
        sender_name: None,
        group: ConversationId(7),
        content: "Hi".into(),
        created_at,
    };
    vec![
        ("listLastMessage", Reply::Chats(chats)),
        ("getlatestMessageDialog", Reply::DialogHistory(vec![dialog])),
        ("getlatestMessageGroup", Reply::GroupHistory(vec![group])),
        ("newGroup", Reply::GroupCreated(ConversationId(7), Seq(1))),
        ("addUserInGroup", Reply::Changed(Seq(2))),
        ("leaveGroup", Reply::Changed(Seq(2))),
        ("messageInGroup", Reply::Sent { to: Destination::Group(ConversationId(7)), receipt }),
        ("privateMessage", Reply::Sent { to: Destination::User(UserId(3)), receipt }),
    ]
}

fn errors() -> [GatewayError; 18] {
    [
        GatewayError::Malformed,
        GatewayError::UnknownType,
        GatewayError::invalid("page", "is required"),
        GatewayError::ContentEmpty,
        GatewayError::ContentTooLong { limit: 64 },
        GatewayError::UnknownUser,
        GatewayError::UnknownGroup,
        GatewayError::NotMember,
        GatewayError::CannotWrite,
        GatewayError::CannotAdd,
        GatewayError::BlockedByYou,
        GatewayError::AlreadyMember,
        GatewayError::GroupFull,
        GatewayError::TooManyConversations,
        GatewayError::IdempotencyConflict,
        GatewayError::RateLimited { retry_after_ms: 20 },
        GatewayError::Unavailable,
        GatewayError::Internal,
    ]
}

#[test]
fn every_frame_of_the_server_fits_its_description() {
    let document = Document::load();
    for (kind, outcome) in replies() {
        for id in ["", r#""requestId":"r","#] {
            let frame = reply(&format!(r#"{{{id}"type":"{kind}"}}"#), &Ok(outcome.clone()));
            document.check(&format!("v1.{kind}.answer"), &frame);
        }
    }
    for error in errors() {
        document.check("v1.failure", &reply(r#"{"type":"leaveGroup","requestId":1}"#, &Err(error.clone())));
        let frame = reply("[]", &Err(error));
        assert_eq!(parse(&frame)["type"], PROCESSOR);
        document.check("v1.failure", &frame);
    }
    for (kind, recipient, message) in [
        (EntryKind::Message, Some(3), "privateMessage"),
        (EntryKind::Message, None, "messageInGroup"),
        (EntryKind::MemberAdded, Some(3), "addUserInGroup"),
        (EntryKind::MemberLeft, Some(3), "leaveGroup"),
        (EntryKind::MemberRemoved, Some(3), "leaveGroup"),
    ] {
        let frame = Dialect::Seed.event(&event(kind, recipient, "Hi")).unwrap();
        document.check(&format!("v1.{message}.push"), &frame);
    }
}

#[test]
fn every_request_fits_its_description_and_is_understood() {
    let document = Document::load();
    for request in requests() {
        let (kind, frame) = (request["type"].as_str().unwrap(), request.to_string());
        document.check(&format!("v1.{kind}"), &frame);
        assert!(decode(&frame).command.is_ok(), "{frame}");
    }
}

#[test]
fn a_request_with_a_spoilt_parameter_is_judged_alike() {
    let document = Document::load();
    let (mut good, mut bad) = (0, 0);
    for request in requests() {
        let validator = document.validator(&format!("v1.{}", request["type"].as_str().unwrap()));
        for spoilt in spoilt(&request) {
            let (described, understood) = (validator.is_valid(&spoilt), decode(&spoilt.to_string()).command);
            assert_eq!(described, understood.is_ok(), "{spoilt}: {understood:?}");
            *if described { &mut good } else { &mut bad } += 1;
        }
    }
    assert!(good > 20 && bad > 100, "{good} good, {bad} bad");
}

#[test]
fn the_words_are_the_same() {
    let document = Document::load();
    let kinds: BTreeSet<_> = Kind::ALL.map(|kind| kind.name().to_owned()).into();
    assert_eq!(document.names("v1.", ".answer"), kinds);
    let with_failure: BTreeSet<_> = kinds.into_iter().chain(["failure".to_owned()]).collect();
    assert_eq!(document.names("v1.", ""), with_failure);
    let codes: BTreeSet<_> = errors().map(|error| error.code().to_owned()).into();
    assert_eq!(document.values("SeedErrorCode"), codes);
}

/// Unknown keys are ignored: what the server sets by itself is none that a client can set.
#[test]
fn what_the_server_sets_is_not_taken_from_a_client() {
    for request in requests() {
        let plain = decode(&request.to_string()).command.expect("a good request");
        let mut laden = request.clone();
        for (key, value) in [
            ("role", json!("owner")),
            ("id", json!(999)),
            ("seq", json!(999)),
            ("messageId", json!(999)),
            ("senderId", json!(999)),
            ("createdAt", json!("1970-01-01T00:00:00.000Z")),
        ] {
            laden[key] = value.clone();
            laden["params"][key] = value;
        }
        assert_eq!(decode(&laden.to_string()).command, Ok(plain), "{laden}");
    }
}
