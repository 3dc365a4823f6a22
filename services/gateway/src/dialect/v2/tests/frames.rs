//! Frames of the server, to the letter.

use super::*;

fn answer(kind: &str, reply: Reply) -> String {
    let tag = decode(&format!(r#"{{"type":"{kind}","requestId":"r"}}"#)).tag;
    Dialect::V2.reply(&tag, &Ok(reply))
}

fn reply_of(kind: &str) -> Reply {
    replies().into_iter().find(|(name, _)| *name == kind).expect("a reply").1
}

#[test]
fn answers_are_these() {
    for (kind, params) in [
        (
            "sendMessage",
            r#"{"conversationId":7,"messageId":65,"seq":3,"createdAt":"2026-07-28T13:20:09.896Z","duplicate":false}"#,
        ),
        ("createGroup", r#"{"conversationId":7,"seq":1}"#),
        ("leaveGroup", r#"{"seq":4}"#),
        ("markRead", r#"{"seq":3}"#),
        (
            "addMembers",
            r#"{"members":[{"userId":3,"seq":2},{"userId":4,"code":"unknown_user","message":"There is no such user"},{"userId":5,"code":"not_found","message":"There is no such conversation"}]}"#,
        ),
        ("setRole", r#"{"seq":4}"#),
        ("blockUser", r#"{"userId":3}"#),
        ("unblockUser", r#"{"userId":3}"#),
        (
            "listBlocked",
            r#"{"users":[{"userId":3,"userName":"Bob","blockedAt":"2026-07-28T13:20:09.896Z"},{"userId":4,"userName":null,"blockedAt":"2026-07-28T13:20:09.896Z"}],"cursor":"4"}"#,
        ),
        ("authenticate", r#"{"expiresAt":"2026-07-28T13:20:09.896Z"}"#),
    ] {
        let expected = format!(r#"{{"type":"{kind}","requestId":"r","success":true,"params":{params}}}"#);
        assert_eq!(answer(kind, reply_of(kind)), expected);
    }
}

#[test]
fn lists_are_these() {
    let message = r#"{"conversationId":7,"seq":3,"kind":"message","id":65,"senderId":2,"senderName":"Ann","createdAt":"2026-07-28T13:20:09.896Z","clientMessageId":"00000000-0000-0000-0000-000000000002","content":"Hi","receiverId":3}"#;
    let rows = parse(&answer("listConversations", reply_of("listConversations")));
    let rows = rows["params"]["conversations"].as_array().expect("rows");
    let common = |with: Value, last: Value| {
        let mut row = json!({"conversationId": 7, "joinedSeq": 1, "lastSeq": 3, "readSeq": 2, "deliveredSeq": 3,
            "unread": 1, "lastMessage": last, "lastEntryAt": "2026-07-28T13:20:09.896Z"});
        row.as_object_mut().expect("a row").extend(with.as_object().expect("keys").clone());
        row
    };
    let dialog =
        json!({"kind": "dialog", "peerId": 3, "peerName": null, "peerReadSeq": 2, "peerDeliveredSeq": 3});
    assert_eq!(rows[0], common(dialog, parse(message)));
    assert_eq!(rows[1], common(json!({"kind": "group", "name": "crew", "role": "owner"}), Value::Null));
    let resumed = parse(&answer("resume", reply_of("resume")));
    let rows = resumed["params"]["conversations"].as_array().expect("rows");
    assert_eq!((&rows[0]["recovered"], rows[0].get("limited")), (&json!(true), None));
    assert_eq!((&rows[1]["recovered"], &rows[1]["limited"]), (&json!(false), &json!({"from": 1, "to": 9})));
    assert_eq!(
        (&resumed["params"]["unknown"], &resumed["params"]["cursor"]),
        (&json!([8]), &json!("x48220.7"))
    );
}

#[test]
fn entries_are_these() {
    let known = r#""id":65,"senderId":2,"senderName":"Ann","createdAt":"2026-07-28T13:20:09.896Z","clientMessageId":"00000000-0000-0000-0000-000000000002""#;
    let expected = [
        ("message", known, r#""content":"Hi \"you\"\n😀","receiverId":3"#),
        ("message", known, r#""content":"Hi","replyTo":1"#),
        ("groupCreated", known, r#""name":"crew""#),
        ("memberAdded", known, r#""userId":3,"userName":"Bob""#),
        ("memberLeft", &known.replace("\"Ann\"", "null"), r#""userId":2,"userName":null"#),
        ("memberRemoved", known, r#""userId":3,"userName":"Bob""#),
        ("groupRenamed", known, r#""name":"the crew""#),
        ("roleChanged", known, r#""userId":3,"userName":"Bob","role":"admin""#),
        ("message", known, r#""content":"","deletedAt":"2026-07-28T13:20:09.896Z","receiverId":3"#),
    ];
    assert_eq!(events().len(), expected.len());
    for (event, (kind, known, body)) in events().iter().zip(expected) {
        let frame = format!(
            r#"{{"type":"entry","event":true,"params":{{"conversationId":7,"seq":3,"kind":"{kind}",{known},{body}}}}}"#
        );
        assert_eq!(Dialect::V2.event(event), Some(frame.clone()));
        assert_eq!(Dialect::V2.farewell(event), Some(frame));
    }
}

#[test]
fn other_events_are_these() {
    let seven = ConversationId(7);
    for (frame, expected) in [
        (
            Dialect::V2.unreadable(seven, Seq(9)),
            r#"{"type":"entry","event":true,"params":{"conversationId":7,"seq":9,"kind":"unsupported"}}"#,
        ),
        (
            Dialect::V2.gap(seven, Seq(2), Seq(9)),
            r#"{"type":"gap","event":true,"params":{"conversationId":7,"from":2,"to":9}}"#,
        ),
        (
            Dialect::V2.watermark(&watermark(MarkKind::Read)),
            r#"{"type":"read","event":true,"params":{"conversationId":7,"userId":3,"seq":3}}"#,
        ),
        (
            Dialect::V2.reconnect(500),
            r#"{"type":"reconnect","event":true,"params":{"afterMs":500,"reason":"restart"}}"#,
        ),
        (
            Dialect::V2.hello(&greeting()),
            r#"{"type":"hello","event":true,"params":{"connectionId":"c","node":"n","userId":2,"heartbeatMs":25000,"epoch":"00000000-0000-0000-0000-000000000007","sync":"x48213","serverTime":"2026-07-28T13:20:09.896Z","expiresAt":"2026-07-28T13:20:09.896Z","limits":{"contentBytes":16384,"frameBytes":65536,"page":100,"inFlight":64,"resumePositions":1000,"membersPerRequest":100}}}"#,
        ),
    ] {
        assert_eq!(frame.as_deref(), Some(expected));
    }
}

#[test]
fn refusals_are_these_and_hide_what_is_nobodys_business() {
    for (request, error, expected) in [
        (
            r#"{"type":"sendMessage","requestId":7}"#,
            GatewayError::Unavailable,
            r#"{"type":"sendMessage","requestId":7,"error":true,"code":"unavailable","message":"The service is temporarily unavailable, try again","retryAfterMs":500}"#,
        ),
        (
            r#"{"type":"getEntries"}"#,
            GatewayError::NotMember,
            r#"{"type":"getEntries","error":true,"code":"not_found","message":"There is no such conversation"}"#,
        ),
        (
            r#"{"type":"sendMessage"}"#,
            GatewayError::CannotWrite,
            r#"{"type":"sendMessage","error":true,"code":"forbidden","message":"You cannot write to this user"}"#,
        ),
        (
            "{",
            GatewayError::Malformed,
            r#"{"type":"unknown","error":true,"code":"malformed","message":"The frame is not a JSON object with a type"}"#,
        ),
    ] {
        assert_eq!(Dialect::V2.reply(&decode(request).tag, &Err(error)), expected);
    }
}
