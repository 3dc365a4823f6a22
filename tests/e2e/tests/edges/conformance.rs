//! The wire of RFC 6455 on a gateway, by the numbers of the Autobahn test suite: framing, pings, reserved bits and kinds,
//! fragments, UTF-8, closing, limits. `cargo xtask conformance` runs the suite itself; these run everywhere.
//!
//! A gateway does not echo: each text that is no request gets one frame `malformed`, which stands for the echo.

use serde_json::{Value, json};

use crate::bare::{BINARY, Bare, CLOSE, PING, PONG, TEXT, frame};
use crate::people::People;
use crate::strangers::stage;

/// First bytes of the parts of a text: the first one, one within, the last one.
const FIRST: u8 = 0x01;
const WITHIN: u8 = 0x00;
const LAST: u8 = 0x80;
/// Largest message, bytes.
const MESSAGE_BYTES: usize = 64 * 1024;

/// What comes back, before the close.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Echo,
    Pong(Vec<u8>),
}

/// Who closes, and with which code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// We do, with 1000, and are answered with the same.
    Ours,
    /// What was sent has a close in it, which is answered with this code; 1005 stands for none.
    Answered(u16),
    /// The gateway does.
    Theirs(u16),
}

struct Case {
    number: String,
    sent: Vec<Vec<u8>>,
    answers: Vec<Answer>,
    end: End,
}

fn case(number: &str, sent: Vec<Vec<u8>>, answers: Vec<Answer>, end: End) -> Case {
    Case { number: number.to_owned(), sent, answers, end }
}

/// Bytes that go out one by one.
fn chopped(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.iter().map(|byte| vec![*byte]).collect()
}

fn text_of(length: usize) -> Vec<u8> {
    frame(TEXT, "*".repeat(length).as_bytes())
}

/// 1 framing, 2 pings and pongs.
fn framing_and_pings() -> Vec<Case> {
    let mut cases: Vec<Case> = [0, 125, 126, 127, 128, 65_535, MESSAGE_BYTES]
        .into_iter()
        .map(|length| case("1.1", vec![text_of(length)], vec![Answer::Echo], End::Ours))
        .collect();
    cases.push(case("1.1.8", chopped(&text_of(130)), vec![Answer::Echo], End::Ours));
    for length in [0, 125, 126, 65_536] {
        cases.push(case("1.2", vec![frame(BINARY, &vec![0xFE; length])], vec![], End::Theirs(1003)));
    }
    let ping = |payload: &[u8]| (frame(PING, payload), Answer::Pong(payload.to_vec()));
    for payload in [&b""[..], b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", &[0xFE; 125]] {
        let (sent, pong) = ping(payload);
        cases.push(case("2.1-4", vec![sent.clone()], vec![pong.clone()], End::Ours));
        cases.push(case("2.6", chopped(&sent), vec![pong], End::Ours));
    }
    cases.push(case("2.5", vec![frame(PING, &[0xFE; 126])], vec![], End::Theirs(1002)));
    let (sent, pong) = ping(b"ping payload");
    let unasked = vec![frame(PONG, b""), frame(PONG, b"unsolicited pong payload"), sent];
    cases.push(case("2.7-9", unasked, vec![pong], End::Ours));
    let (sent, pongs) = (0..10).map(|number| ping(format!("payload-{number}").as_bytes())).unzip();
    cases.push(case("2.10", sent, pongs, End::Ours));
    cases
}

/// 3 reserved bits, 4 reserved kinds.
fn reserved() -> Vec<Case> {
    let mut cases = Vec::new();
    for bits in 1..=7_u8 {
        for first in [TEXT, PING, CLOSE, BINARY] {
            let sent = vec![text_of(5), frame(first | bits << 4, b"Hello")];
            cases.push(case("3", sent, vec![Answer::Echo], End::Theirs(1002)));
        }
    }
    for kind in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for payload in [&b""[..], b"reserved"] {
            let sent = vec![text_of(5), frame(0x80 | kind, payload)];
            cases.push(case("4", sent, vec![Answer::Echo], End::Theirs(1002)));
        }
    }
    cases
}

