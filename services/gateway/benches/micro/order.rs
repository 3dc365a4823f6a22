//! The gate: entries as they come, to entries in order.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion};
use messenger_gateway::domain::ids::{ConversationId, Seq};
use tokio::time::Instant;

use crate::gate::{Gate, HOLD};
use crate::held::Weight;

/// Entries behind a hole.
const HELD: i64 = 100;
/// Conversations that are followed at once.
const CONVERSATIONS: i64 = 10_000;

/// As large as what the worker offers.
#[derive(Clone)]
struct Item {
    _seq: Seq,
    text: Arc<str>,
    _users: Option<(i64, i64)>,
    _trace: Option<Box<str>>,
}

impl Weight for Item {
    fn bytes(&self) -> usize {
        400 + self.text.len()
    }
}

impl Item {
    fn at(seq: i64, text: &Arc<str>) -> Self {
        Self { _seq: Seq(seq), text: Arc::clone(text), _users: None, _trace: None }
    }
}

pub(crate) fn measure(criterion: &mut Criterion) {
    let (text, now) = (Arc::from("Hi"), Instant::now());
    let mut group = criterion.benchmark_group("gate");
    group.bench_function("in order", |bencher| {
        let (mut gate, mut seq) = (Gate::new(Some(Seq::ZERO)), 0);
        bencher.iter(|| {
            seq += 1;
            gate.offer(Seq(seq), Item::at(seq, &text), now)
        });
    });
    let fresh = || Gate::new(Some(Seq::ZERO));
    group.bench_function(format!("a late ring before {HELD}"), |bencher| {
        let late = |mut gate: Gate<Item>| {
            (2..=HELD + 1).for_each(|seq| drop(gate.offer(Seq(seq), Item::at(seq, &text), now)));
            let released = gate.offer(Seq(1), Item::at(1, &text), now);
            (released, gate)
        };
        bencher.iter_batched(fresh, late, BatchSize::SmallInput);
    });
    group.bench_function(format!("{HELD} from the log"), |bencher| {
        let fill = |mut gate: Gate<Item>| {
            gate.see_head(Seq(HELD), now);
            let need = gate.need(now + HOLD);
            let rows = (1..=HELD).map(|seq| (Seq(seq), Item::at(seq, &text))).collect();
            let released = gate.fill(rows, now + HOLD);
            (need, released, gate)
        };
        bencher.iter_batched(fresh, fill, BatchSize::SmallInput);
    });
    group.bench_function(format!("in order, {CONVERSATIONS} conversations in turn"), |bencher| {
        let mut gates: HashMap<_, _> = (0..CONVERSATIONS).map(|id| (ConversationId(id), fresh())).collect();
        let mut count = 0;
        bencher.iter(|| {
            // Far apart from each other, so that no cache has the next one.
            let id = ConversationId(black_box(count * 7_919 % CONVERSATIONS));
            let seq = 1 + count / CONVERSATIONS;
            count += 1;
            gates.get_mut(&id).map(|gate| gate.offer(Seq(seq), Item::at(seq, &text), now))
        });
    });
    group.finish();
}
