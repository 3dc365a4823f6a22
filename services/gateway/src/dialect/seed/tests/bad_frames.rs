//! Frames that are wrong in some way, and what they are answered.

use super::*;
use crate::domain::command::Command;

fn error(frame: &str) -> (&'static str, String) {
    let request = decode(frame);
    (request.tag.kind(), request.command.expect_err(frame).to_string())
}

#[test]
fn what_is_no_request_is_malformed() {
    let deep = "[".repeat(30_000);
    let list = r#"{"type":"listLastMessage","params":{"limit":5,"page":1}}"#;
    for frame in [
        "",
        " ",
        "null",
        "5",
        "\"listLastMessage\"",
        "[]",
        r#"["listLastMessage", null, {"limit":5,"page":1}]"#,
        "{",
        "{}",
        "{'type':'newGroup'}",
        r#"{"params":{"limit":5,"page":1}}"#,
        r#"{"type":null}"#,
        r#"{"type":5}"#,
        r#"{"type":["newGroup"]}"#,
        r#"{"type":"newGroup","type":"newGroup"}"#,
        r#"{"type":"newGroup","params":{},"params":{}}"#,
        r#"{"type":"newGroup","params":{"groupName":"a"},}"#,
        r#"{"type":"newGroup","params":{"groupName":NaN}}"#,
        "{\"type\":\"newGroup\",\"params\":{\"groupName\":\"a\nb\"}}",
        &format!("{list}x"),
        &format!("{list}{list}"),
        &format!("\u{FEFF}{list}"),
        &format!("\u{A0}{list}"),
        &deep,
        &format!("{{\"type\":{deep}"),
    ] {
        let answer = ("processor", "The frame is not a JSON object with a type".to_owned());
        assert_eq!(error(frame), answer, "{frame:.80}");
    }
    assert!(decode(&format!("\r\n\t {list} \n")).command.is_ok());
}