/// 5 fragments.
fn fragments() -> Vec<Case> {
    let (one, two, three) = (frame(FIRST, b"one"), frame(LAST, b"two"), frame(LAST, b"three"));
    let (ping, pong) = (frame(PING, b"between"), Answer::Pong(b"between".to_vec()));
    let bad = |number, sent| case(number, sent, vec![], End::Theirs(1002));
    let good = |number, sent| case(number, sent, vec![Answer::Echo], End::Ours);
    let all = [one.clone(), two.clone()].concat();
    let many: Vec<Vec<u8>> = (0..1_000).map(|_| frame(WITHIN, b"x")).collect();
    vec![
        bad("5.1", vec![frame(PING & 0x7F, b"one"), three.clone()]),
        bad("5.2", vec![frame(PONG & 0x7F, b"one"), three.clone()]),
        bad("5.1", vec![frame(CLOSE & 0x7F, b"\x03\xe8"), three]),
        good("5.3", vec![one.clone(), two.clone()]),
        good("5.4", vec![all.clone()]),
        good("5.5", chopped(&all)),
        case(
            "5.6",
            vec![one.clone(), ping.clone(), two.clone()],
            vec![pong.clone(), Answer::Echo],
            End::Ours,
        ),
        case("5.8", chopped(&[one.clone(), ping, two.clone()].concat()), vec![pong, Answer::Echo], End::Ours),
        bad("5.9", vec![frame(LAST, b"nothing before"), text_of(1)]),
        bad("5.12", vec![frame(WITHIN, b"nothing before"), text_of(1)]),
        good("5.15", vec![one.clone(), frame(WITHIN, b""), frame(WITHIN, b""), frame(LAST, b"")]),
        bad("5.18", vec![one.clone(), text_of(3)]),
        case("5.19", [vec![one.clone()], many, vec![two]].concat(), vec![Answer::Echo], End::Ours),
        bad("5.20", vec![one, frame(BINARY, b"two")]),
    ]
}

