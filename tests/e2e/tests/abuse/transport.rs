//! Bytes that are no requests, or two at once, or one that means to be taken for another: direct to both services.

use std::time::Duration;

use messenger_support::Cluster;
use tokio::time::timeout;

use crate::bare::{Bare, UPGRADE, frame};
use crate::neighbours::meanwhile;
use crate::people::{Person, SOON};
use crate::until::{metric, until};
use crate::{somebody, stage};

/// A second request, which must not be found in the body of the first.
const HIDDEN: &str = "GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n\r\n";
/// What every answer of a service has.
const SEALS: [&str; 4] = [
    "cache-control: no-store",
    "x-content-type-options: nosniff",
    "referrer-policy: no-referrer",
    "frame-ancestors 'none'",
];

/// What comes back for bytes: statuses of all answers until the end, or until nothing comes any more.
struct Answered {
    statuses: Vec<u16>,
    text: String,
    closed: bool,
}

async fn ask(address: &str, bytes: &[u8]) -> Answered {
    let mut bare = Bare::to(address).await;
    let _ = bare.try_send(bytes).await;
    let (text, closed) = bare.rest(Duration::from_millis(700)).await;
    let statuses = text.split("HTTP/1.").skip(1);
    let statuses = statuses.map(|answer| answer[2..5].parse().unwrap()).collect();
    Answered { statuses, text, closed }
}

