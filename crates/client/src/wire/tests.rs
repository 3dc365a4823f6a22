//! The examples of the documented system, to the letter but for its two slips: a comma it forgets after
//! `"data": null` and the comments inside its lists.

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

fn asked<R: Request>(params: &R) -> Value {
    let frame = encode(7, params).expect("serialises");
    let mut frame: Value = serde_json::from_str(&frame).expect("is JSON");
    assert_eq!(frame.as_object_mut().expect("object").remove("requestId"), Some(json!("7")));
    frame
}

fn reply(text: &str) -> Reply {
    match decode(text) {
        Incoming::Reply(None, reply) => reply,
        other => panic!("not a reply: {other:?}"),
    }
}

fn nulls(kind: &str) -> String {
    format!(
        r#"{{
        "type": "{kind}",
        "success": true,
        "params": {{
        "data": null,
        "message": null,
        "senderName": null
        }}
        }}"#
    )
}

#[test]
fn requests_are_the_documented_ones() {
    let id = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);
    let cases = [
        (
            asked(&ListLastMessage { limit: 5, page: 1 }),
            json!({"type": "listLastMessage", "params": {"limit": 5, "page": 1}}),
        ),
        (
            asked(&LatestMessageDialog { receiver_id: 1, limit: 5, page: 1 }),
            json!({"type": "getlatestMessageDialog", "params": {"receiverId": 1, "limit": 5, "page": 1}}),
        ),
        (
            asked(&LatestMessageGroup { group_id: 1, limit: 5, page: 1 }),
            json!({"type": "getlatestMessageGroup", "params": {"groupId": 1, "limit": 5, "page": 1}}),
        ),
        (
            asked(&NewGroup { group_name: "new name" }),
            json!({"type": "newGroup", "params": {"groupName": "new name"}}),
        ),
        (
            asked(&AddUserInGroup { group_id: 1, user_id: 1 }),
            json!({"type": "addUserInGroup", "params": {"groupId": 1, "userId": 1}}),
        ),
        (asked(&LeaveGroup { group_id: 1 }), json!({"type": "leaveGroup", "params": {"groupId": 1}})),
        (
            asked(&MessageInGroup { group_id: 1, content: "lol", client_message_id: None }),
            json!({"type": "messageInGroup", "params": {"groupId": 1, "content": "lol"}}),
        ),
        (
            asked(&PrivateMessage { receiver_id: 2, content: "Hi", client_message_id: None }),
            json!({"type": "privateMessage", "params": {"receiverId": 2, "content": "Hi"}}),
        ),
        (
            asked(&PrivateMessage { receiver_id: 2, content: "\"\n", client_message_id: Some(id) }),
            json!({"type": "privateMessage", "params": {"receiverId": 2, "content": "\"\n",
                "clientMessageId": "01920000-0000-7000-8000-000000000001"}}),
        ),
    ];
    for (frame, documented) in cases {
        assert_eq!(frame, documented);
    }
}

#[test]
fn reads_the_list_of_chats() {
    let rows = ListLastMessage::read(reply(
        r#"{
        "type": "listLastMessage",
        "success": true,
        "params": {
        "data": [
        {
        "id": 65,
        "senderId": 2,
        "senderName": "Patrick1",
        "receiverId": 1,
        "receiverName": "Patrick0",
        "groupId": null,
        "groupName": null,
        "content": "Hi",
        "createdAt": "2023-07-28T13:20:09.896Z",
        "updatedAt": "2023-07-28T13:20:09.896Z",
        "deletedAt": null
        }
        ],
        "message": null,
        "senderName": null
        }
        }"#,
    ));
    let expected = LastMessage {
        id: 65,
        sender_id: 2,
        sender_name: Some("Patrick1".into()),
        receiver_id: Some(1),
        receiver_name: Some("Patrick0".into()),
        group_id: None,
        group_name: None,
        content: "Hi".into(),
        created_at: "2023-07-28T13:20:09.896Z".into(),
        updated_at: "2023-07-28T13:20:09.896Z".into(),
        deleted_at: None,
    };
    assert_eq!(rows.expect("rows"), [expected]);
}

#[test]
fn reads_private_messages() {
    let rows = LatestMessageDialog::read(reply(
        r#"{
        "type": "getlatestMessageDialog",
        "success": true,
        "params": {
        "data": [
        {
        "sender_id": 1,
        "receiver_id": 2,
        "receverName": "Patrick1",
        "content": "Message from 1",
        "created_at": "2023-07-18T17:16:10.669Z"
        }
        ],
        "message": null,
        "senderName": null
        }
        }"#,
    ));
    let expected = DialogMessage {
        sender_id: 1,
        receiver_id: 2,
        receiver_name: Some("Patrick1".into()),
        content: "Message from 1".into(),
        created_at: "2023-07-18T17:16:10.669Z".into(),
    };
    assert_eq!(rows.expect("rows"), [expected]);
}

#[test]
fn reads_group_messages() {
    let rows = LatestMessageGroup::read(reply(
        r#"{
        "type": "getlatestMessageGroup",
        "success": true,
        "params": {
        "data": [
        {
        "sender_id": 8,
        "senderName": "Patrick7",
        "group_id": 1,
        "created_at": "2023-07-18T17:16:10.612Z",
        "content": "Message from 8"
        }
        ],
        "message": null,
        "senderName": null
        }
        }"#,
    ));
    let expected = GroupMessage {
        sender_id: 8,
        sender_name: Some("Patrick7".into()),
        group_id: 1,
        created_at: "2023-07-18T17:16:10.612Z".into(),
        content: "Message from 8".into(),
    };
    assert_eq!(rows.expect("rows"), [expected]);
}

