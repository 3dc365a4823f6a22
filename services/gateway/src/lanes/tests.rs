//! Lanes on a real log, with locks of somebody else in their way.

use std::time::Duration;

use futures_util::future::join_all;
use messenger_chassis::migrate;
use messenger_chassis::postgres::{Pooler, PostgresConfig, connection_config, pool};
use messenger_support::{Dice, TestDatabase};
use tokio::time::timeout;
use uuid::Uuid;

use super::*;
use crate::delivery::{Bounds, DeliveryConfig, SweepConfig};
use crate::directory::StaticDirectory;
use crate::domain::event::{Event, Watermark};
use crate::domain::ids::{Seq, UserId};
use crate::fanout::{Bus, Channel};
use crate::hub::{EndedLimits, Hub, OutboxLimits};
use crate::sabotage::Sabotage;
use crate::store::{StoreConfig, migrations};

/// For everything that has to come in the end, on a busy machine.
const ROOM: Duration = Duration::from_secs(60);

struct Silence;

impl Bus for Silence {
    fn ring(&self, _: &[Channel], _: &Event, _: Option<&str>) {}
    fn ring_watermark(&self, _: &[Channel], _: &Watermark) {}
    fn join(&self, _: Channel) {}
    fn leave(&self, _: Channel) {}
    fn is_healthy(&self) -> bool {
        true
    }
}

struct Fixture {
    lanes: Lanes,
    store: Store,
    database: TestDatabase,
    tasks: Tasks,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
    }
}

const CONFIG: LaneConfig =
    LaneConfig { lanes: 1, queue: 10_000, batch: 64, patience: ROOM, waits: 2, parked: 5_000 };

async fn fixture(config: LaneConfig) -> Fixture {
    let database = messenger_support::database().await;
    let postgres = PostgresConfig {
        url: database.url_for("messaging").into(),
        ca: None,
        pooler: Pooler::None,
        connections: 8,
        wait: ROOM,
        statement: Duration::from_secs(2),
    };
    migrate::run(&connection_config(&postgres).unwrap(), migrations::runner()).await.unwrap();
    let store = Store::new(pool(&postgres).unwrap(), StoreConfig { call: ROOM });
    let tasks = Tasks::new();
    let delivery = Delivery::start(
        DeliveryConfig {
            workers: 1,
            queue: 10_000,
            log_reads: 1,
            bounds: Bounds { held_bytes: 1 << 20, tracked: 1_000 },
            sweep: SweepConfig { interval: ROOM, interval_in_doubt: ROOM },
            sabotage: Sabotage::default(),
        },
        Arc::new(Hub::new(
            OutboxLimits { soft_bytes: 1 << 16, bytes: 1 << 20, frames: 10_000 },
            16,
            EndedLimits::default(),
        )),
        Arc::new(Silence),
        store.clone(),
        Arc::new(StaticDirectory::of(&[])),
        &tasks,
    );
    let lanes = Lanes::start(config, &store, &delivery, &tasks);
    Fixture { lanes, store, database, tasks }
}

impl Fixture {
    async fn dialogs(&self, count: i64) -> Vec<ConversationId> {
        let open =
            async |peer| self.store.open_dialog(UserId(1), UserId(peer), 1_000).await.unwrap().unwrap();
        join_all((2..count + 2).map(open)).await
    }

    fn submit(&self, draft: &Draft) -> oneshot::Receiver<Answer> {
        self.lanes.submit(draft.clone(), Author::default()).unwrap()
    }

    /// Holds the rows of conversations until it is told to let go.
    async fn lock(&self, conversations: &[ConversationId]) -> tokio_postgres_lock::Lock {
        tokio_postgres_lock::hold(&self.database, conversations).await
    }

    async fn texts(&self, conversation: ConversationId) -> Vec<String> {
        let rows =
            self.store.entries_between(conversation, Seq::ZERO, Seq(i64::MAX), i64::MAX).await.unwrap();
        rows.into_iter().map(|row| row.entry.unwrap().body.to_string()).collect()
    }
}

/// Row locks of another session.
mod tokio_postgres_lock {
    use super::*;

    pub(super) struct Lock(tokio_postgres::Client);

    pub(super) async fn hold(database: &TestDatabase, conversations: &[ConversationId]) -> Lock {
        let client = database.connect("messaging").await;
        let ids: Vec<_> = conversations.iter().map(|conversation| conversation.0).collect();
        client.batch_execute("BEGIN").await.unwrap();
        let lock = "SELECT 1 FROM conversations WHERE id = ANY ($1) ORDER BY id FOR UPDATE";
        client.execute(lock, &[&ids]).await.unwrap();
        Lock(client)
    }

    impl Lock {
        pub(super) async fn release(self) {
            self.0.batch_execute("COMMIT").await.unwrap();
        }
    }
}

fn draft(dialogs: &[ConversationId], dialog: usize, text: &str) -> Draft {
    Draft {
        conversation: dialogs[dialog],
        sender: UserId(1),
        recipient: Some(UserId(i64::try_from(dialog).unwrap() + 2)),
        client_id: Uuid::new_v4(),
        uuid: Uuid::now_v7(),
        content: text.into(),
        target: None,
    }
}

