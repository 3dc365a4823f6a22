//! Replicas on one real log, with a bus in memory that loses what it is told to lose.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use messenger_chassis::migrate;
use messenger_chassis::postgres::{Pooler, PostgresConfig, connection_config, pool};
use messenger_support::TestDatabase;
use tokio::time::timeout;
use uuid::Uuid;

use super::*;
use crate::directory::StaticDirectory;
use crate::domain::content::GroupName;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::event::{Author, Watermark};
use crate::hub::{Drained, EndedLimits, OutboxLimits};
use crate::sabotage::Sabotage;
use crate::store::{Draft, Locked, Outcome, StoreConfig, migrations};

const MANY: i64 = 1_000;
const BOUNDS: Bounds = Bounds { held_bytes: 1 << 20, tracked: 1_000 };
/// Transactions of other tests on the same server hold the sweeps back while they run.
const PATIENCE: Duration = Duration::from_secs(60);

/// What ties the replicas together.
#[derive(Default)]
struct Network {
    replicas: Mutex<Vec<(Arc<Wanted>, Arc<Delivery>)>>,
    loses: AtomicBool,
}

#[derive(Default)]
struct Wanted(Mutex<HashMap<Channel, usize>>);

struct MemoryBus {
    network: Arc<Network>,
    wanted: Arc<Wanted>,
}

impl Bus for MemoryBus {
    fn ring(&self, channels: &[Channel], event: &Event, _: Option<&str>) {
        if self.network.loses.load(Ordering::Relaxed) {
            return;
        }
        for (wanted, delivery) in self.network.replicas.lock().unwrap().iter() {
            let wanted = wanted.0.lock().unwrap();
            for _ in channels.iter().filter(|channel| wanted.contains_key(channel)) {
                delivery.rang(Rung::Event(event.clone()), None);
            }
        }
    }

    fn ring_watermark(&self, channels: &[Channel], watermark: &Watermark) {
        if self.network.loses.load(Ordering::Relaxed) {
            return;
        }
        for (wanted, delivery) in self.network.replicas.lock().unwrap().iter() {
            let wanted = wanted.0.lock().unwrap();
            for _ in channels.iter().filter(|channel| wanted.contains_key(channel)) {
                delivery.rang(Rung::Watermark(*watermark), None);
            }
        }
    }

    fn join(&self, channel: Channel) {
        *self.wanted.0.lock().unwrap().entry(channel).or_default() += 1;
    }

    fn leave(&self, channel: Channel) {
        let mut wanted = self.wanted.0.lock().unwrap();
        let reasons = wanted.get_mut(&channel).expect("nobody leaves what nobody joined");
        *reasons -= 1;
        if *reasons == 0 {
            wanted.remove(&channel);
        }
    }

    fn is_healthy(&self) -> bool {
        !self.network.loses.load(Ordering::Relaxed)
    }
}

struct Cluster {
    database: TestDatabase,
    store: Store,
    network: Arc<Network>,
    replicas: Vec<(Arc<Delivery>, Arc<Wanted>)>,
    tasks: Tasks,
    bounds: Bounds,
}

/// Ends the sweeps before their database goes: a DROP that has to fight for it holds the sweeps of other tests back.
impl Drop for Cluster {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
    }
}

/// A socket, with all that it was told so far.
struct Listening {
    attachment: Attachment,
    heard: Vec<serde_json::Value>,
}

async fn cluster(replicas: usize) -> Cluster {
    let database = messenger_support::database().await;
    let url = database.url_for("messaging").into();
    let config = PostgresConfig {
        url,
        ca: None,
        pooler: Pooler::None,
        connections: 8,
        wait: PATIENCE,
        statement: PATIENCE,
    };
    migrate::run(&connection_config(&config).unwrap(), migrations::runner()).await.unwrap();
    let store = Store::new(pool(&config).unwrap(), StoreConfig { call: PATIENCE });
    let (network, tasks) = (Arc::new(Network::default()), Tasks::new());
    let mut cluster = Cluster { database, store, network, replicas: Vec::new(), tasks, bounds: BOUNDS };
    for _ in 0..replicas {
        cluster.add_replica();
    }
    cluster
}

fn session(number: i64) -> SessionId {
    SessionId(Uuid::from_u128(number.unsigned_abs().into()))
}

