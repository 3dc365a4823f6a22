//! A session over a wire in memory: what a client sees, without a network.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::{Sink, Stream};
use messenger_chassis::lifecycle::Tasks;
use messenger_chassis::migrate;
use messenger_chassis::postgres::{Pooler, PostgresConfig, connection_config, pool};
use messenger_support::TestDatabase;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use super::*;
use crate::delivery::{Bounds, Delivery, DeliveryConfig, SweepConfig};
use crate::directory::{Directory, StaticDirectory};
use crate::domain::event::{Author, Event, Watermark};
use crate::domain::ids::{SessionId, UserId, Xid};
use crate::domain::sync::{Epoch, Sync};
use crate::fanout::{Bus, Channel};
use crate::hub::{EndedLimits, Hub, OutboxLimits};
use crate::lanes::{LaneConfig, Lanes};
use crate::sabotage::Sabotage;
use crate::store::{Store, StoreConfig, migrations};
use crate::usecase;

const PATIENCE: Duration = Duration::from_secs(20);
const BOUNDS: Bounds = Bounds { held_bytes: 1 << 20, tracked: 1_000 };

/// One replica needs no bus.
struct NoBus;

impl Bus for NoBus {
    fn ring(&self, _: &[Channel], _: &Event, _: Option<&str>) {}
    fn ring_watermark(&self, _: &[Channel], _: &Watermark) {}
    fn join(&self, _: Channel) {}
    fn leave(&self, _: Channel) {}
    fn is_healthy(&self) -> bool {
        true
    }
}

/// The server's end of the wire. While `stalled`, nothing can be written.
struct MemoryWire {
    inbound: mpsc::Receiver<Result<Inbound, Close>>,
    outbound: mpsc::Sender<Outbound>,
    stalled: Arc<AtomicBool>,
}

impl Stream for MemoryWire {
    type Item = Result<Inbound, Close>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inbound.poll_recv(cx)
    }
}

impl Sink<Outbound> for MemoryWire {
    type Error = Gone;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        if self.stalled.load(Ordering::Relaxed) { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn start_send(self: Pin<&mut Self>, item: Outbound) -> Result<(), Gone> {
        self.outbound.try_send(item).map_err(|_| Gone)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }
}

/// The session of every socket here.
const SESSION: SessionId = SessionId(Uuid::from_u128(1));

/// Takes `good:<user>` for another hour, and breaks at `broken`.
struct Tokens;

impl Renewal for Tokens {
    fn renew(&self, user: UserId, session: SessionId, token: &Token) -> Result<Renewed, GatewayError> {
        assert_ne!(&*token.0, "broken", "a fault of ours");
        if *token.0 != format!("good:{user}") || session != SESSION {
            return Err(GatewayError::Unauthorized);
        }
        let until = "2026-07-28T13:20:09.896Z".parse().unwrap();
        Ok(Renewed { until, expires_at: Instant::now() + Duration::from_secs(3600) })
    }
}

fn greeting(user: i64) -> Greeting {
    Greeting {
        connection: "c1".to_owned(),
        node: "n1".to_owned(),
        user: UserId(user),
        heartbeat_ms: 25_000,
        epoch: Epoch { id: Uuid::nil(), tag: None },
        sync: Sync { xid: Xid(7), epoch: None },
        server_time: "2026-07-28T13:20:09.896Z".parse().unwrap(),
        expires_at: "2026-07-28T14:20:09.896Z".parse().unwrap(),
        content_bytes: 1_000,
        frame_bytes: 65_536,
        in_flight: 8,
    }
}

struct Replica {
    _stop: DropGuard,
    database: TestDatabase,
    store: Store,
    delivery: Arc<Delivery>,
    messenger: Arc<Messenger>,
}

struct Client {
    requests: Option<mpsc::Sender<Result<Inbound, Close>>>,
    frames: mpsc::Receiver<Outbound>,
    stalled: Arc<AtomicBool>,
    session: JoinHandle<()>,
}

fn config() -> SessionConfig {
    SessionConfig {
        ping_after: PATIENCE,
        dead_after: 2 * PATIENCE,
        write_stall: PATIENCE,
        close_grace: Duration::from_secs(5),
        in_flight: 8,
        frames: None,
        limits: Limits { content_bytes: 1_000 },
    }
}

async fn replica() -> Replica {
    let database = messenger_support::database().await;
    let postgres = PostgresConfig {
        url: database.url_for("messaging").into(),
        ca: None,
        pooler: Pooler::None,
        connections: 6,
        wait: PATIENCE,
        statement: PATIENCE,
    };
    migrate::run(&connection_config(&postgres).unwrap(), migrations::runner()).await.unwrap();
    let store = Store::new(pool(&postgres).unwrap(), StoreConfig { call: PATIENCE });
    let tasks = Tasks::new();
    let sweep =
        SweepConfig { interval: Duration::from_millis(50), interval_in_doubt: Duration::from_millis(50) };
    let sabotage = Sabotage::default();
    let delivery_config =
        DeliveryConfig { workers: 1, queue: 1_000, log_reads: 2, bounds: BOUNDS, sweep, sabotage };
    let directory: Arc<dyn Directory> = Arc::new(StaticDirectory::of(&[(1, "Patrick0"), (2, "Patrick1")]));
    let hub = Arc::new(Hub::new(
        OutboxLimits { soft_bytes: 1 << 16, bytes: 100_000, frames: 1_000 },
        16,
        EndedLimits::default(),
    ));
    let delivery =
        Delivery::start(delivery_config, hub, Arc::new(NoBus), store.clone(), Arc::clone(&directory), &tasks);
    let lane_config =
        LaneConfig { lanes: 1, queue: 1_000, batch: 64, patience: PATIENCE, waits: 2, parked: 1_000 };
    let lanes = Lanes::start(lane_config, &store, &delivery, &tasks);
    let limits = usecase::Limits {
        group_members: 10,
        conversations: 10,
        blocked_users: 10,
        dialogs_cached: 100,
        receipt_members: 5,
    };
    let rested = usecase::rested(store.clone(), &tasks);
    let messenger = Messenger::new(store.clone(), rested, lanes, delivery.clone(), directory, limits);
    Replica {
        _stop: tasks.stop().clone().drop_guard(),
        database,
        store,
        delivery,
        messenger: Arc::new(messenger),
    }
}

impl Replica {
    async fn connect(&self, user: i64, config: SessionConfig) -> Client {
        self.connect_until(user, config, Instant::now() + Duration::from_secs(3600)).await
    }

