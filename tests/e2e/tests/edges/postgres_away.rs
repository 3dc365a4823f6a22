//! PostgreSQL crashes and comes back under load. A send is refused for the time being or stored once; no socket breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use messenger_backing::Durability;
use messenger_support::{Cluster, ClusterOptions, private_postgres};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::people::People;
use crate::socket::{Socket, request};
use crate::until::{readiness, until};

/// Messages of each writer that are acknowledged between two events.
const MESSAGES: u32 = 30;

/// Somebody who writes one message after the other, each until it is acknowledged.
struct Writer {
    socket: Socket,
    name: &'static str,
    receiver: i64,
    /// A number of its own, for the ids of its messages.
    number: u32,
    tally: Arc<Tally>,
}

#[derive(Default)]
struct Tally {
    acknowledged: AtomicU32,
    refused: AtomicU32,
    enough: AtomicBool,
}

impl Writer {
    /// Writes until there are enough: text, id and place of all that was acknowledged.
    async fn run(mut self) -> Vec<(String, i64, i64)> {
        let mut written = Vec::new();
        while !self.tally.enough.load(Ordering::Relaxed) {
            let (text, id) = (format!("{} {}", self.name, written.len()), written.len() + 1);
            let id = format!("{:08x}-0000-4000-8000-{id:012x}", self.number);
            let params = json!({ "receiverId": self.receiver, "content": text, "clientMessageId": id });
            let (message, seq) = self.acknowledge(&request("privateMessage", params)).await;
            written.push((text, message, seq));
            self.tally.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        written
    }

    async fn acknowledge(&mut self, frame: &str) -> (i64, i64) {
        loop {
            let reply: Value = serde_json::from_str(&self.socket.ask_text(frame).await).unwrap();
            if reply["success"] == true {
                let number = |key: &str| reply["params"][key].as_i64().unwrap();
                return (number("messageId"), number("seq"));
            }
            assert_eq!(reply["code"], "unavailable", "{reply}");
            self.tally.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Waits until every counter has grown by so much.
async fn grow(what: &str, counters: &[&AtomicU32], by: u32) {
    let goals: Vec<_> = counters.iter().map(|counter| counter.load(Ordering::Relaxed) + by).collect();
    let grown =
        || counters.iter().zip(&goals).all(|(counter, goal)| counter.load(Ordering::Relaxed) >= *goal);
    until(what, async || grown().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_crash_of_postgres_refuses_sends_for_a_while_and_loses_no_acknowledged_one() {
    let mut cluster = Cluster::start(ClusterOptions {
        gateways: 2,
        settings: &[("GATEWAY_SEND_PATIENCE_MS", "300")],
        postgres: Some(private_postgres(Durability::Durable, &[])),
        ..ClusterOptions::default()
    })
    .await;
    let people = People::of(&cluster);
    let (ann, eve, bob) = (people.join("Ann").await, people.join("Eve").await, people.join("Bob").await);
    let mut devices = [bob.socket(&cluster, 0).await, bob.socket(&cluster, 1).await];
    let tallies = [Arc::<Tally>::default(), Arc::default()];
    let mut writers = JoinSet::new();
    for (number, (person, name)) in (1..).zip([(&ann, "Ann"), (&eve, "Eve")]) {
        let (gateway, tally) = (number as usize - 1, Arc::clone(&tallies[number as usize - 1]));
        let socket = person.socket(&cluster, gateway).await;
        writers.spawn(Writer { socket, name, receiver: bob.id, number, tally }.run());
    }
    let acknowledged = tallies.each_ref().map(|tally| &tally.acknowledged);
    let refused = tallies.each_ref().map(|tally| &tally.refused);

    grow("at first", &acknowledged, MESSAGES).await;
    cluster.postgres().stop_immediate().unwrap();
    grow("while it is away", &refused, 1).await;
    all_say_so(&cluster, &people).await;
    cluster.postgres().start_again().unwrap();
    grow("once it is back", &acknowledged, MESSAGES).await;
    cluster.postgres().restart_immediate().unwrap();
    grow("after a quick restart", &acknowledged, MESSAGES).await;
    for admin in [cluster.gateway(0).admin(), cluster.gateway(1).admin(), cluster.accounts().admin()] {
        readiness(admin, 200).await;
    }
    tallies.iter().for_each(|tally| tally.enough.store(true, Ordering::Relaxed));
    let written = writers.join_all().await.concat();

    let log = cluster.messages().await;
    let sound = "SELECT count(*) = c.last_seq AND max(e.seq) = c.last_seq AND count(DISTINCT e.body) = count(*) \
         FROM conversations c JOIN entries e ON e.conversation_id = c.id GROUP BY c.id";
    let rows = log.query(sound, &[]).await.unwrap();
    assert!(rows.len() == 2 && rows.iter().all(|row| row.get(0)), "{rows:?}");
    for (text, id, seq) in &written {
        let row = log.query_one("SELECT body, seq FROM entries WHERE id = $1", &[id]).await.unwrap();
        assert_eq!((row.get::<_, &str>(0), row.get::<_, i64>(1)), (text.as_str(), *seq));
    }
    let stored: i64 = log.query_one("SELECT count(*) FROM entries", &[]).await.unwrap().get(0);
    assert_eq!(stored, written.len() as i64, "every writer ended with an acknowledged message");
    for device in &mut devices {
        hears_all(device, stored, [ann.id, eve.id]).await;
    }
}

/// Whoever is asked meanwhile says that it passes.
async fn all_say_so(cluster: &Cluster, people: &People) {
    for admin in [cluster.gateway(0).admin(), cluster.gateway(1).admin(), cluster.accounts().admin()] {
        let reasons = readiness(admin, 503).await;
        assert!(reasons.contains("postgres: ") && !reasons.contains("127.0.0.1"), "{reasons}");
    }
    let body = json!({ "email": "nobody@mail.com", "password": "correct horse" }).to_string();
    let (status, body) = people.accounts.raw(Method::POST, "/auth/login", None, Some(body)).await.unwrap();
    assert!(status == 503 && body.contains("\"unavailable\""), "{status} {body}");
}

/// On the one socket of all this time, each sender's messages come once, in order, none left out.
async fn hears_all(device: &mut Socket, count: i64, senders: [i64; 2]) {
    let mut seen = senders.map(|sender| (sender, 0));
    for _ in 0..count {
        let push = device.push("privateMessage").await;
        let (_, seq) = seen.iter_mut().find(|(sender, _)| push["senderId"] == *sender).unwrap();
        *seq += 1;
        assert_eq!(push["seq"], *seq, "{push}");
    }
    assert!(seen.iter().all(|(_, seq)| *seq > 0));
}
