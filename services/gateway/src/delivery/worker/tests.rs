//! A worker by itself: told what has come, it keeps within its bounds.

use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::event::Author;
use crate::domain::ids::EntryId;
use crate::hub::{EndedLimits, OutboxLimits};

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
fn worker(bounds: Bounds, is_healthy: bool) -> (Worker, Instant) {
    let limits = OutboxLimits { soft_bytes: 1 << 16, bytes: 1 << 20, frames: 10_000 };
    let (hub, bus, now) = (
        Arc::new(Hub::new(limits, 16, EndedLimits::default())),
        Arc::new(Quiet { is_healthy }),
        Instant::now(),
    );
    let mut worker = Worker::new(hub, bus, Arc::default(), bounds, now);
    worker.take(Input::Present(USER), now);
    (worker, now)
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
        deleted_at: None,
    };
    let event = Event { entry, author: Author::default(), subject: Author::default() };
    Input::Event(Arc::new(event), Arrival::Rung, None)
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

#[test]
fn beyond_the_limit_the_conversation_that_held_first_reads_the_log() {
    let (mut worker, now) = worker(Bounds { held_bytes: 4 * BODY, tracked: 10 }, true);
    for (dialog, seq) in [(1, 1), (2, 1), (1, 3), (2, 3)] {
        worker.take(event(dialog, seq), now);
    }
    assert!(held(&worker, 1) > BODY && held(&worker, 2) > BODY);
    worker.take(event(2, 4), now);
    worker.serve_due(now);
    assert_eq!(held(&worker, 1), 0);
    assert!(held(&worker, 2) > 2 * BODY);
    let due = |dialog| worker.tracks[&ConversationId(dialog)].gate.due();
    assert_eq!(due(1), None, "the log has been asked for the whole of it");
    assert!(due(2).is_some(), "the other one waits");
}

#[test]
fn while_the_bus_is_in_doubt_nothing_is_waited_for() {
    let (mut worker, now) = worker(Bounds { held_bytes: 1 << 20, tracked: 10 }, false);
    worker.take(event(1, 1), now);
    worker.take(event(1, 3), now);
    assert!(held(&worker, 1) > 0);
    assert_eq!(worker.tracks[&ConversationId(1)].gate.due(), None, "the log has been asked at once");
}

#[test]
fn only_what_a_sweep_has_overtaken_is_evicted() {
    let (mut worker, mut now) = worker(Bounds { held_bytes: 1 << 20, tracked: 2 }, true);
    for dialog in 1..=5 {
        worker.take(event(dialog, 1), now);
        now += Duration::from_millis(1);
    }
    // Overtaken: 2 to 4. Of those 4 has got another entry since; 1 is the oldest of all.
    (2..=4).for_each(|dialog| worker.take(swept_head(dialog, 1), now));
    worker.take(event(4, 2), now);
    worker.take(Input::Swept(Xid(10)), now);
    assert_eq!(tracked(&worker), [1, 4, 5]);
    // A late copy of the first entry does not begin a log again.
    worker.take(event(2, 1), now);
    assert_eq!(worker.tracks[&ConversationId(2)].gate.position(), None);
}

#[test]
fn of_those_the_ones_used_least_lately_go() {
    let (mut worker, mut now) = worker(Bounds { held_bytes: 1 << 20, tracked: 3 }, true);
    for dialog in [5, 4, 3, 2, 1] {
        worker.take(event(dialog, 1), now);
        worker.take(swept_head(dialog, 1), now);
        now += Duration::from_millis(1);
    }
    worker.take(Input::Swept(Xid(10)), now);
    assert_eq!(tracked(&worker), [1, 2, 3]);
}

#[test]
fn after_transaction_ids_began_again_nothing_counts_as_overtaken() {
    let (mut worker, now) = worker(Bounds { held_bytes: 1 << 20, tracked: 3 }, true);
    for dialog in 1..=3 {
        worker.take(event(dialog, 1), now);
        worker.take(swept_head(dialog, 1), now);
    }
    worker.take(Input::Swept(Xid(10)), now);
    worker.take(event(4, 1), now);
    worker.take(Input::Swept(Xid(5)), now);
    assert_eq!(tracked(&worker), [1, 2, 3, 4]);
}