impl Cluster {
    fn add_replica(&mut self) {
        let sweep =
            SweepConfig { interval: Duration::from_millis(50), interval_in_doubt: Duration::from_millis(20) };
        let (bounds, sabotage) = (self.bounds, Sabotage::default());
        let config = DeliveryConfig { workers: 2, queue: 1_000, log_reads: 4, bounds, sweep, sabotage };
        let limits = OutboxLimits { soft_bytes: 1 << 16, bytes: 1 << 20, frames: 10_000 };
        let hub = Arc::new(Hub::new(limits, 16, EndedLimits::default()));
        let wanted = Arc::new(Wanted::default());
        let bus = MemoryBus { network: Arc::clone(&self.network), wanted: Arc::clone(&wanted) };
        let directory = StaticDirectory::of(&[(1, "One"), (2, "Two"), (3, "Three")]);
        let store = self.store.clone();
        let delivery = Delivery::start(config, hub, Arc::new(bus), store, Arc::new(directory), &self.tasks);
        self.network.replicas.lock().unwrap().push((Arc::clone(&wanted), Arc::clone(&delivery)));
        self.replicas.push((delivery, wanted));
    }

    async fn connect(&self, replica: usize, user: i64) -> Listening {
        self.connect_as(Dialect::Seed, replica, user).await
    }

    async fn connect_as(&self, dialect: Dialect, replica: usize, user: i64) -> Listening {
        let attachment = self.replicas[replica].0.attach(UserId(user), session(user), dialect).await.unwrap();
        Listening { attachment, heard: Vec::new() }
    }

    fn lose_rings(&self, lose: bool) {
        self.network.loses.store(lose, Ordering::Relaxed);
    }

    /// Stores a message through a replica, as a lane does.
    async fn send(&self, replica: usize, to: ConversationId, from: i64, peer: Option<i64>, text: &str) {
        let draft = Draft {
            conversation: to,
            sender: UserId(from),
            recipient: peer.map(UserId),
            client_id: Uuid::new_v4(),
            uuid: Uuid::now_v7(),
            content: text.into(),
            target: None,
        };
        let Outcome::Stored { seq, id, created_at } =
            self.store.send(&[&draft], Locked::Wait).await.unwrap()[0]
        else {
            panic!("stored");
        };
        let entry = Entry {
            conversation: to,
            seq,
            id,
            uuid: draft.uuid,
            kind: EntryKind::Message,
            sender: draft.sender,
            recipient: draft.recipient,
            client_id: draft.client_id,
            target: None,
            body: draft.content,
            created_at,
            deleted_at: None,
        };
        self.commit(replica, entry);
    }

    fn commit(&self, replica: usize, entry: Entry) {
        self.replicas[replica]
            .0
            .committed(Event { entry, author: Author::default(), subject: Author::default() }, None);
    }

    async fn dialog(&self, a: i64, b: i64) -> ConversationId {
        self.store.open_dialog(UserId(a), UserId(b), MANY).await.unwrap().unwrap()
    }

    async fn group(&self, replica: usize, owner: i64) -> ConversationId {
        let name = GroupName::parse("g").unwrap();
        let entry = self.store.create_group(UserId(owner), &name, MANY).await.unwrap().unwrap();
        let group = entry.conversation;
        self.commit(replica, entry);
        group
    }

    async fn add(&self, replica: usize, group: ConversationId, actor: i64, user: i64) {
        let added = self.store.add_member(group, UserId(actor), UserId(user), MANY, MANY).await;
        self.commit(replica, added.unwrap().unwrap());
    }

    async fn leave(&self, replica: usize, group: ConversationId, user: i64) {
        let left = self.store.leave_group(group, UserId(user)).await.unwrap().unwrap();
        self.commit(replica, left);
    }
}

impl Listening {
    /// Waits until this text was heard, and returns all messages heard up to then.
    async fn until(&mut self, text: &str) -> Vec<String> {
        self.until_it(|socket| socket.messages().iter().any(|heard| heard == text), text).await;
        self.messages()
    }

    /// Waits until what was heard is enough.
    async fn until_it(&mut self, is_enough: impl Fn(&Self) -> bool, what: &str) {
        let outbox = Arc::clone(self.attachment.outbox());
        let wait = async {
            while !is_enough(self) {
                outbox.ready().await;
                let mut frames = Vec::new();
                assert_eq!(outbox.drain(&mut frames), Drained::Open);
                self.heard.extend(frames.iter().map(|frame| serde_json::from_slice(&frame.text).unwrap()));
            }
        };
        let heard = timeout(PATIENCE, wait).await;
        heard.unwrap_or_else(|_| panic!("{what:?} was not heard, but {:?}", self.heard));
    }

    fn messages(&self) -> Vec<String> {
        self.heard.iter().map(|frame| frame["params"]["message"].as_str().unwrap().to_owned()).collect()
    }
}

