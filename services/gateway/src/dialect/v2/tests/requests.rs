//! Frames of clients, good and bad.

use super::*;
use crate::domain::command::{Command, Range};

fn code(frame: &str) -> &'static str {
    decode(frame).command.expect_err(frame).code()
}

/// The code with which a request is refused when one of its parameters is this.
fn with(kind: &str, key: &str, value: Value) -> String {
    let request = requests().into_iter().find(|request| request["type"] == kind);
    let mut request = request.expect("a request");
    request["params"][key] = value;
    let request = decode(&request.to_string());
    let id = parse(&Dialect::V2.reply(&request.tag, &Err(GatewayError::Internal)))["requestId"].clone();
    assert_eq!(id, "r", "an answer names its request");
    request.command.map_or_else(|error| error.to_string(), |command| format!("understood: {command:?}"))
}

#[test]
fn frames_that_are_no_requests_are_told_so() {
    for frame in [
        "",
        "{",
        "[]",
        "7",
        "null",
        r#"{"type":7}"#,
        r#"{"params":{}}"#,
        r#"{"type":"resume","type":"resume"}"#,
    ] {
        assert_eq!(code(frame), "malformed", "{frame}");
    }
    assert_eq!(code(r#"{"type":"privateMessage"}"#), "unknown_type");
    for frame in [
        r#"{"type":"resume","params":[]}"#,
        r#"{"type":"resume","params":7}"#,
        r#"{"type":"resume","requestId":1.5}"#,
        r#"{"type":"resume","requestId":{}}"#,
    ] {
        assert_eq!(code(frame), "invalid_params", "{frame}");
    }
    let long = format!(r#"{{"type":"resume","requestId":"{}"}}"#, "x".repeat(127));
    assert_eq!(code(&long), "invalid_params");
    assert!(
        decode(r#"{"type":"resume","requestId":-7,"later":{"key":[1]},"params":{"another":true}}"#)
            .command
            .is_ok()
    );
}

#[test]
fn numbers_are_integers_in_their_limits() {
    let bad = [
        json!(0),
        json!(-1),
        json!(1.5),
        json!("7"),
        json!(true),
        json!([7]),
        json!(9_223_372_036_854_775_808_u64),
    ];
    for (kind, key) in [
        ("sendMessage", "conversationId"),
        ("sendMessage", "replyTo"),
        ("getEntries", "conversationId"),
        ("getEntries", "limit"),
        ("removeMember", "userId"),
        ("leaveGroup", "conversationId"),
    ] {
        for value in &bad {
            assert_eq!(
                with(kind, key, value.clone()),
                format!("Invalid params: {key} must be a positive integer")
            );
        }
    }
    assert_eq!(with("getEntries", "limit", json!(101)), "Invalid params: limit must be 1 to 100");
    assert_eq!(with("getEntries", "after", json!(-1)), "Invalid params: after must be an integer from 0");
    assert_eq!(with("markRead", "seq", json!("3")), "Invalid params: seq must be an integer from 0");
}

#[test]
fn contents_names_and_keys_have_their_rules() {
    for (key, value, expected) in [
        ("content", json!(""), "The content must not be empty"),
        ("content", json!(" \n"), "The content must not be empty"),
        ("content", json!("x".repeat(65)), "The content must have at most 64 bytes"),
        ("content", json!(7), "Invalid params: content must be a string"),
        ("clientMessageId", json!("7"), "Invalid params: clientMessageId must be a UUID that is not nil"),
        ("clientMessageId", Value::Null, "Invalid params: clientMessageId is required"),
        (
            "receiverId",
            json!(3),
            "Invalid params: conversationId must not stand beside receiverId or groupId",
        ),
    ] {
        assert_eq!(with("sendMessage", key, value), expected);
    }
    assert!(with("sendMessage", "content", json!("a\u{0}b")).starts_with("Invalid params: content "));
    assert!(with("createGroup", "name", json!("  ")).starts_with("Invalid params: name "));
    assert!(with("authenticate", "token", json!(7)).starts_with("Invalid params: token "));
    assert_eq!(
        with("leaveGroup", "groupId", json!(7)),
        "Invalid params: groupId must not stand beside conversationId"
    );
}

#[test]
fn lists_of_users_and_positions_have_their_rules() {
    let users = "Invalid params: userIds must be a list of 1 to 100 different positive integers";
    for value in
        [json!([]), json!([1, 1]), json!([0]), json!(["1"]), json!(7), json!((1..102).collect::<Vec<_>>())]
    {
        assert_eq!(with("addMembers", "userIds", value), users);
    }
    for (value, expected) in [
        (json!([]), "must be an object"),
        (json!({"x": 1}), "must have conversation ids as keys"),
        (json!({"0": 1}), "must have conversation ids as keys"),
        (json!({"+7": 1}), "must have conversation ids as keys"),
        (json!({"7": 1, "07": 2}), "must name a conversation once"),
        (json!({"7": -1}), "must have integers from 0"),
        (
            json!((1..1002).map(|id| (id.to_string(), json!(1))).collect::<serde_json::Map<_, _>>()),
            "must have at most 1000 conversations",
        ),
    ] {
        assert_eq!(with("resume", "positions", value), format!("Invalid params: positions {expected}"));
    }
    assert!(with("resume", "since", json!("1.2")).starts_with("Invalid params: since "));
    for kind in ["listConversations", "resume"] {
        for value in [json!("?"), json!(7)] {
            assert!(with(kind, "cursor", value).starts_with("Invalid params: cursor "), "{kind}");
        }
    }
}

#[test]
fn what_is_understood_is_this() {
    let (mut kinds, mut ranges) = (Vec::new(), Vec::new());
    for request in requests() {
        match decode(&request.to_string()).command.expect("a good request") {
            Command::Send(send) => {
                assert_eq!(
                    (send.content.text().as_ref(), send.client_id),
                    ("Hi", Some(KEY.parse().expect("a UUID")))
                );
                assert_eq!(send.reply_to, Some(Seq(2)));
                kinds.push(send.to);
            }
            Command::GetEntries { conversation, range, limit } => {
                assert_eq!(conversation, ConversationId(7));
                ranges.push((range, limit.rows()));
            }
            Command::Resume { positions, since: Some(_), after: None } => {
                assert_eq!(positions, [(ConversationId(7), Seq(0)), (ConversationId(8), Seq(12))]);
            }
            Command::Resume { positions, since: Some(_), after } => {
                assert_eq!((positions, after), (vec![(ConversationId(9), Seq(1))], Some(BOOKMARK)));
            }
            Command::AddMembers { group, users } => {
                assert_eq!((group, users), (ConversationId(7), vec![UserId(3), UserId(4)]));
            }
            _ => {}
        }
    }
    let seven = ConversationId(7);
    assert_eq!(
        kinds,
        [Destination::Conversation(seven), Destination::User(UserId(7)), Destination::Group(seven)]
    );
    assert_eq!(ranges, [(Range::Newest, 50), (Range::After(Seq(0)), 1), (Range::Before(Seq(9)), 100)]);
}
