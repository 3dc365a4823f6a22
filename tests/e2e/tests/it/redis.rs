//! Redis is the doorbell, not the log: without it messages are stored and delivered all the same, a little later.

use std::cell::Cell;
use std::time::Duration;

use messenger_backing::Durability;
use messenger_client::socket::Connection;
use messenger_client::wire::PrivateMessage;
use messenger_support::{Cluster, ClusterOptions, private_postgres, private_redis};
use tokio::time::{Instant, timeout};

use crate::people::{People, Person, SOON};

/// What a delivery may take from the answer to the sender on, without Redis.
const WITHOUT_REDIS: Duration = Duration::from_secs(1);
/// So rarely that a delivery in time was rung for.
const SWEEP_HARDLY_EVER: (&str, &str) = ("GATEWAY_SWEEP_MS", "60000");

struct Pair {
    cluster: Cluster,
    receiver: Person,
    a: Connection,
    b: Connection,
    count: u32,
}

impl Pair {
    /// Two people on two gateways; the servers are their own, so that no other test's transactions hold up the log.
    async fn new(settings: &[(&str, &str)]) -> Self {
        let cluster = Cluster::start(ClusterOptions {
            gateways: 2,
            settings,
            postgres: Some(private_postgres(Durability::Disposable, &[])),
            redis: Some(private_redis()),
            ..ClusterOptions::default()
        })
        .await;
        let people = People::of(&cluster);
        let (sender, receiver) = (people.join("Ann").await, people.join("Bob").await);
        let (a, b) = (sender.connect(&cluster, 0).await, receiver.connect(&cluster, 1).await);
        let mut pair = Self { cluster, receiver, a, b, count: 0 };
        pair.deliver(SOON).await;
        pair
    }

    /// Sends a message; how long after the answer it arrived, or that it did not within `limit`.
    async fn try_deliver(&mut self, limit: Duration) -> Option<Duration> {
        self.count += 1;
        let content = format!("message {}", self.count);
        let message =
            PrivateMessage { receiver_id: self.receiver.id, content: &content, client_message_id: None };
        self.a.request(&message).await.unwrap();
        let answered = Instant::now();
        let arrived = async {
            // What came late for an earlier call comes first.
            while self.b.recv().await.unwrap().delivery().unwrap().text != content {}
        };
        timeout(limit, arrived).await.ok().map(|()| answered.elapsed())
    }

    async fn deliver(&mut self, limit: Duration) {
        let took = self.try_deliver(limit).await;
        assert!(took.is_some(), "message {} did not come within {limit:?}", self.count);
    }

    /// Waits until both gateways have said for the `times`th time that their subscriptions are well, or not.
    async fn told(&self, healthy: bool, times: u32) {
        let wanted = format!("\"healthy\":{healthy}");
        for gateway in 0..2 {
            let count = Cell::new(0);
            let nth = |line: &str| {
                count.set(count.get() + u32::from(line.contains(&wanted)));
                count.get() == times
            };
            self.cluster.gateway(gateway).log().wait_for(SOON, nth).await.unwrap();
        }
    }

    /// Sends until five messages in a row come in time: the sweep after a reconnect can have helped one of them, and
    /// the rings that were under way when a connection broke are lost.
    async fn rings_are_back(&mut self) {
        let deadline = Instant::now() + SOON;
        let mut in_a_row = 0;
        while in_a_row < 5 {
            assert!(Instant::now() < deadline, "rings do not come back");
            let came = self.try_deliver(WITHOUT_REDIS).await.is_some();
            in_a_row = if came { in_a_row + 1 } else { 0 };
        }
    }

    /// Has Redis cut all connections of a kind.
    fn cut(&self, kind: &str) {
        let mut admin = ::redis::Client::open(self.cluster.redis_url()).unwrap().get_connection().unwrap();
        let mut kill = ::redis::cmd("CLIENT");
        kill.arg("KILL").arg("TYPE").arg(kind).arg("SKIPME").arg("yes");
        let cut: u32 = kill.query(&mut admin).unwrap();
        assert!(cut >= 2, "two gateways had {cut} connections of type {kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_come_within_a_second_while_redis_is_stopped_or_frozen() {
    let mut pair = Pair::new(&[]).await;
    pair.cluster.redis().freeze().unwrap();
    for _ in 0..10 {
        pair.deliver(WITHOUT_REDIS).await;
    }
    pair.cluster.redis().stop_immediate().unwrap();
    for _ in 0..10 {
        pair.deliver(WITHOUT_REDIS).await;
    }
    pair.cluster.redis().start_again().unwrap();
    for _ in 0..10 {
        pair.deliver(WITHOUT_REDIS).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rings_are_back_after_redis_is_and_after_it_cut_the_connections() {
    let mut pair = Pair::new(&[SWEEP_HARDLY_EVER]).await;
    pair.told(true, 1).await;
    pair.cluster.redis().stop_immediate().unwrap();
    pair.told(false, 1).await;
    pair.deliver(SOON).await;
    pair.cluster.redis().start_again().unwrap();
    pair.told(true, 2).await;
    pair.rings_are_back().await;

    pair.cut("pubsub");
    pair.told(true, 3).await;
    pair.rings_are_back().await;
    pair.cut("normal");
    pair.rings_are_back().await;
}
