//! Sockets on which far more comes in than anybody could mean.

use std::pin::pin;
use std::time::Duration;

use messenger_support::Cluster;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::bare::{Bare, PING, PONG, TEXT, frame};
use crate::neighbours::meanwhile;
use crate::people::Person;
use crate::socket::request;
use crate::until::metric;
use crate::{somebody, stage};

/// What may be had at once, and then with each second: of messages and pages, and of groups.
const ENTRIES: (f64, f64) = (60.0, 20.0);
const GROUPS: (f64, f64) = (20.0, 10.0 / 60.0);
/// Within this a flood has ended: in its third second, on a machine that is busy.
const SOON_OVER: Duration = Duration::from_secs(20);

/// What a flood has come to.
struct Flooded {
    code: u16,
    answers: Vec<Value>,
    took: Duration,
}

impl Flooded {
    fn served(&self) -> usize {
        self.answers.iter().filter(|answer| answer["success"] == true).count()
    }

    fn limited(&self) -> usize {
        let limited = self.answers.iter().filter(|answer| answer["code"] == "rate_limited");
        limited.inspect(|answer| assert!(answer["retryAfterMs"].as_u64().unwrap() >= 1, "{answer}")).count()
    }

    /// It was told, it went on, it was closed.
    fn assert_over(&self) {
        assert_eq!(self.code, 4008);
        assert!(self.took >= Duration::from_secs(2) && self.took < SOON_OVER, "{:?}", self.took);
    }

    /// It was served no more than its share.
    fn assert_share(&self, (at_once, a_second): (f64, f64)) {
        let most = at_once + a_second * self.took.as_secs_f64() + 1.0;
        let served = u32::try_from(self.served()).unwrap();
        assert!(served >= 1 && f64::from(served) <= most, "{served} of {most} in {:?}", self.took);
        assert!(self.limited() >= 50, "{} were refused", self.limited());
    }
}

/// Sends the same frame as fast as it can be written until the gateway closes.
async fn flood(cluster: &Cluster, person: &Person, bytes: Vec<u8>) -> Flooded {
    flood_after(cluster, person, &[], bytes).await
}

/// The same after a beginning.
async fn flood_after(cluster: &Cluster, person: &Person, first: &[u8], bytes: Vec<u8>) -> Flooded {
    let (mut reading, mut writing) = Bare::open(cluster, 0, person).await.twice();
    writing.send(first).await;
    let begun = Instant::now();
    let chunk = bytes.repeat(20);
    let (mut closed, mut pouring) = (pin!(reading.close()), pin!(writing.pour(&chunk)));
    let (code, texts) = tokio::select! {
        closed = &mut closed => closed,
        () = &mut pouring => closed.await,
    };
    let answers = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    Flooded { code, answers, took: begun.elapsed() }
}

fn text(kind: &str, params: Value) -> Vec<u8> {
    frame(TEXT, request(kind, params).as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_messages_is_cut_down_to_its_share_and_closed_with_4008() {
    let cluster = stage(&[]).await;
    let (mallory, victim) = (somebody(&cluster, "Mallory").await, somebody(&cluster, "Victor").await);
    let message = text("privateMessage", json!({ "receiverId": victim.id, "content": "Hi" }));
    let flooded = meanwhile(&cluster, flood(&cluster, &mallory, message)).await;
    flooded.assert_over();
    flooded.assert_share(ENTRIES);
    let sql = "SELECT count(*) FROM entries WHERE sender_id = $1";
    let stored: i64 = cluster.messages().await.query_one(sql, &[&mallory.id]).await.unwrap().get(0);
    assert_eq!(stored, i64::try_from(flooded.served()).unwrap(), "what was refused was not done");
    let counted = metric(cluster.gateway(0).admin(), "gateway_rate_limited_total", "").await;
    assert!(counted >= 50.0, "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_pings_and_of_pongs_are_closed_with_4008() {
    let cluster = stage(&[]).await;
    let (mallory, oscar) = (somebody(&cluster, "Mallory").await, somebody(&cluster, "Oscar").await);
    let floods = async {
        tokio::join!(flood(&cluster, &mallory, frame(PING, b"x")), flood(&cluster, &oscar, frame(PONG, b"")))
    };
    let (pings, pongs) = meanwhile(&cluster, floods).await;
    pings.assert_over();
    pongs.assert_over();
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_parts_of_a_message_are_frames_and_are_closed_with_4008() {
    let cluster = stage(&[]).await;
    let (mallory, oscar) = (somebody(&cluster, "Mallory").await, somebody(&cluster, "Oscar").await);
    // Nothing in them, or little enough that the message stays below its limit for long.
    let (empty, single) = (frame(0x00, b""), [frame(0x00, b" "), frame(PING, b"")].concat());
    let (nothing, little) = (frame(0x01, b""), frame(0x01, b"{"));
    let floods = async {
        tokio::join!(
            flood_after(&cluster, &mallory, &nothing, empty),
            flood_after(&cluster, &oscar, &little, single),
        )
    };
    let (empty, pinged) = meanwhile(&cluster, floods).await;
    empty.assert_over();
    assert!(matches!(pinged.code, 4008 | 1009), "{}", pinged.code);
    let counted = metric(cluster.gateway(0).admin(), "gateway_rate_limited_total", "frames").await;
    assert!(counted >= 100.0, "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_requests_for_history_is_cut_down_to_its_share_and_closed_with_4008() {
    let cluster = stage(&[]).await;
    let (mallory, victim) = (somebody(&cluster, "Mallory").await, somebody(&cluster, "Victor").await);
    let pages = json!({ "receiverId": victim.id, "limit": 100, "page": 1 });
    let flooded = meanwhile(&cluster, flood(&cluster, &mallory, text("getlatestMessageDialog", pages))).await;
    flooded.assert_over();
    flooded.assert_share((ENTRIES.0 / 2.0, ENTRIES.1 / 2.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_new_groups_is_cut_down_to_its_share_and_closed_with_4008() {
    let cluster = stage(&[]).await;
    let mallory = somebody(&cluster, "Mallory").await;
    let group = text("newGroup", json!({ "groupName": "Spam" }));
    let flooded = meanwhile(&cluster, flood(&cluster, &mallory, group)).await;
    flooded.assert_over();
    flooded.assert_share(GROUPS);
    // Another socket does not get what the first one has used up.
    let mut socket = mallory.socket(&cluster, 0).await;
    let refusal = socket.refused("newGroup", json!({ "groupName": "More" })).await;
    assert_eq!(refusal, "Too many requests, try again a little later");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_replayed_a_thousand_times_is_stored_once() {
    let cluster = stage(&[("GATEWAY_RATE_FRAMES", "0"), ("GATEWAY_RATE_SENDS", "0")]).await;
    let (mallory, victim) = (somebody(&cluster, "Mallory").await, somebody(&cluster, "Victor").await);
    let mut socket = mallory.socket(&cluster, 0).await;
    let message = json!({ "receiverId": victim.id, "content": "Hi",
        "clientMessageId": "0190b7c6-5f2e-7c3a-9d0e-3f6f0b6b1a11" });
    let replay = async {
        let first = socket.ask("privateMessage", message.clone()).await;
        for _ in 0..1_000 {
            assert_eq!(socket.ask("privateMessage", message.clone()).await, first);
        }
    };
    meanwhile(&cluster, replay).await;
    let sql = "SELECT count(*) FROM entries WHERE sender_id = $1";
    let stored: i64 = cluster.messages().await.query_one(sql, &[&mallory.id]).await.unwrap().get(0);
    assert_eq!(stored, 1);
}