fn numbered(range: std::ops::RangeInclusive<i64>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn a_dialog_is_heard_everywhere_in_order() {
    let cluster = cluster(3).await;
    let dialog = cluster.dialog(1, 2).await;
    let mut sockets = Vec::new();
    for (replica, user) in [(0, 1), (1, 1), (1, 2), (2, 2)] {
        sockets.push(cluster.connect(replica, user).await);
    }
    let mut stranger = cluster.connect(1, 3).await;
    for number in 1..=20 {
        let (from, peer) = if number % 2 == 0 { (1, 2) } else { (2, 1) };
        cluster.send(number as usize % 3, dialog, from, Some(peer), &number.to_string()).await;
    }
    for socket in &mut sockets {
        assert_eq!(socket.until("20").await, numbered(1..=20));
    }
    let own = cluster.dialog(3, 3).await;
    cluster.send(0, own, 3, Some(3), "mine").await;
    assert_eq!(stranger.until("mine").await, ["mine"]);
}

#[tokio::test]
async fn without_rings_the_sweep_delivers_in_order() {
    let cluster = cluster(2).await;
    let (dialog, group) = (cluster.dialog(1, 2).await, cluster.group(0, 1).await);
    cluster.add(0, group, 1, 2).await;
    cluster.lose_rings(true);
    let mut socket = cluster.connect(1, 2).await;
    for number in 1..=30 {
        match number % 2 {
            0 => cluster.send(0, dialog, 1, Some(2), &number.to_string()).await,
            _ => cluster.send(0, group, 1, None, &number.to_string()).await,
        }
    }
    socket.until("29").await;
    let heard = socket.until("30").await;
    let of = |odd: i64| {
        heard.iter().filter(|text| text.parse::<i64>().unwrap() % 2 == odd).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of(0), numbered(1..=30).into_iter().skip(1).step_by(2).collect::<Vec<_>>());
    assert_eq!(of(1), numbered(1..=30).into_iter().step_by(2).collect::<Vec<_>>());
}

#[tokio::test]
async fn rings_lost_in_between_leave_no_hole() {
    let cluster = cluster(2).await;
    let dialog = cluster.dialog(1, 2).await;
    let mut socket = cluster.connect(1, 2).await;
    for number in 1..=60 {
        cluster.lose_rings(number % 3 == 0 || (30..40).contains(&number));
        cluster.send(0, dialog, 1, Some(2), &number.to_string()).await;
    }
    assert_eq!(socket.until("60").await, numbered(1..=60));
}

#[tokio::test]
async fn a_member_hears_from_the_joining_to_the_leaving() {
    for lose in [false, true] {
        let cluster = cluster(2).await;
        let group = cluster.group(0, 1).await;
        cluster.lose_rings(lose);
        let (mut owner, mut member) = (cluster.connect(0, 1).await, cluster.connect(1, 2).await);
        cluster.send(0, group, 1, None, "before").await;
        cluster.add(0, group, 1, 2).await;
        cluster.send(0, group, 1, None, "during").await;
        member.until("during").await;
        cluster.leave(1, group, 2).await;
        cluster.send(0, group, 1, None, "after").await;
        assert!(owner.until("after").await.iter().any(|text| text.contains("has left")));
        // What is heard of a later dialog proves that nothing of the group is still on its way.
        let dialog = cluster.dialog(1, 2).await;
        cluster.send(0, dialog, 1, Some(2), "end").await;
        let heard = member.until("end").await;
        assert_eq!(heard.len(), 3, "{heard:?}");
        assert!(heard[0].contains("added in group"));
        assert_eq!(heard[1..], ["during", "end"]);
    }
}

#[tokio::test]
async fn who_comes_back_hears_what_is_new_and_not_what_was_missed() {
    let cluster = cluster(2).await;
    let (dialog, group) = (cluster.dialog(1, 2).await, cluster.group(0, 1).await);
    cluster.add(0, group, 1, 2).await;
    let mut first = cluster.connect(1, 2).await;
    cluster.send(0, dialog, 1, Some(2), "first").await;
    first.until("first").await;
    drop(first);
    for number in 1..=5 {
        cluster.send(0, dialog, 1, Some(2), &number.to_string()).await;
        cluster.send(0, group, 1, None, &number.to_string()).await;
    }
    let gone = async {
        while cluster.replicas[1].1.0.lock().unwrap().contains_key(&Channel::Conversation(group)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the group is given up when its last member here is gone");
    let mut second = cluster.connect(1, 2).await;
    cluster.send(0, group, 1, None, "new in the group").await;
    cluster.send(0, dialog, 1, Some(2), "new").await;
    second.until("new in the group").await;
    let mut heard = second.until("new").await;
    heard.sort();
    assert_eq!(heard, ["new", "new in the group"]);
}

mod attaching;
mod bounds;
mod endings;
mod forged;
mod v2;
