//! The use cases over a real log, with a bus that remembers what it was told.

mod authority;
mod blocks;
mod groups;
mod reading;
mod sending;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use messenger_chassis::lifecycle::Tasks;
use messenger_chassis::migrate;
use messenger_chassis::postgres::{Pooler, PostgresConfig, connection_config, pool};
use messenger_support::TestDatabase;
use tokio_util::sync::DropGuard;

use super::*;
use crate::delivery::{Bounds, DeliveryConfig, SweepConfig};
use crate::directory::StaticDirectory;
use crate::domain::command::{Destination, Send};
use crate::domain::content::{Content, GroupName};
use crate::domain::event::{Event, Watermark};
use crate::domain::ids::Seq;
use crate::domain::page::Limit;
use crate::domain::reply::{Place, Receipt};
use crate::fanout::{Bus, Channel};
use crate::hub::{EndedLimits, Hub, OutboxLimits};
use crate::lanes::LaneConfig;
use crate::sabotage::Sabotage;
use crate::store::{StoreConfig, migrations};

const PATIENCE: Duration = Duration::from_secs(60);
const BOUNDS: Bounds = Bounds { held_bytes: 1 << 20, tracked: 1_000 };

/// Remembers what it was told.
#[derive(Default)]
struct DeafBus {
    events: Mutex<Vec<Event>>,
    watermarks: Mutex<Vec<Watermark>>,
}

impl Bus for DeafBus {
    fn ring(&self, _: &[Channel], event: &Event, _: Option<&str>) {
        self.events.lock().unwrap().push(event.clone());
    }
    fn ring_watermark(&self, _: &[Channel], watermark: &Watermark) {
        self.watermarks.lock().unwrap().push(*watermark);
    }
    fn join(&self, _: Channel) {}
    fn leave(&self, _: Channel) {}
    fn is_healthy(&self) -> bool {
        true
    }
}

struct Fixture {
    _stop: DropGuard,
    _database: TestDatabase,
    messenger: Messenger,
    directory: Arc<StaticDirectory>,
    bus: Arc<DeafBus>,
}

/// Users 1 to 6 with names, in groups of at most five.
async fn fixture() -> Fixture {
    let names = [(1, "Ann"), (2, "Bob"), (3, "Cid"), (4, "Dan"), (5, "Eve"), (6, "Fay")];
    let known = Arc::new(StaticDirectory::of(&names));
    fixture_with(Arc::clone(&known) as Arc<_>, known).await
}

/// Asks `directory`, whatever is `known`.
async fn fixture_with(directory: Arc<dyn Directory>, known: Arc<StaticDirectory>) -> Fixture {
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
    let sweep = SweepConfig { interval: PATIENCE, interval_in_doubt: PATIENCE };
    let sabotage = Sabotage::default();
    let delivery_config =
        DeliveryConfig { workers: 1, queue: 1_000, log_reads: 2, bounds: BOUNDS, sweep, sabotage };
    let bus = Arc::new(DeafBus::default());
    let hub = Arc::new(Hub::new(
        OutboxLimits { soft_bytes: 1 << 16, bytes: 100_000, frames: 1_000 },
        16,
        EndedLimits::default(),
    ));
    let delivery = Delivery::start(
        delivery_config,
        hub,
        Arc::clone(&bus) as Arc<_>,
        store.clone(),
        Arc::clone(&directory),
        &tasks,
    );
    let lane_config =
        LaneConfig { lanes: 1, queue: 1_000, batch: 64, patience: PATIENCE, parked: 1_000, waits: 2 };
    let lanes = Lanes::start(lane_config, &store, &delivery, &tasks);
    let limits = Limits {
        group_members: 5,
        conversations: 50,
        blocked_users: 3,
        dialogs_cached: 100,
        receipt_members: 2,
    };
    let messenger = Messenger::new(store.clone(), rested(store, &tasks), lanes, delivery, directory, limits);
    Fixture {
        _stop: tasks.stop().clone().drop_guard(),
        _database: database,
        messenger,
        directory: known,
        bus,
    }
}

impl Fixture {
    async fn ask(&self, user: i64, command: Command) -> Result<Reply, GatewayError> {
        let caller = Caller { user: UserId(user), claimed: Author::default() };
        self.messenger.start(&caller, command).await.finish().await
    }

    async fn send(&self, user: i64, to: Destination, text: &str) -> Result<Receipt, GatewayError> {
        let content = Content::parse(text, 1 << 20).unwrap();
        let send = Send { to, content, client_id: None, reply_to: None };
        match self.ask(user, Command::Send(send)).await? {
            Reply::Sent { receipt, .. } => Ok(receipt),
            other => panic!("{other:?}"),
        }
    }

    /// The dialog of two users, with so many messages of the first.
    async fn dialog(&self, user: i64, peer: i64, messages: usize, text: &str) -> ConversationId {
        let mut dialog = None;
        for _ in 0..messages {
            dialog = Some(self.send(user, Destination::User(UserId(peer)), text).await.unwrap().conversation);
        }
        dialog.unwrap()
    }

    /// A group of which the first is the owner.
    async fn group(&self, users: &[i64]) -> ConversationId {
        let create = Command::CreateGroup { name: name("g"), key: None };
        let Ok(Reply::GroupCreated(group, _)) = self.ask(users[0], create).await else { panic!("created") };
        for user in &users[1..] {
            self.ask(users[0], Command::AddMember { group, user: UserId(*user) }).await.unwrap();
        }
        group
    }

    fn rung(&self) -> usize {
        self.bus.events.lock().unwrap().len()
    }
}

fn name(text: &str) -> GroupName {
    GroupName::parse(text).unwrap()
}

fn limit(rows: i64) -> Limit {
    Limit::new(rows).unwrap()
}

fn seqs(places: &[Place]) -> Vec<i64> {
    let seq = |place: &Place| match place {
        Place::Event(event) => event.entry.seq.0,
        Place::Unreadable(_, seq) => seq.0,
    };
    places.iter().map(seq).collect()
}

fn event(place: &Place) -> &Event {
    match place {
        Place::Event(event) => event,
        Place::Unreadable(..) => panic!("unreadable"),
    }
}
