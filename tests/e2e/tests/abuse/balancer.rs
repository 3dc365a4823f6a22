//! The same through a real HAProxy with the configuration that is shipped: what could be read in two ways has one meaning
//! or none when it arrives, and what is for operators is not reached.

use std::time::Duration;

use messenger_support::{Cluster, ClusterOptions, Service};

use crate::SHIPPED;
use crate::bare::{Bare, UPGRADE};
use crate::people::People;
use crate::until::metric;

async fn stage() -> Cluster {
    let options =
        ClusterOptions { gateways: 1, settings: &SHIPPED, balanced: true, ..ClusterOptions::default() };
    Cluster::start(options).await
}

/// The balancer before a cluster.
struct Balancer {
    address: String,
}

impl Balancer {
    fn before(cluster: &Cluster) -> Self {
        Self { address: cluster.rest().trim_start_matches("http://").to_owned() }
    }

    /// The statuses of all answers to these bytes; none when nobody is there.
    async fn asks(&self, bytes: &str) -> Vec<u16> {
        let Ok(mut bare) = Bare::try_to(&self.address).await else { return Vec::new() };
        let _ = bare.try_send(bytes.as_bytes()).await;
        let (text, _) = bare.rest(Duration::from_millis(500)).await;
        text.split("HTTP/1.").skip(1).map(|answer| answer[2..5].parse().unwrap()).collect()
    }
}

/// Requests that a service has answered or refused, whatever they were.
async fn arrived(service: &Service) -> f64 {
    metric(service.admin(), "http_request_seconds_count", "").await
        + metric(service.admin(), "http_heads_refused_total", "").await
}

/// Two requests in one, and heads that servers read differently, behind these first lines.
fn tricks(first: &str) -> Vec<(&'static str, String)> {
    let body = "2\r\n{}\r\n0\r\n\r\n";
    vec![
        ("two lengths", format!("{first}Content-Length: 2\r\nContent-Length: 60\r\n\r\n{{}}")),
        ("a list of lengths", format!("{first}Content-Length: 2, 60\r\n\r\n{{}}")),
        ("xchunked", format!("{first}Transfer-Encoding: xchunked\r\n\r\n{body}")),
        ("chunked, gzip", format!("{first}Transfer-Encoding: chunked, gzip\r\n\r\n{body}")),
        ("a blank before the colon", format!("{first}Transfer-Encoding : chunked\r\n\r\n{body}")),
        ("NUL in a header", format!("{first}X: a\0b\r\nContent-Length: 2\r\n\r\n{{}}")),
        ("NUL in a name", format!("{first}X\0: a\r\nContent-Length: 2\r\n\r\n{{}}")),
        (
            "chunks in HTTP/1.0",
            format!("{}Transfer-Encoding: chunked\r\n\r\n{body}", first.replace("HTTP/1.1", "HTTP/1.0")),
        ),
    ]
}

#[tokio::test]
async fn through_the_balancer_what_could_be_two_requests_is_refused_or_made_plain() {
    let cluster = stage().await;
    let person = People::of(&cluster).join("Ann").await;
    let balancer = Balancer::before(&cluster);
    let login = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let socket =
        format!("GET / HTTP/1.1\r\nHost: x\r\n{UPGRADE}Authorization: Bearer {}\r\n", person.token());
    for (first, service) in [(login, cluster.accounts()), (socket.as_str(), cluster.gateway(0))] {
        let before = arrived(service).await;
        for (what, bytes) in tricks(first) {
            let statuses = balancer.asks(&bytes).await;
            assert!(matches!(statuses[..], [400 | 413 | 422 | 501]), "{what}: {statuses:?}");
        }
        assert_eq!(arrived(service).await, before, "one of them was let through");
    }
    // What HAProxy does not refuse it writes anew: a service sees one body with one end, and refuses nothing.
    let refused = metric(cluster.accounts().admin(), "http_heads_refused_total", "").await;
    for lines in [
        "Content-Length: 60\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 60\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
    ] {
        let statuses = balancer.asks(&format!("{login}{lines}\r\n2\r\n{{}}\r\n0\r\n\r\n")).await;
        assert_eq!(statuses, [400], "{lines:?}: the fields of an empty object are missing");
    }
    assert_eq!(metric(cluster.accounts().admin(), "http_heads_refused_total", "").await, refused);
}

#[tokio::test]
async fn through_the_balancer_nobody_reaches_what_is_for_operators() {
    let cluster = stage().await;
    let balancer = Balancer::before(&cluster);
    for path in [
        "/metrics",
        "/readyz",
        "/livez",
        "/debug",
        "/debug/pprof",
        "/%6detrics",
        "//metrics",
        "/x/../metrics",
    ] {
        let plain = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(balancer.asks(&plain).await, [404], "{path} at accounts");
        let upgrade = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n");
        assert_eq!(balancer.asks(&upgrade).await, [404], "{path} at the gateway");
    }
}
