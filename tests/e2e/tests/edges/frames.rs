//! Frames that are wrong in some way. Bad text is answered and the socket lives; what is no text, or no WebSocket,
//! closes it with the documented code. Good messages around it are stored.

use serde_json::{Value, json};

use crate::bare::{BINARY, Bare, CLOSE, PING, TEXT, frame, head};
use crate::people::People;
use crate::socket::request;
use crate::strangers::{MARK, assert_discreet, stage};

/// Largest frame, bytes.
const FRAME_BYTES: usize = 64 * 1024;
/// Largest content, bytes.
const CONTENT_BYTES: usize = 16_384;

/// Frames that are no requests.
fn malformed() -> Vec<String> {
    let deep = "[".repeat(30_000);
    let list = r#"{"type":"listLastMessage","params":{"limit":5,"page":1}}"#;
    let fixed = [
        "",
        " ",
        "null",
        "5",
        "\"x\"",
        "[]",
        "{",
        "{}",
        "{'type':'newGroup'}",
        r#"{"params":{}}"#,
        r#"{"type":null}"#,
        r#"{"type":5}"#,
        r#"{"type":["newGroup"]}"#,
        r#"{"type":"newGroup","type":"newGroup"}"#,
        "\u{FEFF}{}",
        "\0",
    ];
    let built = [format!("{list}{list}"), format!("{list}x"), deep.clone(), format!("{{\"type\":{deep}")];
    fixed.into_iter().map(str::to_owned).chain(built).collect()
}

/// Type and `params` of a request, and the code of its refusal.
type Refused = (&'static str, String, &'static str);