/// Requests to accounts, what their first answer must be (0: none), and whether the connection must end with it.
fn to_accounts() -> Vec<(&'static str, String, &'static [u16], bool)> {
    let login = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let body = format!("{{}}{HIDDEN}");
    let chunked = format!("2\r\n{{}}\r\n0\r\n\r\n{HIDDEN}");
    vec![
        (
            "two lengths",
            format!("{login}Content-Length: 2\r\nContent-Length: 60\r\n\r\n{body}"),
            &[400],
            true,
        ),
        ("a list of lengths", format!("{login}Content-Length: 2, 60\r\n\r\n{body}"), &[400], true),
        ("a signed length", format!("{login}Content-Length: +2\r\n\r\n{body}"), &[400], true),
        (
            "length, then chunks",
            format!("{login}Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}"),
            &[400],
            true,
        ),
        (
            "chunks, then length",
            format!("{login}Transfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n{chunked}"),
            &[400],
            true,
        ),
        ("xchunked", format!("{login}Transfer-Encoding: xchunked\r\n\r\n{chunked}"), &[400], true),
        ("chunked, gzip", format!("{login}Transfer-Encoding: chunked, gzip\r\n\r\n{chunked}"), &[400], true),
        ("gzip, chunked", format!("{login}Transfer-Encoding: gzip, chunked\r\n\r\n{chunked}"), &[400], true),
        (
            "the same length twice",
            format!("{login}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{body}"),
            &[400],
            true,
        ),
        (
            "a blank before the colon",
            format!("{login}Transfer-Encoding : chunked\r\n\r\n{chunked}"),
            &[400],
            true,
        ),
        ("a folded header", format!("{login}X: a\r\n b\r\nContent-Length: 2\r\n\r\n{{}}"), &[400], true),
        (
            "a folded encoding",
            format!("{login}Transfer-Encoding:\r\n chunked\r\n\r\n{chunked}"),
            &[400],
            true,
        ),
        ("NUL in a header", format!("{login}X: a\0b\r\nContent-Length: 2\r\n\r\n{{}}"), &[400], true),
        ("NUL in the path", "GET /profile\0 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[400], true),
        (
            "chunks in HTTP/1.0",
            login.replace("1.1", "1.0") + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            &[400],
            true,
        ),
    ]
}

/// The same of what is too large, or spoken in another language.
fn foreign_to_accounts() -> Vec<(&'static str, String, &'static [u16], bool)> {
    let login = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    vec![
        ("a long path", format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(2_048)), &[414], true),
        (
            "a longer path",
            format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(70_000)),
            &[414, 431, 0],
            true,
        ),
        ("a large header", format!("{login}X: {}\r\n\r\n", "x".repeat(8_193)), &[431], true),
        ("a large head", format!("{login}X: {}\r\n\r\n", "x".repeat(17_000)), &[431], true),
        ("many headers", format!("{login}{}\r\n", "X: y\r\n".repeat(65)), &[431], true),
        ("HTTP/2 in plain text", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[400, 505, 0], true),
        ("HTTP/0.9", "GET /profile\r\n\r\n".to_owned(), &[400, 0], true),
        ("HTTP/1.2", "GET /profile HTTP/1.2\r\n\r\n".to_owned(), &[400, 0], true),
        (
            "TLS",
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}".to_owned() + "\r\n\r\n",
            &[400, 0],
            true,
        ),
        ("TRACE", "TRACE /profile HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[405], false),
        ("CONNECT", "CONNECT evil.com:443 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[404, 405], false),
        ("a method of one's own", "BREW /profile HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[405], false),
        (
            "a path of another host",
            "GET http://evil.com/profile HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            &[401],
            false,
        ),
        ("an echo", "GET /%0d%0aSet-Cookie:a=b HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[404], false),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_refuses_what_could_be_taken_for_two_requests_and_what_is_none() {
    let cluster = stage(&[]).await;
    let address = cluster.accounts().http().to_owned();
    let all = async {
        for (what, bytes, expected, closes) in to_accounts().into_iter().chain(foreign_to_accounts()) {
            let answered = ask(&address, bytes.as_bytes()).await;
            let first = answered.statuses.first().copied().unwrap_or_default();
            assert!(expected.contains(&first), "{what}: {}", answered.text);
            assert!(answered.statuses.len() <= 1, "{what}: a hidden request was found: {}", answered.text);
            assert!(answered.closed || !closes, "{what}: the connection lives: {}", answered.text);
            let lower = answered.text.to_lowercase();
            assert!(!lower.contains("set-cookie") && !lower.contains("evil"), "{what}: {lower}");
            assert_sealed(what, &answered);
        }
        // Each request of a connection is looked at, not the first one alone.
        let login = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        let both = format!("{login}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}");
        let answered = ask(&address, format!("{HIDDEN}{HIDDEN}{both}").as_bytes()).await;
        assert_eq!(answered.statuses, [200, 200, 400], "{}", answered.text);
        assert!(answered.closed && answered.text.contains("bad_request"), "{}", answered.text);
        // A whole request in chunks is one.
        let good = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
            Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        assert_eq!(ask(&address, good.as_bytes()).await.statuses, [400]);
    };
    meanwhile(&cluster, all).await;
}

/// Whatever is answered has the headers of all answers.
fn assert_sealed(what: &str, answered: &Answered) {
    if !answered.statuses.is_empty() {
        SEALS.iter().for_each(|seal| assert!(answered.text.contains(seal), "{what}: {}", answered.text));
    }
}

/// Whoever speaks another language is written down, once, however often he comes.
#[tokio::test]
async fn strangers_are_answered_counted_and_written_down_once_a_minute() {
    let cluster = stage(&[]).await;
    let tls = "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}";
    for service in [cluster.accounts(), cluster.gateway(0)] {
        for bytes in [tls, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\0\0\0\0", "EHLO x\r\n"] {
            let answered = ask(service.http(), bytes.as_bytes()).await;
            assert!(answered.statuses == [400] && answered.closed, "{bytes:?}: {}", answered.text);
            assert_sealed(bytes, &answered);
        }
        assert_eq!(metric(service.admin(), "http_heads_refused_total", "foreign").await, 4.0);
        let times = || service.all_logs().matches("what was sent is no request").count();
        until("a line in the log", async || (times() > 0).then_some(())).await;
        assert_eq!(times(), 1, "{}", service.all_logs());
    }
}

fn to_gateway(person: &Person) -> Vec<(&'static str, String, &'static [u16])> {
    let token = format!("Authorization: Bearer {}\r\n", person.token());
    let whole = format!("GET / HTTP/1.1\r\nHost: x\r\n{UPGRADE}{token}");
    let key = |key: &str| whole.replace("aWKsrCP2KvNFlmstQdVEDA==", key);
    vec![
        ("HTTP/1.0", whole.replace("HTTP/1.1", "HTTP/1.0") + "\r\n", &[400, 426]),
        ("a short key", key("YWE=") + "\r\n", &[400]),
        ("a key of three bytes", key("abc") + "\r\n", &[400]),
        ("a long key", key("aWKsrCP2KvNFlmstQdVEDAaWKsrCP2KvNFlmstQdVEDA==") + "\r\n", &[400]),
        ("two keys", format!("{whole}Sec-WebSocket-Key: aWKsrCP2KvNFlmstQdVEDA==\r\n\r\n"), &[400]),
        ("a body", format!("{whole}Content-Length: 5\r\n\r\nhello"), &[400]),
        ("a body in chunks", format!("{whole}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), &[400]),
        ("two lengths", format!("{whole}Content-Length: 0\r\nContent-Length: 9\r\n\r\n"), &[400]),
        ("a folded header", format!("{whole}X: a\r\n b\r\n\r\n"), &[400]),
        ("a bogus subprotocol", format!("{whole}Sec-WebSocket-Protocol: soap, mqtt\r\n\r\n"), &[400]),
        (
            "a large extension",
            format!("{whole}Sec-WebSocket-Extensions: {}\r\n\r\n", "x".repeat(100_000)),
            &[431, 0],
        ),
        ("a long path", format!("GET /?{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(2_048)), &[414]),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[400, 505, 0]),
        ("HTTP/2 by upgrade", whole.replace("Upgrade: websocket", "Upgrade: h2c") + "\r\n", &[400]),
        ("POST", whole.replace("GET /", "POST /") + "\r\n", &[405]),
        ("TRACE", whole.replace("GET /", "TRACE /") + "\r\n", &[405]),
        ("CONNECT", whole.replace("GET /", "CONNECT x:1") + "\r\n", &[400, 404, 405]),
        ("a method of one's own", whole.replace("GET /", "BREW /") + "\r\n", &[405]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_refuses_what_is_no_handshake_and_every_answer_is_sealed() {
    let cluster = stage(&[]).await;
    let ann = somebody(&cluster, "Ann").await;
    let address = cluster.gateway(0).http().to_owned();
    let all = async {
        for (what, bytes, expected) in to_gateway(&ann) {
            let answered = ask(&address, bytes.as_bytes()).await;
            let first = answered.statuses.first().copied().unwrap_or_default();
            assert!(expected.contains(&first), "{what}: {}", answered.text);
            assert!(answered.statuses.len() <= 1, "{what}: {}", answered.text);
            assert_sealed(what, &answered);
        }
    };
    meanwhile(&cluster, all).await;
    // Compression is offered and not taken; the socket works without.
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let mut bare = Bare::connect(&cluster, 0).await;
    let (status, head) = bare.shake(&format!("{offer}Authorization: Bearer {}\r\n", ann.token())).await;
    assert!(status == 101 && !head.contains("sec-websocket-extensions"), "{head}");
    SEALS.iter().for_each(|seal| assert!(head.contains(seal), "{head}"));
    bare.send(&frame(0x81 | 0x40, b"compressed")).await;
    assert_eq!(bare.close().await.0, 1002);
}

#[tokio::test]
async fn by_https_browsers_are_told_to_stay_there_if_a_trusted_proxy_says_so() {
    for (trusted, told) in [("127.0.0.1", true), ("10.0.0.0/8", false)] {
        let keys = [("GATEWAY_TRUSTED_PROXIES", trusted), ("ACCOUNTS_TRUSTED_PROXIES", trusted)];
        let cluster = stage(&keys).await;
        for service in [cluster.gateway(0), cluster.accounts()] {
            for proto in ["https", "http"] {
                let request =
                    format!("GET /profile HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: {proto}\r\n\r\n");
                let answered = ask(service.http(), request.as_bytes()).await;
                let has = answered.text.contains("strict-transport-security: max-age=31536000");
                assert_eq!(has, told && proto == "https", "{proto} by {trusted}: {}", answered.text);
            }
        }
    }
}

#[tokio::test]
async fn a_full_gateway_refuses_early_and_keeps_those_who_are_here() {
    let cluster = stage(&[("GATEWAY_SOCKETS", "2")]).await;
    let ann = somebody(&cluster, "Ann").await;
    let mut sockets = [ann.socket(&cluster, 0).await, ann.socket(&cluster, 0).await];
    let mut bare = Bare::connect(&cluster, 0).await;
    let (status, head) = bare.shake(&format!("Authorization: Bearer {}\r\n", ann.token())).await;
    assert!(status == 503 && head.contains("retry-after: 5"), "{head}");
    for socket in &mut sockets {
        socket.ask("listLastMessage", serde_json::json!({ "limit": 1, "page": 1 })).await;
    }
}

/// Who connects over and over without a word is not waited for.
#[tokio::test]
async fn a_connection_that_says_nothing_ends_by_itself() {
    let cluster = stage(&[("GATEWAY_HEAD_MS", "500"), ("ACCOUNTS_HTTP_HEAD_TIMEOUT_MS", "500")]).await;
    assert_ends(&cluster, b"").await;
    assert_ends(&cluster, b"GET / HTTP/1.1\r\n").await;
    // Between two requests, too.
    assert_ends(&cluster, b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").await;
}

async fn assert_ends(cluster: &Cluster, bytes: &[u8]) {
    for service in [cluster.gateway(0), cluster.accounts()] {
        let mut bare = Bare::to(service.http()).await;
        bare.send(bytes).await;
        let (text, closed) = timeout(SOON, bare.rest(SOON)).await.unwrap();
        assert!(closed, "{text}");
    }
}
