//! What is spoken is what is described, and the other way round.

use std::collections::BTreeSet;

use super::super::{Kind, UNKNOWN};
use super::*;
use crate::dialect::document::{Document, spoilt};
use crate::domain::close::Close;

#[test]
fn every_frame_of_the_server_fits_its_description() {
    let document = Document::load();
    document.check_references();
    for (kind, reply) in replies() {
        for id in ["", r#""requestId":"r","#, r#""requestId":-7,"#] {
            let tag = decode(&format!(r#"{{{id}"type":"{kind}"}}"#)).tag;
            document.check(&format!("v2.{kind}.answer"), &Dialect::V2.reply(&tag, &Ok(reply.clone())));
        }
    }
    for error in errors() {
        for frame in ["[]", r#"{"type":"resume","requestId":1}"#] {
            document.check("v2.failure", &Dialect::V2.reply(&decode(frame).tag, &Err(error.clone())));
        }
    }
    for event in events() {
        document.check("v2.entry", &Dialect::V2.event(&event).expect("a frame"));
    }
    let rest = [
        ("v2.hello", Dialect::V2.hello(&greeting())),
        ("v2.reconnect", Dialect::V2.reconnect(500)),
        ("v2.entry", Dialect::V2.unreadable(ConversationId(7), Seq(9))),
        ("v2.gap", Dialect::V2.gap(ConversationId(7), Seq(2), Seq(9))),
        ("v2.read", Dialect::V2.watermark(&watermark(MarkKind::Read))),
        ("v2.delivered", Dialect::V2.watermark(&watermark(MarkKind::Delivered))),
    ];
    for (message, frame) in rest {
        document.check(message, &frame.expect("a frame"));
    }
}

#[test]
fn every_request_fits_its_description_and_is_understood() {
    let document = Document::load();
    for request in requests() {
        let (kind, frame) = (request["type"].as_str().expect("a type"), request.to_string());
        document.check(&format!("v2.{kind}"), &frame);
        assert!(decode(&frame).command.is_ok(), "{frame}: {:?}", decode(&frame).command);
    }
}

/// What the description demands, the gateway demands, and nothing else.
#[test]
fn a_request_with_a_spoilt_parameter_is_judged_alike() {
    let document = Document::load();
    let (mut good, mut bad) = (0, 0);
    for request in requests() {
        let validator = document.validator(&format!("v2.{}", request["type"].as_str().expect("a type")));
        for spoilt in spoilt(&request) {
            let (described, understood) = (validator.is_valid(&spoilt), decode(&spoilt.to_string()).command);
            assert_eq!(described, understood.is_ok(), "{spoilt}: {understood:?}");
            *if described { &mut good } else { &mut bad } += 1;
        }
    }
    assert!(good > 20 && bad > 100, "{good} good, {bad} bad");
}

#[test]
fn what_excludes_each_other_does_so_in_both() {
    let document = Document::load();
    for (kind, params) in [
        (
            "sendMessage",
            json!({"conversationId": 7, "receiverId": 3, "content": "Hi", "clientMessageId": KEY}),
        ),
        ("sendMessage", json!({"groupId": 7, "receiverId": 3, "content": "Hi", "clientMessageId": KEY})),
        ("getEntries", json!({"conversationId": 7, "after": 1, "before": 9})),
        ("getEntries", json!({"conversationId": 7, "groupId": 7})),
        ("markRead", json!({"conversationId": 7, "groupId": 7, "seq": 3})),
        ("leaveGroup", json!({"conversationId": 7, "groupId": 7})),
    ] {
        let frame = json!({"type": kind, "params": params}).to_string();
        assert_eq!(decode(&frame).command.expect_err(&frame).code(), "invalid_params");
        assert!(document.fits(&format!("v2.{kind}"), &frame).is_err(), "{frame}");
    }
}

#[test]
fn the_words_are_the_same() {
    let document = Document::load();
    let words =
        |words: &[&str]| -> BTreeSet<String> { words.iter().map(|word| (*word).to_owned()).collect() };
    let kinds = words(&Kind::ALL.map(Kind::name));
    assert_eq!(document.names("v2.", ".answer"), kinds);
    let events = words(&["hello", "entry", "gap", "read", "delivered", "reconnect"]);
    let requests_and_events: BTreeSet<_> = kinds.union(&events).cloned().collect();
    let with_failure: BTreeSet<_> = requests_and_events.union(&words(&["failure"])).cloned().collect();
    assert_eq!(document.names("v2.", ""), with_failure);
    let codes: BTreeSet<_> = errors()
        .into_iter()
        .map(|error| {
            let frame = parse(&Dialect::V2.reply(&decode("[]").tag, &Err(error)));
            assert_eq!(frame["type"], UNKNOWN);
            frame["code"].as_str().expect("a code").to_owned()
        })
        .collect();
    assert_eq!(document.values("ErrorCode"), codes);
}

#[test]
fn the_close_codes_are_the_same() {
    let spoken = closes().map(|close| (close.code().to_string(), close.reason().to_owned()));
    assert_eq!(Document::load().closes(), spoken.collect());
}

/// Every reason to close. A new one does not compile until it has its place in the row.
fn closes() -> impl Iterator<Item = Close> {
    std::iter::successors(Some(Close::Protocol), |close| match close {
        Close::Protocol => Some(Close::Binary),
        Close::Binary => Some(Close::BadText),
        Close::BadText => Some(Close::TooLarge),
        Close::TooLarge => Some(Close::Internal),
        Close::Internal => Some(Close::Restart),
        Close::Restart => Some(Close::CutOff),
        Close::CutOff => Some(Close::Overloaded),
        Close::Overloaded => Some(Close::Unauthorized),
        Close::Unauthorized => Some(Close::Revoked),
        Close::Revoked => Some(Close::Unreadable),
        Close::Unreadable => Some(Close::TooManySockets),
        Close::TooManySockets => Some(Close::RateLimited),
        Close::RateLimited => Some(Close::SlowConsumer),
        Close::SlowConsumer => Some(Close::NoHeartbeat),
        Close::NoHeartbeat => None,
    })
}