/// Pages and ids that are none.
fn bad_numbers(group: i64) -> Vec<Refused> {
    let pages = [
        "null",
        "[5,1]",
        "\"x\"",
        "{}",
        r#"{"limit":5}"#,
        r#"{"limit":0,"page":1}"#,
        r#"{"limit":-1,"page":1}"#,
        r#"{"limit":101,"page":1}"#,
        r#"{"limit":1000000000,"page":1}"#,
        r#"{"limit":1e999,"page":1}"#,
        r#"{"limit":5,"page":0}"#,
        r#"{"limit":5,"page":-1}"#,
        r#"{"limit":5,"page":1000000000}"#,
        r#"{"limit":5,"page":1e999}"#,
        r#"{"limit":"5","page":1}"#,
        r#"{"limit":5.0,"page":1}"#,
        r#"{"limit":5,"page":9223372036854775808}"#,
        r#"{"limit":{"$gt":0},"page":1}"#,
    ];
    let ids =
        ["0", "-1", "null", "\"1\"", "1.5", "1e999", "true", "[1]", "99999999999999999999", "\"1 OR 1=1\""];
    let pages = pages.map(|params| ("listLastMessage", params.to_owned()));
    let ids = ids.into_iter().flat_map(|id| {
        [
            ("getlatestMessageDialog", format!(r#"{{"receiverId":{id},"limit":5,"page":1}}"#)),
            ("getlatestMessageGroup", format!(r#"{{"groupId":{id},"limit":5,"page":1}}"#)),
            ("privateMessage", format!(r#"{{"receiverId":{id},"content":"{MARK}"}}"#)),
            ("leaveGroup", format!(r#"{{"groupId":{id}}}"#)),
            ("addUserInGroup", format!(r#"{{"groupId":{group},"userId":{id}}}"#)),
        ]
    });
    pages.into_iter().chain(ids).map(|(kind, params)| (kind, params, "invalid_params")).collect()
}

/// Users and groups that do not exist, and a group of others.
fn bad_places(group: i64, peer: i64) -> Vec<Refused> {
    let nobody =
        |id: i64| ("privateMessage", format!(r#"{{"receiverId":{id},"content":"{MARK}"}}"#), "unknown_user");
    let in_group = |id: i64, code| {
        [
            ("messageInGroup", format!(r#"{{"groupId":{id},"content":"{MARK}"}}"#), code),
            ("getlatestMessageGroup", format!(r#"{{"groupId":{id},"limit":5,"page":1}}"#), code),
            ("addUserInGroup", format!(r#"{{"groupId":{id},"userId":{peer}}}"#), code),
            ("leaveGroup", format!(r#"{{"groupId":{id}}}"#), code),
        ]
    };
    let missing = [999_999_999, i64::MAX];
    let groups = missing.into_iter().flat_map(|id| in_group(id, "unknown_group"));
    missing.into_iter().map(nobody).chain(groups).chain(in_group(group, "not_a_member")).collect()
}

/// Contents, names and ids of messages that are none.
fn bad_texts(peer: i64) -> Vec<Refused> {
    let long = format!("\"{MARK}{}\"", "x".repeat(CONTENT_BYTES + 1 - MARK.len()));
    let contents = [
        ("\"\"", "content_empty"),
        ("\" \\n\\t\u{a0} \"", "content_empty"),
        (long.as_str(), "content_too_long"),
        ("null", "invalid_params"),
        ("5", "invalid_params"),
        ("[\"x\"]", "invalid_params"),
        ("{\"$ne\":\"\"}", "invalid_params"),
        ("\"a\\u0000b\"", "invalid_params"),
        ("\"\\ud800\"", "invalid_params"),
    ];
    let contents = contents.map(|(content, code)| {
        ("privateMessage", format!(r#"{{"receiverId":{peer},"content":{content}}}"#), code)
    });
    let long = format!("\"{}\"", "ä".repeat(129));
    let names = ["\"\"", "\"  \"", "5", "\"a\\nb\"", "\"a\\u202eb\"", "\"\\u0000\"", &long];
    let names = names.map(|name| ("newGroup", format!(r#"{{"groupName":{name}}}"#), "invalid_params"));
    let ids = ["5", "\"x\"", "\"00000000-0000-0000-0000-000000000000\""].map(|id| {
        let params = format!(r#"{{"receiverId":{peer},"content":"{MARK}","clientMessageId":{id}}}"#);
        ("privateMessage", params, "invalid_params")
    });
    let twice = ("leaveGroup", r#"{"groupId":1,"groupId":2}"#.to_owned(), "malformed");
    contents.into_iter().chain(names).chain(ids).chain([twice]).collect()
}

#[tokio::test]
async fn bad_text_is_answered_and_the_socket_lives() {
    let cluster = stage().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (mut a, mut b) = (ann.socket(&cluster, 0).await, bob.socket(&cluster, 1).await);
    let group = b.ask("newGroup", json!({ "groupName": MARK })).await["groupId"].as_i64().unwrap();

    let check = |reply: &str, kind: &str, code: &str, frame: &str| {
        let reply: Value = serde_json::from_str(reply).unwrap();
        let keys: Vec<_> = reply.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["code", "error", "message", "type"], "{frame:.200} {reply}");
        assert_eq!(
            (&reply["error"], &reply["type"], &reply["code"]),
            (&json!(true), &json!(kind), &json!(code))
        );
        let sentence = reply["message"].as_str().unwrap();
        assert!(
            !sentence.is_empty() && !sentence.contains("line") && !sentence.contains("column"),
            "{sentence}"
        );
    };
    for frame in malformed() {
        check(&a.ask_text(&frame).await, "processor", "malformed", &frame);
    }
    for kind in ["", "NewGroup", "newGroup ", "processor", "<script>", "\\u0000", "'; DROP TABLE entries; --"]
    {
        let frame = format!(r#"{{"type":"{kind}"}}"#);
        let reply = a.ask_text(&frame).await;
        check(&reply, "processor", "unknown_type", &frame);
        assert!(reply.contains("There is no such type"), "{reply}");
    }
    let tables = [bad_numbers(group), bad_places(group, bob.id), bad_texts(bob.id)];
    for (kind, params, code) in tables.concat() {
        let frame = format!(r#"{{"type":"{kind}","params":{params}}}"#);
        check(&a.ask_text(&frame).await, kind, code, &frame);
    }

    // The first push is the first good message: nothing of all that was stored or told.
    let odd = [
        format!("{MARK} '; DROP TABLE entries; -- $1 % _ \\ \" \u{1F600} \u{202E}"),
        format!("{MARK}\u{1}\u{7f}\r\n\t<b>&amp;{{\"type\":\"newGroup\"}}"),
        format!("{MARK}{}", "ü".repeat((CONTENT_BYTES - MARK.len()) / 2)),
    ];
    for content in &odd {
        a.ask("privateMessage", json!({ "receiverId": bob.id, "content": content })).await;
        assert_eq!(b.push("privateMessage").await["message"], json!(content));
    }
    let history =
        b.ask("getlatestMessageDialog", json!({ "receiverId": ann.id, "limit": 5, "page": 1 })).await;
    let stored: Vec<_> = history["data"].as_array().unwrap().iter().map(|row| &row["content"]).collect();
    assert_eq!(stored, odd.iter().rev().collect::<Vec<_>>());
    assert_discreet(&cluster, &[&ann, &bob]);
}

/// Bytes after which a gateway closes, and its code.
fn closing() -> Vec<(&'static str, Vec<u8>, u16)> {
    let half = MARK.repeat(FRAME_BYTES / MARK.len() / 2 + 1);
    let mut too_long_in_parts = frame(0x01, half.as_bytes());
    too_long_in_parts.extend(frame(0x80, half.as_bytes()));
    let mut unmasked = frame(TEXT, b"{}");
    unmasked.drain(2..6);
    unmasked[1] &= 0x7F;
    let mut text_in_text = frame(0x01, b"{");
    text_in_text.extend(frame(TEXT, b"}"));
    let mut cut_character = frame(0x01, b"{\"type\":\"\xF0\x9F");
    cut_character.extend(frame(0x80, b"\"}"));
    vec![
        ("binary", frame(BINARY, MARK.as_bytes()), 1003),
        ("empty binary", frame(BINARY, b""), 1003),
        ("no UTF-8", frame(TEXT, b"{\"type\":\"\xFF\"}"), 1007),
        ("a cut character", cut_character, 1007),
        ("a surrogate", frame(TEXT, b"\xED\xA0\x80"), 1007),
        ("a byte too many", frame(TEXT, "x".repeat(FRAME_BYTES + 1).as_bytes()), 1009),
        ("too long in parts", too_long_in_parts, 1009),
        ("a huge length", head(TEXT, 1 << 62), 1009),
        ("a huge binary length", head(BINARY, 1 << 40), 1009),
        ("unmasked", unmasked, 1002),
        ("a reserved bit", frame(TEXT | 0x40, b"{}"), 1002),
        ("a reserved kind", frame(0x83, b"{}"), 1002),
        ("a reserved control kind", frame(0x8B, b""), 1002),
        ("a part of nothing", frame(0x80, b"{}"), 1002),
        ("a text within a text", text_in_text, 1002),
        ("a long ping", frame(PING, &[b'x'; 126]), 1002),
        ("a ping in parts", frame(PING & 0x7F, b"x"), 1002),
        ("half a close code", frame(CLOSE, b"\x03"), 1002),
    ]
}

#[tokio::test]
async fn what_is_no_text_closes_with_the_documented_code_and_loses_nothing() {
    let cluster = stage().await;
    let people = People::of(&cluster);
    let bob = people.join("Bob").await;
    let mut b = bob.socket(&cluster, 1).await;
    for (what, bytes, code) in closing() {
        let ann = people.join("Ann").await;
        let mut bare = Bare::open(&cluster, 0, &ann).await;
        let content = format!("{MARK} before {what}");
        let good = request("privateMessage", json!({ "receiverId": bob.id, "content": content }));
        let mut all = frame(TEXT, good.as_bytes());
        all.extend(bytes);
        bare.send(&all).await;
        let (found, texts) = bare.close().await;
        assert_eq!(found, code, "{what}");
        assert!(texts.len() == 1 && texts[0].contains("\"messageId\""), "{what}: {texts:?}");
        assert_eq!(b.push("privateMessage").await["message"], json!(content));
        assert_discreet(&cluster, &[&ann, &bob]);
    }
    let largest = format!("{{\"type\":\"{}\"}}", "x".repeat(FRAME_BYTES - 11));
    assert!(b.ask_text(&largest).await.contains("unknown_type"), "the largest frame");
}
