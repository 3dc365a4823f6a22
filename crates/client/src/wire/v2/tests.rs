use super::*;
use crate::wire::{Incoming, Push, decode, encode};

fn event(frame: &str) -> Event {
    match decode(frame) {
        Incoming::Push(Push::Event(event)) => event,
        other => panic!("not an event: {other:?}"),
    }
}

#[test]
fn an_event_that_nobody_knows_yet_breaks_nothing() {
    let typing = r#"{"type":"typing","event":true,"params":{"userId":1}}"#;
    assert_eq!(event(typing), Event::Unknown("typing".to_owned()));
    let odd = r#"{"type":"gap","event":true,"params":{"from":"one"}}"#;
    assert_eq!(event(odd), Event::Unknown("gap".to_owned()));
}

#[test]
fn an_entry_of_a_kind_that_nobody_knows_yet_has_its_place() {
    for kind in ["unsupported", "pollOpened"] {
        let frame = format!(
            r#"{{"type":"entry","event":true,"params":{{"conversationId":7,"seq":3,"kind":"{kind}"}}}}"#
        );
        let Event::Entry(entry) = event(&frame) else { panic!("an entry") };
        assert_eq!((entry.kind, entry.conversation_id, entry.seq), (EntryKind::Unsupported, 7, 3));
    }
}

#[test]
fn watermarks_gaps_and_moves_are_read() {
    let read = event(r#"{"type":"read","event":true,"params":{"conversationId":7,"userId":2,"seq":5}}"#);
    let watermark = Watermark { kind: WatermarkKind::Read, conversation_id: 7, user_id: 2, seq: 5 };
    assert_eq!(read, Event::Watermark(watermark));
    let gap = event(r#"{"type":"gap","event":true,"params":{"conversationId":7,"from":3,"to":9}}"#);
    assert_eq!(gap, Event::Gap(Gap { conversation_id: 7, from: 3, to: 9 }));
    let moved = event(r#"{"type":"reconnect","event":true,"params":{"afterMs":250,"reason":"restart"}}"#);
    assert_eq!(moved, Event::Reconnect { after_ms: 250 });
}

#[test]
fn a_reply_is_read_by_its_request() {
    let frame = r#"{"type":"sendMessage","requestId":"5","success":true,"params":{"conversationId":7,"messageId":65,
        "seq":3,"createdAt":"2023-07-28T13:20:09.896Z","duplicate":true,"added":1}}"#;
    let Incoming::Reply(Some(5), reply) = decode(frame) else { panic!("a reply") };
    let stored = <SendMessage<'_> as crate::wire::Request>::read(reply).unwrap();
    assert_eq!((stored.conversation_id, stored.seq, stored.duplicate), (7, 3, true));
}

#[test]
fn requests_are_written_as_the_contract_says() {
    let key = uuid::Uuid::from_u128(1);
    let message = encode(5, &SendMessage::new(To::Conversation(7), "Hi", key)).unwrap();
    let params = format!(r#"{{"conversationId":7,"content":"Hi","clientMessageId":"{key}"}}"#);
    assert_eq!(message, format!(r#"{{"type":"sendMessage","requestId":"5","params":{params}}}"#));
    let mut resume = Resume { since: Some("x1".to_owned()), positions: [(7, 3)].into(), cursor: None };
    for params in
        [r#""since":"x1","positions":{"7":3}"#, r#""since":"x1","positions":{"7":3},"cursor":"x2.7""#]
    {
        let expected = format!(r#"{{"type":"resume","requestId":"6","params":{{{params}}}}}"#);
        assert_eq!(encode(6, &resume).unwrap(), expected);
        resume.cursor = Some("x2.7".to_owned());
    }
    let pull = GetEntries { conversation_id: 7, after: Some(3), before: None, limit: 100 };
    let params = r#"{"conversationId":7,"after":3,"limit":100}"#;
    assert_eq!(
        encode(7, &pull).unwrap(),
        format!(r#"{{"type":"getEntries","requestId":"7","params":{params}}}"#)
    );
}

#[test]
fn a_token_does_not_print() {
    assert!(!format!("{:?}", Authenticate { token: "s3cret" }).contains("s3cret"));
}
