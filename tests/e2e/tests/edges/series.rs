//! Labels of metrics come from fixed sets: whatever clients write, the number of series stays.

use std::collections::BTreeSet;

use messenger_support::{Cluster, ClusterOptions, get};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::people::{People, SOON};

/// Different words of each kind that a client sends.
const WORDS: usize = 2_000;
/// Series that there may be more afterwards: a refusal that had not come up before.
const NEW_MAX: usize = 40;
/// Series of a process at most.
const SERIES_MAX: usize = 2_000;

/// Names and labels of all series, without the buckets of histograms.
async fn series(admin: &str) -> BTreeSet<String> {
    let (status, text) = get(admin, "/metrics").await.unwrap();
    assert_eq!(status, 200);
    let values = text.lines().filter(|line| !line.starts_with('#') && !line.contains("_bucket{"));
    values.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

/// Sends a request on a connection of its own and reads the answer to its end: the status.
async fn ask(address: &str, request: String) -> u16 {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A refusal may cut the connection after its answer.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap()
    };
    timeout(SOON, exchange).await.unwrap()
}

/// Another word in each place where a client may write one.
fn strange(number: usize, token: &str) -> [String; 4] {
    let rest = format!(
        "Host: h{number}\r\nUser-Agent: agent-{number}\r\nOrigin: https://o{number}.example\r\n\
         Authorization: Bearer {token}\r\nX-Request-Id: r{number}\r\nConnection: close\r\n\r\n"
    );
    [
        format!("GET /path-{number} HTTP/1.1\r\n{rest}"),
        format!("METHOD{number} / HTTP/1.1\r\n{rest}"),
        format!("GET /users/{number}?a{number}=b HTTP/1.1\r\n{rest}"),
        format!("M{number} /path-{number}/x HTTP/1.1\r\nSec-WebSocket-Protocol: p{number}\r\n{rest}"),
    ]
}

#[tokio::test]
async fn words_of_clients_make_no_series() {
    let cluster = Cluster::start(ClusterOptions { gateways: 1, ..ClusterOptions::default() }).await;
    let ann = People::of(&cluster).join("Ann").await;
    let services = [cluster.accounts(), cluster.gateway(0)];
    let mut socket = ann.socket(&cluster, 0).await;
    for service in services {
        for request in strange(WORDS, ann.token()) {
            ask(service.http(), request).await;
        }
    }
    socket.ask_text(r#"{"type":"strange"}"#).await;

    let mut before = Vec::new();
    for service in services {
        before.push(series(service.admin()).await);
    }
    for number in 0..WORDS {
        for service in services {
            let [one, two, three, four] =
                strange(number, ann.token()).map(|request| ask(service.http(), request));
            let (one, two, three, four) = tokio::join!(one, two, three, four);
            assert!([one, two, three, four].iter().all(|status| (200..500).contains(status)));
        }
        let reply =
            socket.ask_text(&format!(r#"{{"type":"type-{number}","params":{{"k{number}":1}}}}"#)).await;
        assert!(reply.contains("unknown_type"), "{reply}");
    }
    for (service, before) in services.into_iter().zip(before) {
        let after = series(service.admin()).await;
        let new: Vec<_> = after.difference(&before).collect();
        assert!(new.len() <= NEW_MAX && after.len() <= SERIES_MAX, "{} series, new: {new:#?}", after.len());
        assert!(
            !after.iter().any(|series| series.contains("METHOD") || series.contains("path-")),
            "{after:#?}"
        );
    }
}
