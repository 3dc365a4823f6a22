//! Handshakes that are refused, with a status before the upgrade.

use crate::bare::{Bare, UPGRADE};
use crate::people::{People, SOON};
use crate::strangers::{MARK, assert_discreet, stage};
use messenger_client::socket::{Handshake, Options, RawConnection};

/// `{"alg":"none","typ":"at+jwt"}` and `{"alg":"HS256","typ":"at+jwt"}`.
const UNSIGNED: &str = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
const SHARED_SECRET: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9";

#[tokio::test]
async fn a_bad_token_is_401_before_the_upgrade() {
    let cluster = stage().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let good = ann.token();
    let [head, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let [_, foreign, _] = bob.token().split('.').collect::<Vec<_>>().try_into().unwrap();
    let bent = signature.replacen(|_: char| true, if signature.starts_with('A') { "B" } else { "A" }, 1);
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let lines = [
        String::new(),
        bearer(""),
        bearer(MARK),
        bearer(".."),
        bearer(&format!("{head}.{payload}")),
        bearer(&format!("{head}.{payload}.")),
        bearer(&format!("{head}.{payload}.{bent}")),
        bearer(&format!("{head}.{foreign}.{signature}")),
        bearer(&format!("{UNSIGNED}.{payload}.")),
        bearer(&format!("{UNSIGNED}.{payload}.{signature}")),
        bearer(&format!("{SHARED_SECRET}.{payload}.{signature}")),
        bearer(&format!("{good}.{MARK}")),
        bearer(&format!("{good} {good}")),
        bearer(&format!("{good}{}", "A".repeat(5_000))),
        format!("Authorization: Basic {good}\r\n"),
        format!("Authorization: {good}\r\n"),
        format!("X-Authorization: Bearer {good}\r\n"),
        format!("Cookie: token={good}\r\n"),
        bearer(good) + &bearer(good),
        "Sec-WebSocket-Protocol: auth\r\n".to_owned(),
        format!("Sec-WebSocket-Protocol: auth, {MARK}\r\n"),
    ];
    for lines in &lines {
        let mut bare = Bare::connect(&cluster, 0).await;
        let (status, head) = bare.shake(lines).await;
        assert_eq!(status, 401, "{lines:.200}");
        assert!(
            head.contains("www-authenticate: bearer") && !head.contains("sec-websocket-accept"),
            "{head}"
        );
    }
    let query = format!("GET /?token={good}&access_token={good} HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n");
    assert_eq!(Bare::connect(&cluster, 0).await.ask(query.as_bytes()).await.0, 401, "the token in the query");
    let bytes = [b"GET / HTTP/1.1\r\nHost: x\r\n", UPGRADE.as_bytes(), b"Authorization: Bearer \xFF\r\n\r\n"]
        .concat();
    assert_eq!(Bare::connect(&cluster, 0).await.ask(&bytes).await.0, 401, "bytes that are no text");

    assert_eq!(Bare::connect(&cluster, 0).await.shake(&bearer(good)).await.0, 101, "the token is good");
    let browser = Handshake::new(cluster.url(1)).subprotocols(&["auth", good]).unwrap();
    let socket =
        RawConnection::open(&browser, &Options { connect_timeout: SOON, ..Options::default() }).await;
    assert_eq!(socket.unwrap().subprotocol(), Some("auth"), "also where a browser puts it");
    assert_discreet(&cluster, &[&ann, &bob]);
}

#[tokio::test]
async fn what_is_no_handshake_is_told_so() {
    let cluster = stage().await;
    let ann = People::of(&cluster).join("Ann").await;
    let token = format!("Authorization: Bearer {}\r\n", ann.token());
    let whole = format!("{UPGRADE}{token}");
    let without = |line: &str| {
        let lines = whole.split_inclusive("\r\n").filter(|found| !found.starts_with(line));
        format!("GET / HTTP/1.1\r\n{}", lines.collect::<String>())
    };
    let changed = |from: &str, to: &str| format!("GET / HTTP/1.1\r\n{}", whole.replace(from, to));
    for (request, expected, mark) in [
        (without("Upgrade:"), 426, "upgrade: websocket"),
        (format!("GET / HTTP/1.1\r\n{token}"), 426, "upgrade: websocket"),
        ("GET / HTTP/1.1\r\n".to_owned(), 426, "upgrade: websocket"),
        (changed("Version: 13", "Version: 12"), 426, "sec-websocket-version: 13"),
        (without("Sec-WebSocket-Version"), 426, "sec-websocket-version: 13"),
        (without("Sec-WebSocket-Key"), 400, ""),
        (without("Connection"), 400, ""),
        (changed("Upgrade: websocket", "Upgrade: h2c"), 400, ""),
        (format!("GET / HTTP/1.1\r\nSec-WebSocket-Protocol: soap\r\n{whole}"), 400, ""),
        (format!("POST / HTTP/1.1\r\nContent-Length: 0\r\n{whole}"), 405, "allow: get"),
        (format!("DELETE /ws HTTP/1.1\r\n{whole}"), 405, "allow: get"),
        (format!("GET /{MARK} HTTP/1.1\r\n{whole}"), 404, ""),
        (format!("GET /metrics HTTP/1.1\r\n{whole}"), 404, ""),
        (format!("GET /ws/ HTTP/1.1\r\n{whole}"), 404, ""),
        (format!("GET /%00 HTTP/1.1\r\n{whole}"), 404, ""),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n{whole}", MARK.repeat(2_000)), 431, ""),
        (format!("GET /ws HTTP/1.1\r\n{whole}"), 101, "sec-websocket-accept"),
    ] {
        let mut bare = Bare::connect(&cluster, 1).await;
        let (status, head) = bare.ask(format!("{request}Host: x\r\n\r\n").as_bytes()).await;
        assert_eq!(status, expected, "{request:.300}\n{head}");
        assert!(head.contains(mark), "{head}");
    }
    assert_eq!(Bare::connect(&cluster, 1).await.ask(b"\x16\x03\x01 no HTTP\r\n\r\n").await.0, 400);
    assert_discreet(&cluster, &[&ann]);
}
