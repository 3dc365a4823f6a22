//! A gateway that is told to stop: what it has begun it finishes, then it says good-bye.

use std::time::Duration;

use messenger_support::{Cluster, ClusterOptions};
use serde_json::json;
use tokio::net::TcpStream;

use crate::people::People;
use crate::socket::request;
use crate::until::{metric, until};

/// Sends in flight when the signal comes.
const IN_FLIGHT: u32 = 5;
/// The stop itself: drain time, replies, closing handshakes.
const STOP: Duration = Duration::from_secs(15);

#[tokio::test]
async fn sigterm_finishes_the_replies_in_flight_then_closes_with_1012_and_exits_with_0() {
    let mut cluster = Cluster::start(ClusterOptions {
        gateways: 1,
        settings: &[("GATEWAY_DRAIN_MS", "1000")],
        ..ClusterOptions::default()
    })
    .await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (mut a, mut b) = (ann.socket(&cluster, 0).await, bob.socket(&cluster, 0).await);
    a.ask("privateMessage", json!({ "receiverId": bob.id, "content": "first" })).await;

    let lock = cluster.messages().await;
    lock.batch_execute("BEGIN; LOCK TABLE conversations IN EXCLUSIVE MODE").await.unwrap();
    let admin = cluster.gateway(0).admin().to_owned();
    let before = metric(&admin, "gateway_requests_total", "").await;
    for number in 0..IN_FLIGHT {
        let message = json!({ "receiverId": bob.id, "content": format!("in flight {number}") });
        a.send(&request("privateMessage", message)).await;
    }
    until("all are in flight", async || {
        let taken = metric(&admin, "gateway_requests_total", "").await - before;
        (taken >= f64::from(IN_FLIGHT)).then_some(())
    })
    .await;
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("a statement waits", async || {
        let row = lock.query_one(waiting, &[]).await.unwrap();
        (row.get::<_, i64>(0) > 0).then_some(())
    })
    .await;

    let status = cluster.terminate(0, STOP);
    let client = async {
        // The stop closes the listeners first.
        until("the stop", async || TcpStream::connect(&admin).await.is_err().then_some(())).await;
        lock.batch_execute("COMMIT").await.unwrap();
        for number in 0..IN_FLIGHT {
            let reply = a.next().await;
            assert_eq!(reply["params"]["seq"], json!(number + 2), "{reply}");
        }
        assert_eq!(a.close_code().await, Some(1012));
        assert_eq!(b.push("privateMessage").await["message"], "first");
        assert_eq!(b.close_code().await, Some(1012));
    };
    let (status, ()) = tokio::join!(status, client);
    assert!(status.success(), "{status}");
    let stored = "SELECT count(*), max(seq) FROM entries";
    let row = cluster.messages().await.query_one(stored, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (6, 6));
}
