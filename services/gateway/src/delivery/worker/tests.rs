//! A worker by itself: told what has come, it keeps within its bounds.

use messenger_chassis::lifecycle::Tasks;
use messenger_chassis::postgres::{PostgresConfig, pool};
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use super::*;
use crate::directory::StaticDirectory;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::event::Author;
use crate::domain::ids::EntryId;
use crate::fanout::Bus;
use crate::hub::{Hub, OutboxLimits};
use crate::store::{Store, StoreConfig};

const USER: UserId = UserId(1);
const BODY: usize = 1_000;

struct Quiet {
    is_healthy: bool,
}

impl Bus for Quiet {
    fn ring(&self, _: &[Channel], _: &Event, _: Option<&str>) {}
    fn ring_watermark(&self, _: &[Channel], _: &Watermark) {}
    fn join(&self, _: Channel) {}
    fn leave(&self, _: Channel) {}
    fn is_healthy(&self) -> bool {
        self.is_healthy
    }
}

/// A worker whose log does not answer: what it asks for is seen in its tracks.
fn worker(bounds: Bounds, is_healthy: bool) -> (Worker, mpsc::Receiver<Input>, mpsc::Sender<Input>) {
    let nowhere = PostgresConfig {
        url: "postgres://nobody@127.0.0.1:1/nothing".into(),
        connections: 1,
        wait: std::time::Duration::from_secs(60),
        statement: std::time::Duration::from_secs(60),
    };
    let limits = OutboxLimits { soft_bytes: 1 << 16, bytes: 1 << 20, frames: 10_000 };
    let context = Context {
        hub: Arc::new(Hub::new(limits, 16)),
        bus: Arc::new(Quiet { is_healthy }),
        store: Store::new(pool(&nowhere).unwrap(), StoreConfig { call: std::time::Duration::from_secs(60) }),
        directory: Arc::new(StaticDirectory::default()),
        log_reads: Semaphore::new(0),
        tasks: Tasks::new(),
        swept: watch::Sender::new(None),
    };
    let (sender, receiver) = mpsc::channel(100);
    let mut worker = Worker::new(Arc::new(context), Arc::default(), sender.downgrade(), bounds);
    worker.take(Input::Present(USER));
    (worker, receiver, sender)
}

fn event(dialog: i64, seq: i64) -> Input {
    let entry = Entry {
        conversation: ConversationId(dialog),
        seq: Seq(seq),
        id: EntryId(seq),
        uuid: Uuid::nil(),
        kind: EntryKind::Message,
        sender: UserId(100 + dialog),
        recipient: Some(USER),
        client_id: Uuid::nil(),
        target: None,
        body: "x".repeat(BODY).into(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
    };
    Input::Event(Arc::new(Event { entry, author: Author::default(), subject: Author::default() }), None)
}

fn swept_head(dialog: i64, seq: i64) -> Input {
    let users = Some((UserId(100 + dialog), USER));
    Input::SweptHead(Head { conversation: ConversationId(dialog), seq: Seq(seq), users })
}

fn held(worker: &Worker, dialog: i64) -> usize {
    worker.tracks[&ConversationId(dialog)].gate.held_bytes()
}

fn tracked(worker: &Worker) -> Vec<i64> {
    let mut tracked: Vec<_> = worker.tracks.keys().map(|conversation| conversation.0).collect();
    tracked.sort_unstable();
    tracked
}

#[tokio::test]
async fn beyond_the_limit_the_conversation_that_held_first_reads_the_log() {
    let (mut worker, _queue, _inputs) = worker(Bounds { held_bytes: 4 * BODY, tracked: 10 }, true);
    for (dialog, seq) in [(1, 1), (2, 1), (1, 3), (2, 3)] {
        worker.take(event(dialog, seq));
    }
    assert!(held(&worker, 1) > BODY && held(&worker, 2) > BODY);
    worker.take(event(2, 4));
    worker.serve_due();
    assert_eq!(held(&worker, 1), 0);
    assert!(held(&worker, 2) > 2 * BODY);
    let due = |dialog| worker.tracks[&ConversationId(dialog)].gate.due();
    assert_eq!(due(1), None, "the log has been asked for the whole of it");
    assert!(due(2).is_some(), "the other one waits");
}

#[tokio::test]
async fn while_the_bus_is_in_doubt_nothing_is_waited_for() {
    let (mut worker, _queue, _inputs) = worker(Bounds { held_bytes: 1 << 20, tracked: 10 }, false);
    worker.take(event(1, 1));
    worker.take(event(1, 3));
    assert!(held(&worker, 1) > 0);
    assert_eq!(worker.tracks[&ConversationId(1)].gate.due(), None, "the log has been asked at once");
}

#[tokio::test(start_paused = true)]
async fn only_what_a_sweep_has_overtaken_is_evicted() {
    let (mut worker, _queue, _inputs) = worker(Bounds { held_bytes: 1 << 20, tracked: 2 }, true);
    for dialog in 1..=5 {
        worker.take(event(dialog, 1));
        tokio::time::advance(std::time::Duration::from_millis(1)).await;
    }
    // Overtaken: 2 to 4. Of those 4 has got another entry since; 1 is the oldest of all.
    (2..=4).for_each(|dialog| worker.take(swept_head(dialog, 1)));
    worker.take(event(4, 2));
    worker.take(Input::Swept(Xid(10)));
    assert_eq!(tracked(&worker), [1, 4, 5]);
    // A late copy of the first entry does not begin a log again.
    worker.take(event(2, 1));
    assert_eq!(worker.tracks[&ConversationId(2)].gate.position(), None);
}

#[tokio::test(start_paused = true)]
async fn of_those_the_ones_used_least_lately_go() {
    let (mut worker, _queue, _inputs) = worker(Bounds { held_bytes: 1 << 20, tracked: 3 }, true);
    for dialog in [5, 4, 3, 2, 1] {
        worker.take(event(dialog, 1));
        worker.take(swept_head(dialog, 1));
        tokio::time::advance(std::time::Duration::from_millis(1)).await;
    }
    worker.take(Input::Swept(Xid(10)));
    assert_eq!(tracked(&worker), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn after_transaction_ids_began_again_nothing_counts_as_overtaken() {
    let (mut worker, _queue, _inputs) = worker(Bounds { held_bytes: 1 << 20, tracked: 3 }, true);
    for dialog in 1..=3 {
        worker.take(event(dialog, 1));
        worker.take(swept_head(dialog, 1));
    }
    worker.take(Input::Swept(Xid(10)));
    worker.take(event(4, 1));
    worker.take(Input::Swept(Xid(5)));
    assert_eq!(tracked(&worker), [1, 2, 3, 4]);
}