#[test]
fn bare_successes_are_replies_of_their_type() {
    for kind in ["newGroup", "addUserInGroup", "leaveGroup", "messageInGroup", "privateMessage"] {
        assert_eq!(reply(&nulls(kind)).kind, kind);
    }
    assert_eq!(AddUserInGroup::read(reply(&nulls("addUserInGroup"))).expect("done"), Done);
    assert_eq!(LeaveGroup::read(reply(&nulls("leaveGroup"))).expect("done"), Done);
}

#[test]
fn a_reply_without_its_added_keys_is_malformed() {
    let error = PrivateMessage::read(reply(&nulls("privateMessage"))).expect_err("no messageId");
    assert_eq!(error.to_string(), "the reply to privateMessage lacks messageId");
    let error = NewGroup::read(reply(&nulls("newGroup"))).expect_err("no groupId");
    assert_eq!(error.to_string(), "the reply to newGroup lacks groupId");
    let error = ListLastMessage::read(reply(&nulls("listLastMessage"))).expect_err("no data");
    assert_eq!(error.to_string(), "the reply to listLastMessage lacks data");
}

#[test]
fn reads_the_documented_push_without_added_keys() {
    let push = Push::parse(
        r#"{
        "type": "privateMessage",
        "success": true,
        "params": {
        "data": null,
        "message": "Hi",
        "senderName": "Patrick0"
        }
        }"#,
    );
    let expected = Delivery {
        text: "Hi".into(),
        sender_name: Some("Patrick0".into()),
        message_id: None,
        seq: None,
        sender_id: None,
        receiver_id: None,
        group_id: None,
        user_id: None,
        created_at: None,
    };
    assert_eq!(push, Push::PrivateMessage(expected));
}

#[test]
fn reads_the_added_keys_of_pushes() {
    let frame = |kind: &str| {
        json!({"type": kind, "success": true, "params": {"data": null, "message": "Hi", "senderName": "Ann",
            "messageId": 9, "seq": 3, "senderId": 1, "receiverId": 2, "groupId": 4, "userId": 5,
            "createdAt": "2023-07-28T13:20:09.896Z"}})
        .to_string()
    };
    let delivery = Delivery {
        text: "Hi".into(),
        sender_name: Some("Ann".into()),
        message_id: Some(9),
        seq: Some(3),
        sender_id: Some(1),
        receiver_id: Some(2),
        group_id: Some(4),
        user_id: Some(5),
        created_at: Some("2023-07-28T13:20:09.896Z".into()),
    };
    assert_eq!(Push::parse(&frame("privateMessage")), Push::PrivateMessage(delivery.clone()));
    assert_eq!(Push::parse(&frame("messageInGroup")), Push::GroupMessage(delivery.clone()));
    assert_eq!(Push::parse(&frame("addUserInGroup")), Push::MemberAdded(delivery.clone()));
    assert_eq!(Push::parse(&frame("leaveGroup")), Push::MemberLeft(delivery));
    assert!(matches!(Push::parse(&frame("newGroup")), Push::Unknown(_)));
}

#[test]
fn reads_the_documented_error() {
    let text = r#"{
        "error": true,
        "type": "addUserInGroup",
        "message": "User is not a member of this group"
        }"#;
    let Incoming::Refusal(None, refusal) = decode(text) else { panic!("not a refusal") };
    assert_eq!((refusal.kind.as_str(), refusal.code.as_deref()), ("addUserInGroup", None));
    assert_eq!(refusal.to_string(), "User is not a member of this group");
}

#[test]
fn temporary_failures_tell_a_wait() {
    let wait = |added: &str| {
        let text = format!(r#"{{"error": true, "type": "x", "message": "no"{added}}}"#);
        let Incoming::Refusal(None, refusal) = decode(&text) else { panic!("not a refusal") };
        refusal.retry_after().map(|wait| wait.as_millis())
    };
    assert_eq!(wait(""), None);
    assert_eq!(wait(r#", "code": "not_a_member""#), None);
    assert_eq!(wait(r#", "code": "unavailable""#), Some(1000));
    assert_eq!(wait(r#", "code": "rate_limited", "retryAfterMs": 20"#), Some(20));
}

#[test]
fn an_echoed_request_id_marks_a_reply_as_text_or_number() {
    for id in [r#""12""#, "12"] {
        let text =
            nulls("privateMessage").replace("\"success\"", &format!("\"requestId\": {id}, \"success\""));
        assert!(matches!(decode(&text), Incoming::Reply(Some(12), _)), "{text}");
        let text = format!(r#"{{"error": true, "type": "x", "message": "no", "requestId": {id}}}"#);
        assert!(matches!(decode(&text), Incoming::Refusal(Some(12), _)), "{text}");
    }
}

#[test]
fn what_the_contract_does_not_explain_is_kept_to_the_letter() {
    let odd = [
        "",
        "[]",
        "{\"type\": 1}",
        r#"{"type": "privateMessage", "success": false, "params": {}}"#,
        r#"{"type": "privateMessage", "success": true, "params": {"data": null, "message": "no senderName"}}"#,
        r#"{"error": true, "type": "x"}"#,
    ];
    for text in odd {
        let Incoming::Push(Push::Unknown(kept)) = decode(text) else { panic!("understood {text}") };
        assert_eq!(kept, text);
    }
}
