//! What holds for any frame.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::reply::{Chat, ChatPlace};

/// Any JSON, three levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..6)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// A frame with the right keys and whatever values.
fn near_frame() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec![
        "listLastMessage",
        "getlatestMessageDialog",
        "getlatestMessageGroup",
        "newGroup",
        "addUserInGroup",
        "leaveGroup",
        "messageInGroup",
        "privateMessage",
        "",
    ]);
    let key = prop::sample::select(vec![
        "limit",
        "page",
        "receiverId",
        "groupId",
        "userId",
        "groupName",
        "content",
        "clientMessageId",
    ]);
    let params = prop::collection::hash_map(key, any_json(), 0..8);
    (kind, params, any_json())
        .prop_map(|(kind, params, id)| json!({"type": kind, "params": params, "requestId": id}).to_string())
}

/// Whatever the frame, its answer is one line of JSON in the documented form.
fn is_answered_in_form(frame: &str) {
    let request = decode(frame);
    let outcome = request.command.map(|_| Reply::Changed(Seq(2)));
    let text = Dialect::Seed.reply(&request.tag, &outcome);
    assert!(!text.bytes().any(|byte| byte < 0x20), "{text}");
    let answer = parse(&text);
    assert!(answer["type"].is_string());
    if outcome.is_ok() {
        let params = answer["params"].as_object().unwrap();
        assert_eq!(answer["success"], true);
        assert!(["data", "message", "senderName"].iter().all(|key| params.contains_key(*key)));
    } else {
        assert_eq!(answer["error"], true);
        assert!(answer["message"].is_string() && answer["code"].is_string());
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(frame: String) {
        is_answered_in_form(&frame);
    }

    #[test]
    fn any_json_is_answered(value in any_json()) {
        is_answered_in_form(&value.to_string());
    }

    #[test]
    fn any_parameters_are_answered(frame in near_frame()) {
        is_answered_in_form(&frame);
    }

    #[test]
    fn a_cut_frame_is_malformed(frame in near_frame(), at in any::<prop::sample::Index>()) {
        let cuts: Vec<usize> = frame.char_indices().map(|(at, _)| at).collect();
        let cut = &frame[..cuts[at.index(cuts.len())]];
        prop_assert_eq!(decode(cut).command, Err(GatewayError::Malformed));
    }

    #[test]
    fn a_request_id_round_trips(id in "\\PC{0,30}", number: i64) {
        for id in [Value::from(id.as_str()), Value::from(number)] {
            let frame = json!({"type": "leaveGroup", "params": {"groupId": 1}, "requestId": id}).to_string();
            prop_assert_eq!(&parse(&reply(&frame, &Ok(Reply::Changed(Seq(2)))))["requestId"], &id);
            prop_assert_eq!(&parse(&reply(&frame, &Err(GatewayError::NotMember)))["requestId"], &id);
        }
    }

    #[test]
    fn texts_arrive_as_they_were(content: String, author: String) {
        let content = format!("{content}\u{2028}\"\\\u{7}\u{0}");
        let push = Event { author: Author { name: name(&author), email: None }, ..event(EntryKind::Message, None, &content) };
        let text = Dialect::Seed.event(&push).unwrap();
        prop_assert!(!text.bytes().any(|byte| byte < 0x20), "control characters are escaped");
        let params = &parse(&text)["params"];
        prop_assert_eq!(&params["message"], &Value::from(content));
        prop_assert_eq!(&params["senderName"], &Value::from(author));
        prop_assert_eq!(&params["data"], &Value::Null);
    }

    #[test]
    fn times_have_three_digits(seconds in -62_000_000_000_i64..250_000_000_000, nanosecond in 0..1_000_000_000_i32) {
        let at = Timestamp::new(seconds, if seconds < 0 { -nanosecond } else { nanosecond }).unwrap();
        let place = ChatPlace::Group { id: ConversationId(1), name: "g".into() };
        let chat = Chat {
            id: EntryId(1),
            sender: UserId(1),
            sender_name: None,
            place,
            content: "a".into(),
            created_at: at,
            updated_at: at,
            deleted_at: None,
        };
        let text = reply(r#"{"type":"listLastMessage"}"#, &Ok(Reply::Chats(vec![chat])));
        let written = parse(&text)["params"]["data"][0]["createdAt"].as_str().unwrap().to_owned();
        prop_assert_eq!(written.len(), "2023-07-28T13:20:09.896Z".len());
        let lost = at.duration_since(time(&written));
        prop_assert!((0..1_000_000).contains(&lost.as_nanos()), "{} for {}", written, at);
    }
}