    async fn connect_until(&self, user: i64, config: SessionConfig, expires_at: Instant) -> Client {
        self.open(user, Dialect::Seed, config, expires_at).await
    }

    #[expect(clippy::disallowed_methods, reason = "the test joins it")]
    async fn open(&self, user: i64, dialect: Dialect, config: SessionConfig, expires_at: Instant) -> Client {
        let (requests, inbound) = mpsc::channel(1_000);
        let (outbound, frames) = mpsc::channel(1_000);
        let stalled = Arc::new(AtomicBool::new(false));
        let wire = MemoryWire { inbound, outbound, stalled: Arc::clone(&stalled) };
        let attachment = self.delivery.attach(UserId(user), SESSION, dialect).await.unwrap();
        let caller = Caller { user: UserId(user), claimed: Author::default() };
        let opening = Opening { dialect, caller, greeting: greeting(user), expires_at };
        let messenger = Arc::clone(&self.messenger);
        let session = Session::new(wire, opening, attachment, messenger, Arc::new(Tokens), config);
        Client { requests: Some(requests), frames, stalled, session: tokio::spawn(session.run()) }
    }
}

impl Client {
    fn ask(&self, frame: &Value) {
        let text = Inbound::Text(frame.to_string().into());
        self.requests.as_ref().unwrap().try_send(Ok(text)).unwrap();
    }

    fn send(&self, receiver: i64, content: &str) {
        self.ask(&json!({"type": "privateMessage", "requestId": content,
            "params": {"receiverId": receiver, "content": content}}));
    }

    async fn next(&mut self) -> Option<Outbound> {
        timeout(PATIENCE, self.frames.recv()).await.expect("something is written in time")
    }

    async fn frame(&mut self) -> Value {
        match self.next().await {
            Some(Outbound::Text(text)) => serde_json::from_slice(&text).unwrap(),
            other => panic!("a text, not {other:?}"),
        }
    }