/// 6 UTF-8.
fn utf8() -> Vec<Case> {
    let mut cases = Vec::new();
    let good = [
        "",
        "Hello-µ@ßöäüàá-UTF-8!!",
        "κόσμε",
        "\u{0}",
        "\u{7f}",
        "\u{80}",
        "\u{7ff}",
        "\u{800}",
        "\u{d7ff}",
    ];
    let odd = [
        "\u{e000}",
        "\u{fffd}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{10000}",
        "\u{1fffe}",
        "\u{10fffe}",
        "\u{10ffff}",
    ];
    for text in good.into_iter().chain(odd) {
        cases.push(case("6.1", vec![frame(TEXT, text.as_bytes())], vec![Answer::Echo], End::Ours));
        for at in 0..=text.len() {
            let (one, two) = text.as_bytes().split_at(at);
            cases.push(case("6.2", vec![frame(FIRST, one), frame(LAST, two)], vec![Answer::Echo], End::Ours));
        }
    }
    let bad: [&[u8]; 19] = [
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xf8\x80\x80\x80\xaf",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\x80",
        b"\xbf\x80",
        b"\xc3",
        b"\xe2\x82",
        b"\xf0\x9f\x98",
        b"\xed\xa0\x80",
        b"\xed\xaf\xbf\xed\xb0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf7\xbf\xbf\xbf",
        b"\xfe",
        b"\xff",
    ];
    for bytes in bad {
        cases.push(case("6.3", vec![frame(TEXT, bytes)], vec![], End::Theirs(1007)));
        let parts = vec![frame(FIRST, &bytes[..1]), frame(LAST, &bytes[1..])];
        cases.push(case("6.4", parts, vec![], End::Theirs(1007)));
    }
    cases
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// 7 closing.
fn closing() -> Vec<Case> {
    let answered = |number, sent, code| case(number, sent, vec![], End::Answered(code));
    let mut cases = vec![
        answered("7.1.2", vec![close(1000, b""), close(1000, b"")], 1000),
        answered("7.1.3", vec![close(1000, b""), frame(PING, b"late")], 1000),
        answered("7.1.4", vec![close(1000, b""), text_of(3)], 1000),
        answered("7.1.5", vec![frame(FIRST, b"half"), close(1000, b"")], 1000),
        answered("7.3.1", vec![frame(CLOSE, b"")], 1005),
        case("7.3.2", vec![frame(CLOSE, b"a")], vec![], End::Theirs(1002)),
        answered("7.3.4", vec![close(1000, b"Hello World!")], 1000),
        answered("7.3.5", vec![close(1000, &[b'*'; 123])], 1000),
        case("7.3.6", vec![close(1000, &[b'*'; 124])], vec![], End::Theirs(1002)),
    ];
    let codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    cases.extend(codes.map(|code| answered("7.7", vec![close(code, b"")], code)));
    let none = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
    cases.extend(none.map(|code| case("7.9", vec![close(code, b"")], vec![], End::Theirs(1002))));
    cases
}

/// 9 limits, 10 fragments of a large message.
fn limits() -> Vec<Case> {
    let in_parts = |bytes: usize, part: usize| -> Vec<Vec<u8>> {
        let mut parts: Vec<_> = vec![b'*'; bytes].chunks(part).map(|part| frame(WITHIN, part)).collect();
        parts[0][0] = FIRST;
        parts.last_mut().unwrap()[0] = LAST;
        parts
    };
    let many = (0..500).map(|_| text_of(16)).collect();
    vec![
        case("9.1.1", vec![text_of(MESSAGE_BYTES)], vec![Answer::Echo], End::Ours),
        case("9.1", vec![text_of(MESSAGE_BYTES + 1)], vec![], End::Theirs(1009)),
        case("9.3", in_parts(MESSAGE_BYTES, 64), vec![Answer::Echo], End::Ours),
        case("9.3", in_parts(MESSAGE_BYTES + 1, 16_384), vec![], End::Theirs(1009)),
        case("9.7", many, vec![Answer::Echo; 500], End::Ours),
        case("10.1.1", in_parts(MESSAGE_BYTES, 1_300), vec![Answer::Echo], End::Ours),
    ]
}

/// Reads to the end: the answers, and the close code, 1005 when there is none.
async fn read(bare: &mut Bare, end: End, expected: usize) -> (Vec<Answer>, Option<u16>) {
    let mut answers = Vec::new();
    if end == End::Ours && expected == 0 {
        bare.send(&close(1000, b"")).await;
    }
    loop {
        match bare.frame().await {
            Some((TEXT, text)) => {
                let reply: Value = serde_json::from_slice(&text).unwrap();
                assert_eq!(
                    (&reply["type"], &reply["code"]),
                    (&json!("processor"), &json!("malformed")),
                    "{reply}"
                );
                answers.push(Answer::Echo);
            }
            Some((PONG, payload)) => answers.push(Answer::Pong(payload)),
            Some((CLOSE, payload)) if payload.is_empty() => return (answers, Some(1005)),
            Some((CLOSE, payload)) => return (answers, Some(u16::from_be_bytes([payload[0], payload[1]]))),
            Some(other) => panic!("{other:?}"),
            None => return (answers, None),
        }
        if end == End::Ours && answers.len() == expected {
            bare.send(&close(1000, b"")).await;
        }
    }
}

async fn hold(cases: Vec<Case>) {
    let cluster = stage().await;
    let ann = People::of(&cluster).join("Ann").await;
    for Case { number, sent, answers, end } in cases {
        let mut bare = Bare::open(&cluster, 0, &ann).await;
        for bytes in &sent {
            bare.send(bytes).await;
        }
        let code = match end {
            End::Ours => 1000,
            End::Answered(code) | End::Theirs(code) => code,
        };
        let found = read(&mut bare, end, answers.len()).await;
        let shown: Vec<_> = sent.iter().take(3).map(|bytes| &bytes[..bytes.len().min(40)]).collect();
        assert_eq!(found, (answers, Some(code)), "case {number}: {shown:x?}");
        assert_eq!(bare.frame().await, None, "case {number}: the connection ends");
    }
}

#[tokio::test]
async fn framing_pings_and_fragments_are_those_of_the_rfc() {
    hold(framing_and_pings()).await;
    hold(fragments()).await;
}

#[tokio::test]
async fn reserved_bits_and_kinds_end_the_connection() {
    hold(reserved()).await;
}

#[tokio::test]
async fn texts_are_utf8_wherever_they_are_cut() {
    hold(utf8()).await;
}

#[tokio::test]
async fn closing_and_limits_have_their_codes() {
    hold(closing()).await;
    hold(limits()).await;
}
