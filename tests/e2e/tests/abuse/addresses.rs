//! Addresses with more connections, sockets or bad tokens than a household could have.

use std::time::Duration;

use messenger_support::Cluster;
use tokio::time::{Instant, timeout};

use crate::bare::{Bare, UPGRADE};
use crate::neighbours::meanwhile;
use crate::people::{Person, SOON};
use crate::until::{metric, until};
use crate::{somebody, stage};

/// A balancer on this machine is believed.
const BEHIND_PROXY: (&str, &str) = ("GATEWAY_TRUSTED_PROXIES", "127.0.0.1");

/// A handshake as it comes through a balancer that says that the client is at `address`.
async fn from(cluster: &Cluster, address: &str, person: &Person) -> (Bare, u16, String) {
    let mut bare = Bare::connect(cluster, 0).await;
    let lines = format!("Authorization: Bearer {}\r\nX-Forwarded-For: {address}\r\n", person.token());
    let (status, head) = bare.shake(&lines).await;
    (bare, status, head)
}

#[tokio::test]
async fn an_address_has_so_many_sockets_and_others_have_their_own() {
    let cluster = stage(&[BEHIND_PROXY, ("GATEWAY_SOCKETS_PER_ADDRESS", "3")]).await;
    let ann = somebody(&cluster, "Ann").await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let (bare, status, head) = from(&cluster, "9.9.9.9", &ann).await;
        assert_eq!(status, 101, "{head}");
        open.push(bare);
    }
    // What a client writes before the balancer's word, or in another header, makes it no other client.
    for address in ["9.9.9.9", "1.2.3.4, 9.9.9.9", "9.9.9.9\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4"]
    {
        let (_, status, head) = from(&cluster, address, &ann).await;
        assert_eq!(status, 429, "{address}: {head}");
        assert!(head.contains("retry-after: "), "{head}");
    }
    assert_eq!(from(&cluster, "9.9.9.10", &ann).await.1, 101);
    drop(open);
    // A place is free again when its session has ended.
    until("a place", async || (from(&cluster, "9.9.9.9", &ann).await.1 == 101).then_some(())).await;
}

#[tokio::test]
async fn who_is_no_trusted_proxy_speaks_for_nobody() {
    let cluster = stage(&[("GATEWAY_SOCKETS_PER_ADDRESS", "2")]).await;
    let ann = somebody(&cluster, "Ann").await;
    let (_first, status, _) = from(&cluster, "1.1.1.1", &ann).await;
    assert_eq!(status, 101);
    let (_second, status, _) = from(&cluster, "2.2.2.2", &ann).await;
    assert_eq!(status, 101);
    assert_eq!(from(&cluster, "3.3.3.3", &ann).await.1, 429, "all are 127.0.0.1");
    assert_eq!(cluster.logs().matches("is no trusted proxy").count(), 1, "said once");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_only_wait_are_bounded_by_address_and_released_by_their_upgrade() {
    let cluster = stage(&[("GATEWAY_HANDSHAKES_PER_ADDRESS", "20"), ("GATEWAY_HEAD_MS", "30000")]).await;
    let ann = somebody(&cluster, "Ann").await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(Bare::connect(&cluster, 0).await);
    }
    let refused = until("a refusal", async || {
        let mut bare = Bare::connect(&cluster, 0).await;
        timeout(SOON, bare.first_line()).await.unwrap().filter(|line| line.contains("429"))
    });
    assert_eq!(refused.await, "HTTP/1.1 429 Too Many Requests");
    assert!(metric(cluster.gateway(0).admin(), "http_connections_refused_total", "").await >= 1.0);
    drop(idle);
    // Twice as many sockets as connections may wait: each gives its place back with its upgrade.
    let mut sockets = Vec::new();
    for _ in 0..16 {
        sockets.push(until("a socket", async || open(&cluster, &ann).await).await);
    }
    assert_eq!(sockets.len(), 16);
}

/// A socket, unless the address has too many connections just now.
async fn open(cluster: &Cluster, person: &Person) -> Option<Bare> {
    let mut bare = Bare::connect(cluster, 0).await;
    let lines =
        format!("GET / HTTP/1.1\r\nHost: x\r\n{UPGRADE}Authorization: Bearer {}\r\n\r\n", person.token());
    bare.try_ask(lines.as_bytes()).await.filter(|(status, _)| *status == 101).map(|_| bare)
}

#[tokio::test]
async fn a_user_who_comes_over_and_over_is_told_to_wait() {
    let cluster = stage(&[("GATEWAY_RATE_HANDSHAKES", "1"), ("GATEWAY_RATE_HANDSHAKES_BURST", "5")]).await;
    let (ann, bob) = (somebody(&cluster, "Ann").await, somebody(&cluster, "Bob").await);
    let token = format!("Authorization: Bearer {}\r\n", ann.token());
    let begun = Instant::now();
    let mut welcomed = 0;
    let refused = loop {
        let (status, head) = Bare::connect(&cluster, 0).await.shake(&token).await;
        match status {
            101 => welcomed += 1,
            429 => break head,
            other => panic!("{other} {head}"),
        }
    };
    assert!(refused.contains("retry-after: "), "{refused}");
    let most = 6.0 + begun.elapsed().as_secs_f64();
    assert!(welcomed >= 5 && f64::from(welcomed) <= most, "{welcomed} of {most}");
    Bare::open(&cluster, 0, &bob).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_bad_tokens_is_cheap_and_starves_nobody() {
    let limits = [
        BEHIND_PROXY,
        ("GATEWAY_RATE_REFUSALS", "50"),
        ("GATEWAY_RATE_REFUSALS_BURST", "100"),
        ("GATEWAY_ADMISSIONS", "4"),
    ];
    let cluster = stage(&limits).await;
    let ann = somebody(&cluster, "Ann").await;
    let [head, payload, signature] = ann.token().split('.').collect::<Vec<_>>().try_into().unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{head}.{payload}.{first}{}", &signature[1..]);
    let request = format!(
        "GET / HTTP/1.1\r\nHost: x\r\n{UPGRADE}X-Forwarded-For: 6.6.6.6\r\nAuthorization: Bearer {forged}\r\n\r\n"
    );
    let flood = async {
        let begun = Instant::now();
        let (mut unauthorized, mut limited) = (0, 0);
        while begun.elapsed() < Duration::from_secs(3) {
            let mut bare = Bare::connect(&cluster, 0).await;
            for _ in 0..20 {
                match bare.ask_whole(request.as_bytes()).await {
                    401 => unauthorized += 1,
                    429 => limited += 1,
                    other => panic!("{other}"),
                }
            }
        }
        (unauthorized, limited, begun.elapsed())
    };
    let good = async {
        let mut took = Vec::new();
        for number in 0..20 {
            let begun = Instant::now();
            let (_, status, head) = from(&cluster, &format!("7.7.7.{number}"), &ann).await;
            assert_eq!(status, 101, "{head}");
            took.push(begun.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        took.sort_unstable();
        took[took.len() / 2]
    };
    let both = async { tokio::join!(flood, good) };
    let ((unauthorized, limited, took), median) = meanwhile(&cluster, both).await;
    println!("{unauthorized} bad tokens looked at, {limited} not; good handshakes within {median:?}");
    let most = 100.0 + 50.0 * took.as_secs_f64() + 2.0;
    assert!(f64::from(unauthorized) <= most, "{unauthorized} of {most}");
    assert!(limited > unauthorized, "{limited} were not looked at");
    assert!(median < Duration::from_millis(500), "{median:?}");
}