async fn answered(answer: oneshot::Receiver<Answer>) -> Answer {
    timeout(ROOM, answer).await.expect("an answer").expect("a live lane")
}

/// More stuck conversations than may wait: the free one is not delayed, and each goes on when its own lock is free.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_conversation_delays_no_other() {
    let fixture = fixture(CONFIG).await;
    let dialogs = fixture.dialogs(6).await;
    let forever = fixture.lock(&dialogs[..3]).await;
    let for_a_while = fixture.lock(&dialogs[3..5]).await;
    let mut stuck = Vec::new();
    for round in 0..5 {
        for dialog in 0..5 {
            stuck.push(fixture.submit(&draft(&dialogs, dialog, &format!("{round}"))));
        }
        answered(fixture.submit(&draft(&dialogs, 5, &format!("{round}")))).await.unwrap();
    }
    assert!(stuck.iter_mut().all(|answer| answer.try_recv().is_err()), "the others are locked all the while");
    for_a_while.release().await;
    let (of_freed, of_stuck): (Vec<_>, Vec<_>) = stuck.into_iter().zip(0..).partition(|(_, n)| n % 5 >= 3);
    for (answer, _) in of_freed {
        answered(answer).await.unwrap();
    }
    forever.release().await;
    for (answer, _) in of_stuck {
        answered(answer).await.unwrap();
    }
    for dialog in dialogs {
        assert_eq!(fixture.texts(dialog).await, ["0", "1", "2", "3", "4"]);
    }
}

/// Locks come and go while much is sent, poisoned messages and retries among it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_change_no_order() {
    const MESSAGES: usize = 600;
    let fixture = fixture(CONFIG).await;
    let dialogs = fixture.dialogs(4).await;
    let seed = Dice::any_seed();
    println!("seed {seed}");
    let mut random = Dice::new(seed);
    let mut lock_random = Dice::new(seed ^ 1);
    let is_done = std::sync::atomic::AtomicBool::new(false);
    let locks = async {
        while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
            let from = lock_random.below(3);
            let lock = fixture.lock(&dialogs[from..from + 2]).await;
            tokio::time::sleep(Duration::from_millis(lock_random.below(60) as u64)).await;
            lock.release().await;
        }
    };
    let send = async {
        let mut sent: Vec<(usize, Draft, oneshot::Receiver<Answer>)> = Vec::new();
        for number in 0..MESSAGES {
            let dialog = random.below(4);
            let bad = if random.one_in(40) { "\0" } else { "" };
            let next = draft(&dialogs, dialog, &format!("{number}{bad}"));
            sent.push((dialog, next.clone(), fixture.submit(&next)));
            if random.one_in(10) {
                let (dialog, again, _) = &sent[random.below(sent.len())];
                let (dialog, again) = (*dialog, again.clone());
                let answer = fixture.submit(&again);
                sent.push((dialog, again, answer));
            }
            tokio::time::sleep(Duration::from_millis(random.below(3) as u64)).await;
        }
        let mut wanted: Vec<Vec<String>> = vec![Vec::new(); 4];
        let mut first: std::collections::HashMap<Uuid, Receipt> = std::collections::HashMap::new();
        for (dialog, draft, answer) in sent {
            match (answered(answer).await, draft.content.ends_with('\0')) {
                (Ok(receipt), false) => match first.get(&draft.client_id) {
                    Some(before) => {
                        assert!(receipt.duplicate && receipt.seq == before.seq && receipt.id == before.id);
                    }
                    None => {
                        wanted[dialog].push(draft.content.to_string());
                        assert_eq!(receipt.seq, Seq(i64::try_from(wanted[dialog].len()).unwrap()));
                        first.insert(draft.client_id, receipt);
                    }
                },
                (Err(error), true) => assert_eq!(error.code(), "invalid_params"),
                (answer, _) => panic!("{draft:?}: {answer:?}"),
            }
        }
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        wanted
    };
    let (wanted, ()) = tokio::join!(send, locks);
    for (dialog, wanted) in dialogs.iter().zip(wanted) {
        assert_eq!(fixture.texts(*dialog).await, wanted);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patience_and_room_hold_for_parked_sends() {
    let patience = Duration::from_millis(500);
    let fixture = fixture(LaneConfig { patience, parked: 20, ..CONFIG }).await;
    let dialogs = fixture.dialogs(2).await;
    let lock = fixture.lock(&dialogs[..1]).await;
    let first = fixture.submit(&draft(&dialogs, 0, "waits"));
    // What the other one's answer follows has been parked.
    answered(fixture.submit(&draft(&dialogs, 1, "after"))).await.unwrap();
    let mut many: Vec<_> = (0..30).map(|_| fixture.submit(&draft(&dialogs, 0, "more"))).collect();
    answered(fixture.submit(&draft(&dialogs, 1, "after"))).await.unwrap();
    for refused in many.drain(20..) {
        assert_eq!(answered(refused).await, Err(GatewayError::Unavailable));
    }
    assert_eq!(answered(first).await, Err(GatewayError::Unavailable));
    for late in many {
        assert_eq!(answered(late).await, Err(GatewayError::Unavailable));
    }
    lock.release().await;
    answered(fixture.submit(&draft(&dialogs, 0, "again"))).await.unwrap();
    assert_eq!(fixture.texts(dialogs[0]).await, ["again"]);
}
