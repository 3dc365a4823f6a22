//! Between the signal and the stop: not ready any more, and still serving whoever has not heard of it.

use std::time::Duration;

use messenger_client::socket::{Handshake, Options, RawConnection};
use messenger_client::wire::v2::SUBPROTOCOL;
use messenger_support::{Cluster, ClusterOptions};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::bare::Bare;
use crate::people::{People, Person};
use crate::socket::Socket;
use crate::until::{readiness, until};

/// Sockets that are sent away.
const SOCKETS: u64 = 20;
/// Time over which they are.
const DRAIN_MS: u64 = 2_000;
/// A stop with everything before it.
const STOP: Duration = Duration::from_secs(20);
/// A leave that no test waits for.
const LONG_MS: &str = "600000";
const GET: &[u8] = b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n\r\n";

async fn cluster(settings: &[(&str, &str)]) -> Cluster {
    Cluster::start(ClusterOptions { gateways: 1, settings, ..ClusterOptions::default() }).await
}

async fn v2(cluster: &Cluster, person: &Person) -> Socket {
    let handshake = Handshake::new(cluster.url(0)).subprotocols(&[SUBPROTOCOL]).unwrap();
    let handshake = handshake.bearer(person.token()).unwrap();
    Socket(RawConnection::open(&handshake, &Options::default()).await.unwrap())
}

/// In how many milliseconds the socket was asked to move, and how long after `begun` it was closed for that.
async fn farewell(mut socket: Socket, begun: Instant) -> (u64, Duration) {
    let mut frame = socket.next().await;
    while frame["type"] != "reconnect" {
        frame = socket.next().await;
    }
    assert_eq!(socket.close_code().await, Some(1012));
    (frame["params"]["afterMs"].as_u64().unwrap(), begun.elapsed())
}

#[tokio::test]
async fn a_gateway_takes_sockets_until_the_balancer_knows_then_asks_all_to_move_one_after_the_other() {
    let leave = Duration::from_secs(4);
    let settings =
        [("GATEWAY_LEAVE_MS", "4000"), ("GATEWAY_DRAIN_MS", "2000"), ("GATEWAY_SOCKETS_PER_USER", "64")];
    let mut cluster = cluster(&settings).await;
    let ann = People::of(&cluster).join("Ann").await;
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS / 2 {
        sockets.push(v2(&cluster, &ann).await);
    }
    let admin = cluster.gateway(0).admin().to_owned();
    let begun = Instant::now();
    cluster.begin_stop(0);
    assert_eq!(readiness(&admin, 503).await, "draining\n");
    // The balancer has not seen it: who is sent here is taken.
    for _ in sockets.len() as u64..SOCKETS {
        sockets.push(v2(&cluster, &ann).await);
    }
    assert!(begun.elapsed() < leave, "the machine is too slow for this test");

    let farewells: JoinSet<_> = sockets.into_iter().map(|socket| farewell(socket, begun)).collect();
    let (mut farewells, status) = tokio::join!(farewells.join_all(), cluster.stopped(0, STOP));
    assert!(status.success(), "{status}");
    farewells.sort_unstable();
    let share = DRAIN_MS / SOCKETS;
    let asked: Vec<_> = farewells.iter().map(|(after, _)| *after).collect();
    assert_eq!(asked, (0..SOCKETS).map(|turn| turn * share).collect::<Vec<_>>(), "evenly, and none twice");
    for (after, closed) in farewells {
        let turn = leave + Duration::from_millis(after);
        assert!(closed >= turn && closed < turn + STOP, "closed after {closed:?}, and not from {turn:?} on");
    }
}

#[tokio::test]
async fn accounts_serves_on_and_ends_each_kept_connection_with_an_answer() {
    let mut cluster = cluster(&[("ACCOUNTS_LEAVE_MS", "2000")]).await;
    let (http, admin) = (cluster.accounts().http().to_owned(), cluster.accounts().admin().to_owned());
    let mut kept = Bare::connect_to(&http).await;
    assert_eq!(kept.ask_whole(GET).await, 200);
    cluster.begin_stop_of_accounts(0);
    assert_eq!(readiness(&admin, 503).await, "draining\n");
    let mut new = Bare::connect_to(&http).await;
    for connection in [&mut kept, &mut new] {
        let (status, head) = connection.ask(GET).await;
        assert!(status == 200 && head.contains("\r\nconnection: close\r\n"), "{head}");
        assert!(connection.rest(STOP).await.1, "it goes on");
    }
    until("the stop", async || TcpStream::connect(&http).await.is_err().then_some(())).await;
    assert!(cluster.accounts_stopped(0, STOP).await.success());
}

#[tokio::test]
async fn a_second_signal_waits_for_nobody() {
    let mut cluster = cluster(&[("GATEWAY_LEAVE_MS", LONG_MS)]).await;
    let admin = cluster.gateway(0).admin().to_owned();
    cluster.begin_stop(0);
    readiness(&admin, 503).await;
    assert_eq!(cluster.terminate(0, STOP).await.code(), Some(1), "a stop that was cut short");
    assert!(cluster.gateway(0).log().text().contains("stopping hard"));
}
