//! What no honest client sends in a field: other types, numbers that are none, keys that are the server's to set.

use super::*;
use crate::domain::command::Command;

/// A good request with this, as it is written, for one of its parameters.
fn with_raw(kind: &str, key: &str, raw: &str) -> Result<Command, GatewayError> {
    let request = requests()
        .into_iter()
        .find(|request| request["type"] == kind && request["params"].get(key).is_some());
    let mut request = request.expect("a request with the parameter");
    request["params"][key] = json!("PLACEHOLDER");
    decode(&request.to_string().replace("\"PLACEHOLDER\"", raw)).command
}

/// Every parameter that is a number, with the requests that have it.
const NUMBERS: [(&str, &str); 16] = [
    ("sendMessage", "conversationId"),
    ("sendMessage", "receiverId"),
    ("sendMessage", "groupId"),
    ("sendMessage", "replyTo"),
    ("getEntries", "conversationId"),
    ("getEntries", "after"),
    ("getEntries", "before"),
    ("getEntries", "limit"),
    ("markRead", "seq"),
    ("markDelivered", "groupId"),
    ("removeMember", "userId"),
    ("setRole", "userId"),
    ("blockUser", "userId"),
    ("unblockUser", "userId"),
    ("listBlocked", "limit"),
    ("listConversations", "limit"),
];

#[test]
fn a_number_is_an_integer_or_refused() {
    let numbers = [
        "1e999",
        "-1e999",
        "1e0",
        "1.5",
        "1.0",
        "-1",
        "9223372036854775808",
        "18446744073709551617",
        "\"1\"",
        "\"\"",
        "true",
        "[1]",
        "{}",
        "{\"$gt\":0}",
        "NaN",
        "0x1",
        "01",
        "+1",
        "1_000",
    ];
    for (kind, key) in NUMBERS {
        for raw in numbers {
            let code = with_raw(kind, key, raw).expect_err(&format!("{kind} {key} {raw}")).code();
            assert!(["invalid_params", "malformed"].contains(&code), "{kind} {key} {raw}: {code}");
        }
        // Zero with a sign is zero, which only a place may be.
        match with_raw(kind, key, "-0") {
            Ok(command) => assert_eq!(Ok(command), with_raw(kind, key, "0"), "{kind} {key}"),
            Err(error) => assert_eq!(error.code(), "invalid_params"),
        }
    }
}

/// Beyond what a double can tell apart.
#[test]
fn a_large_number_stays_what_it_is() {
    for number in [(1_i64 << 53) + 1, i64::MAX] {
        let understood = with_raw("removeMember", "userId", &number.to_string());
        assert!(matches!(understood, Ok(Command::RemoveMember { user: UserId(id), .. }) if id == number));
        let understood = with_raw("markRead", "seq", &number.to_string());
        assert!(matches!(understood, Ok(Command::Mark(Mark { seq: Seq(seq), .. })) if seq == number));
    }
}

#[test]
fn a_text_is_a_string_or_refused() {
    let texts = [
        ("sendMessage", "content"),
        ("sendMessage", "clientMessageId"),
        ("createGroup", "name"),
        ("createGroup", "clientGroupId"),
        ("renameGroup", "name"),
        ("resume", "since"),
        ("resume", "cursor"),
        ("listConversations", "cursor"),
        ("listBlocked", "cursor"),
        ("setRole", "role"),
        ("authenticate", "token"),
    ];
    for (kind, key) in texts {
        for raw in ["{}", "[]", "[\"x\"]", "{\"$ne\":null}", "{\"$regex\":\".*\"}", "7", "true", "1e999"] {
            let code = with_raw(kind, key, raw).expect_err(&format!("{kind} {key} {raw}")).code();
            assert_eq!(code, "invalid_params", "{kind} {key} {raw}");
        }
    }
}

#[test]
fn a_role_is_one_of_three_words_and_a_cursor_one_of_the_list() {
    for raw in ["\"Owner\"", "\"root\"", "\"\"", "\"admin \"", "\"admin\\u0000\""] {
        assert!(with_raw("setRole", "role", raw).is_err(), "{raw}");
    }
    for raw in ["\"0\"", "\"-1\"", "\"9223372036854775808\"", "\"1; DROP TABLE blocks\"", "\"\""] {
        assert!(with_raw("listBlocked", "cursor", raw).is_err(), "{raw}");
    }
}

/// U+0000 cannot be stored; other odd texts are kept as they are.
#[test]
fn texts_are_taken_verbatim_or_refused() {
    for kind in ["createGroup", "renameGroup"] {
        assert!(with_raw(kind, "name", r#""a\u0000b""#).is_err());
    }
    assert!(with_raw("sendMessage", "content", r#""a\u0000b""#).is_err());
    for text in ["'; DROP TABLE entries; --", "$1 %s _ \\", "\u{202E}\u{200B}"] {
        match with_raw("sendMessage", "content", &json!(text).to_string()) {
            Ok(Command::Send(send)) => assert_eq!(&**send.content.text(), text),
            other => panic!("{other:?}"),
        }
    }
}

/// Unknown keys are ignored, so that newer clients may send more: whatever the server sets by itself is none that a client
/// can set.
#[test]
fn what_the_server_sets_is_not_taken_from_a_client() {
    let foreign = json!({
        "role": "owner", "seq": 999, "id": 999, "messageId": 999, "senderId": 999, "sender_id": 999,
        "createdAt": "1970-01-01T00:00:00.000Z", "created_at": "1970-01-01T00:00:00.000Z", "kind": "memberAdded",
        "uuid": KEY, "joinedSeq": 0, "leftSeq": null, "lastSeq": 999, "member": true, "blocked": 0, "password_hash": "x",
        "__proto__": {"role": "owner"},
    });
    for request in requests() {
        let plain = decode(&request.to_string()).command.expect("a good request");
        let mut laden = request.clone();
        for (key, value) in foreign.as_object().expect("keys") {
            laden[key.as_str()] = value.clone();
            let params = laden["params"].as_object_mut().expect("parameters");
            params.entry(key.clone()).or_insert_with(|| value.clone());
        }
        assert_eq!(decode(&laden.to_string()).command, Ok(plain), "{laden}");
    }
}