#[test]
fn an_unknown_type_is_told_as_documented() {
    for kind in ["", "NewGroup", "newGroup ", "processor", "<script>", "\\u0000"] {
        let answer = ("processor", "There is no such type".to_owned());
        assert_eq!(error(&format!(r#"{{"type":"{kind}"}}"#)), answer);
    }
    let escaped = decode(r#"{"type":"new\u0047roup","params":{"groupName":"a"}}"#);
    assert!(escaped.command.is_ok());
}

#[test]
fn a_parameter_that_comes_twice_is_malformed() {
    let frame = r#"{"type":"leaveGroup","params":{"groupId":1,"groupId":2}}"#;
    assert_eq!(decode(frame).command, Err(GatewayError::Malformed));
    assert_eq!(decode(frame).tag.kind(), "leaveGroup");
}

#[test]
fn a_wrong_parameter_is_named() {
    let integer = "must be a positive integer";
    for (kind, params, field, reason) in [
        ("listLastMessage", "null", "limit", "is required"),
        ("listLastMessage", "[5,1]", "params", "must be an object"),
        ("listLastMessage", "\"x\"", "params", "must be an object"),
        ("listLastMessage", r#"{"limit":5}"#, "page", "is required"),
        ("listLastMessage", r#"{"limit":0,"page":1}"#, "limit", integer),
        ("listLastMessage", r#"{"limit":101,"page":1}"#, "limit", "must be 1 to 100"),
        ("listLastMessage", r#"{"limit":1e999,"page":1}"#, "limit", integer),
        ("listLastMessage", r#"{"limit":5,"page":-1}"#, "page", integer),
        ("listLastMessage", r#"{"limit":5,"page":9223372036854775807}"#, "page", "is too far from the first"),
        ("listLastMessage", r#"{"limit":5,"page":9223372036854775808}"#, "page", integer),
        ("getlatestMessageDialog", r#"{"limit":5,"page":1}"#, "receiverId", "is required"),
        ("getlatestMessageGroup", r#"{"limit":5,"page":1}"#, "groupId", "is required"),
        ("newGroup", "{}", "groupName", "is required"),
        ("newGroup", r#"{"groupName":5}"#, "groupName", "must be a string"),
        ("newGroup", r#"{"groupName":" "}"#, "groupName", "must not be empty"),
        ("newGroup", r#"{"groupName":{"$ne":""}}"#, "groupName", "must be a string"),
        ("newGroup", r#"{"groupName":"\ud800"}"#, "groupName", "must be a string"),
        ("addUserInGroup", r#"{"groupId":1}"#, "userId", "is required"),
        ("leaveGroup", "{}", "groupId", "is required"),
        ("messageInGroup", r#"{"groupId":1}"#, "content", "is required"),
        ("messageInGroup", r#"{"groupId":1,"content":["a"]}"#, "content", "must be a string"),
        ("messageInGroup", r#"{"groupId":1,"content":"a\u0000"}"#, "content", "must not contain U+0000"),
        ("privateMessage", r#"{"content":"a"}"#, "receiverId", "is required"),
    ] {
        let frame = format!(r#"{{"type":"{kind}","params":{params}}}"#);
        assert_eq!(decode(&frame).command, Err(GatewayError::invalid(field, reason)), "{frame}");
        assert_eq!(decode(&frame).tag.kind(), kind);
    }
    let missing = error(r#"{"type":"getlatestMessageGroup"}"#);
    assert_eq!(missing, ("getlatestMessageGroup", "Invalid params: groupId is required".to_owned()));
}

#[test]
fn an_id_is_a_positive_integer_and_nothing_else() {
    let leave = |id: &str| decode(&format!(r#"{{"type":"leaveGroup","params":{{"groupId":{id}}}}}"#)).command;
    for id in
        ["1.5", "1.0", "\"1\"", "1e3", "-0", "0", "-1", "9223372036854775808", "1E999", "true", "[1]", "{}"]
    {
        let expected = GatewayError::invalid("groupId", "must be a positive integer");
        assert_eq!(leave(id), Err(expected), "{id}");
    }
    assert_eq!(leave("null"), Err(GatewayError::invalid("groupId", "is required")));
    assert_eq!(leave("01"), Err(GatewayError::Malformed));
    let largest = ConversationId(i64::MAX);
    assert_eq!(leave("9223372036854775807"), Ok(Command::LeaveGroup { group: largest }));
}

#[test]
fn a_message_has_text_within_the_limit() {
    let send = |content: &str| {
        decode(&format!(r#"{{"type":"privateMessage","params":{{"receiverId":1,"content":"{content}"}}}}"#))
            .command
    };
    assert_eq!(send(""), Err(GatewayError::ContentEmpty));
    assert_eq!(send(r" \n\t"), Err(GatewayError::ContentEmpty));
    assert_eq!(send(&"ä".repeat(33)), Err(GatewayError::ContentTooLong { limit: 64 }));
    assert!(send(&r"\u00e4".repeat(32)).is_ok(), "escapes do not count");
}

#[test]
fn the_idempotency_key_is_a_uuid() {
    let send = |id: &str| {
        let params = format!(r#"{{"receiverId":1,"content":"a","clientMessageId":{id}}}"#);
        decode(&format!(r#"{{"type":"privateMessage","params":{params}}}"#)).command
    };
    let client_id = |command| match command {
        Ok(Command::Send(send)) => send.client_id,
        other => panic!("{other:?}"),
    };
    for good in ["01890a5d-ac96-774b-bcce-b302099a8057", "F47AC10B-58CC-4372-A567-0E02B2C3D479"] {
        assert_eq!(client_id(send(&format!("\"{good}\""))), Some(good.parse().unwrap()));
    }
    assert_eq!(client_id(send("null")), None);
    let wrong = GatewayError::invalid("clientMessageId", "must be a UUID that is not nil");
    for bad in ["\"\"", "\"7\"", "7", "\"00000000-0000-0000-0000-000000000000\"", "[]"] {
        assert_eq!(send(bad), Err(wrong.clone()), "{bad}");
    }
}

#[test]
fn depth_and_unknown_keys_do_no_harm() {
    let deep = format!("{}{}", "[".repeat(15_000), "]".repeat(15_000));
    let unknown = format!(r#"{{"x":{deep},"type":"leaveGroup","params":{{"y":{deep},"groupId":1}}}}"#);
    assert!(decode(&unknown).command.is_ok());
    let known = format!(r#"{{"type":"leaveGroup","params":{{"groupId":{deep}}}}}"#);
    assert!(matches!(decode(&known).command, Err(GatewayError::Invalid { field: "groupId", .. })));
    let kind = format!(r#"{{"type":{deep}}}"#);
    assert_eq!(decode(&kind).command, Err(GatewayError::Malformed));
}

#[test]
fn a_request_id_comes_back_as_it_came() {
    let answer = |kind: &str, id: &str| {
        let frame = format!(r#"{{"requestId":{id},"type":"{kind}","params":{{"groupId":1}}}}"#);
        let outcome = decode(&frame).command.map(|_| Reply::Changed(Seq(2)));
        reply(&frame, &outcome)
    };
    let longest = format!("\"{}\"", "x".repeat(126));
    for id in ["0", "-7", "18446744073709551616", r#""""#, r#""a\u0041\n""#, longest.as_str()] {
        assert!(answer("leaveGroup", id).ends_with(&format!(r#"}},"requestId":{id}}}"#)), "{id}");
        let unknown = answer("nothing", id);
        assert!(unknown.ends_with(&format!(r#","code":"unknown_type","requestId":{id}}}"#)), "{unknown}");
    }
    let too_long = format!("\"{}\"", "x".repeat(127));
    for id in ["1.5", "1e3", "true", "[]", "{}", r#""\ud800""#, &too_long, &"9".repeat(129)] {
        let answer = answer("leaveGroup", id);
        let message = "Invalid params: requestId must be a string or an integer, of at most 128 bytes";
        assert_eq!(parse(&answer)["message"], message, "{id}");
        assert!(!answer.contains("\"requestId\""), "{answer}");
    }
    assert!(!answer("leaveGroup", "null").contains("requestId"));
    let untyped = decode(r#"{"requestId":5}"#);
    assert!(Dialect::Seed.reply(&untyped.tag, &Err(GatewayError::Malformed)).ends_with(r#""requestId":5}"#));
}