    async fn closed(mut self) -> Close {
        loop {
            match self.next().await {
                Some(Outbound::Close(reason)) => {
                    self.requests = None;
                    timeout(PATIENCE, self.session).await.expect("the session ends").unwrap();
                    return reason;
                }
                Some(_) => {}
                None => panic!("closed without a reason"),
            }
        }
    }
}

#[tokio::test]
async fn replies_come_in_the_order_of_the_requests_whatever_they_are() {
    let replica = replica().await;
    let mut client = replica.connect(1, config()).await;
    client.send(2, "one");
    client.send(2, "two");
    client.ask(&json!({"type": "nonsense", "requestId": 3}));
    client.ask(&json!({"type": "getlatestMessageDialog", "requestId": 4,
        "params": {"receiverId": 2, "limit": 5, "page": 1}}));
    client.send(2, "three");
    let mut ids = Vec::new();
    for _ in 0..5 {
        let frame = client.frame().await;
        if frame["requestId"] == 4 {
            let rows = frame["params"]["data"].as_array().unwrap();
            let read: Vec<_> = rows.iter().map(|row| row["content"].as_str().unwrap()).collect();
            assert_eq!(read, ["two", "one"], "a client reads its own writes, and not those to come");
        }
        ids.push(frame["requestId"].clone());
    }
    assert_eq!(ids, [json!("one"), json!("two"), json!(3), json!(4), json!("three")]);
}

#[tokio::test]
async fn far_more_requests_than_may_be_in_flight_are_all_answered() {
    let replica = replica().await;
    let mut client = replica.connect(1, config()).await;
    (0..200).for_each(|number| client.send(2, &number.to_string()));
    for number in 0..200 {
        let frame = client.frame().await;
        assert_eq!(
            (&frame["requestId"], &frame["params"]["seq"]),
            (&json!(number.to_string()), &json!(number + 1))
        );
    }
}

#[tokio::test]
async fn the_own_message_comes_as_a_reply_here_and_as_a_push_elsewhere() {
    let replica = replica().await;
    let (mut first, mut second) = (replica.connect(1, config()).await, replica.connect(1, config()).await);
    first.send(1, "to myself");
    let reply = first.frame().await;
    assert_eq!((&reply["requestId"], &reply["params"]["message"]), (&json!("to myself"), &Value::Null));
    let push = second.frame().await;
    assert_eq!(
        (&push["params"]["message"], &push["params"]["senderName"]),
        (&json!("to myself"), &json!("Patrick0"))
    );
    second.send(1, "back");
    assert_eq!(first.frame().await["params"]["message"], "back", "nothing came in between");
}

#[tokio::test]
async fn a_bad_frame_is_answered_and_a_bad_wire_closed() {
    let replica = replica().await;
    let mut client = replica.connect(1, config()).await;
    client.requests.as_ref().unwrap().try_send(Ok(Inbound::Text("{".into()))).unwrap();
    assert_eq!(client.frame().await["error"], true);
    client.requests.as_ref().unwrap().try_send(Err(Close::TooLarge)).unwrap();
    assert_eq!(client.closed().await, Close::TooLarge);
}

#[tokio::test]
async fn requests_in_flight_are_answered_before_the_close() {
    let replica = replica().await;
    let mut client = replica.connect(1, config()).await;
    (0..5).for_each(|number| client.send(2, &number.to_string()));
    client.requests.as_ref().unwrap().try_send(Err(Close::Protocol)).unwrap();
    for number in 0..5 {
        assert_eq!(client.frame().await["requestId"], number.to_string());
    }
    assert_eq!(client.closed().await, Close::Protocol);
}

#[tokio::test]
async fn a_message_whose_sender_has_left_is_stored() {
    let replica = replica().await;
    let mut client = replica.connect(1, config()).await;
    client.send(2, "first");
    client.frame().await;
    client.send(2, "last words");
    client.requests = None;
    timeout(PATIENCE, &mut client.session).await.expect("the session ends").unwrap();
    let dialog = replica.store.find_dialog(UserId(1), UserId(2)).await.unwrap().unwrap();
    let stored = async {
        let page = crate::domain::page::Page::new(1, 1).unwrap();
        while &*replica.store.dialog_history(dialog, page).await.unwrap()[0].body != "last words" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, stored).await.expect("it was taken, it is stored");
}

#[tokio::test]
async fn silence_is_pinged_then_closed() {
    let replica = replica().await;
    let quick = SessionConfig {
        ping_after: Duration::from_millis(100),
        dead_after: Duration::from_millis(300),
        ..config()
    };
    let mut client = replica.connect(1, quick).await;
    assert_eq!(client.next().await, Some(Outbound::Ping));
    client.requests.as_ref().unwrap().try_send(Ok(Inbound::Control)).unwrap();
    assert_eq!(client.next().await, Some(Outbound::Ping), "the pong was a sign of life");
    assert_eq!(client.closed().await, Close::NoHeartbeat);
}

#[tokio::test]
async fn the_socket_ends_with_its_token_even_while_it_talks() {
    let replica = replica().await;
    let mut client = replica.connect_until(1, config(), Instant::now() + Duration::from_millis(200)).await;
    let requests = client.requests.clone().unwrap();
    let talk = async {
        while requests.send(Ok(Inbound::Control)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    let ends = async {
        loop {
            match client.next().await {
                Some(Outbound::Close(reason)) => return reason,
                other => assert!(other.is_some(), "closed without a reason"),
            }
        }
    };
    tokio::select! {
        () = talk => panic!("ended without a reason"),
        reason = ends => assert_eq!(reason, Close::Unauthorized),
    }
}

#[tokio::test]
async fn a_write_that_stalls_ends_the_session() {
    let replica = replica().await;
    let quick = SessionConfig {
        write_stall: Duration::from_millis(100),
        close_grace: Duration::from_millis(100),
        ..config()
    };
    let client = replica.connect(1, quick).await;
    client.stalled.store(true, Ordering::Relaxed);
    client.send(2, "who does not listen");
    timeout(PATIENCE, client.session).await.expect("the session ends").unwrap();
}

mod rates;
mod v2;
