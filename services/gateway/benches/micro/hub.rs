//! One event to many sockets.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::Criterion;
use messenger_gateway::dialect::Dialect;
use messenger_gateway::domain::ids::{SessionId, UserId};
use messenger_gateway::hub::{About, Drained, EndedLimits, Frame, Hub, OutboxLimits, Registration};
use uuid::Uuid;

use crate::samples::{message, texts};

const RECEIVERS: [i64; 4] = [1, 100, 1_000, 10_000];
const LIMITS: OutboxLimits = OutboxLimits { soft_bytes: 1 << 18, bytes: 1 << 20, frames: 1_000 };
const SOCKETS_PER_USER: usize = 16;

pub(crate) fn measure(criterion: &mut Criterion) {
    let frame = frame();
    let mut group = criterion.benchmark_group("fan-out");
    for receivers in RECEIVERS {
        let room = Room::of(receivers);
        group.bench_function(format!("push/{receivers}"), |bencher| {
            bencher.iter_custom(|rounds| {
                let each = |_| {
                    let begun = Instant::now();
                    room.push(black_box(&frame));
                    let took = begun.elapsed();
                    room.drain();
                    took
                };
                (0..rounds).map(each).sum::<Duration>()
            });
        });
        group.bench_function(format!("push and drain/{receivers}"), |bencher| {
            bencher.iter(|| {
                room.push(black_box(&frame));
                room.drain()
            });
        });
    }
    group.finish();
}

/// An event as it is queued.
fn frame() -> Frame {
    let [(_, short), ..] = texts();
    let event = message(&short, 4_711, None);
    let text = Dialect::V2.event(&event).map(Bytes::from).unwrap_or_default();
    let place = (event.entry.conversation, event.entry.seq);
    let origin = (event.entry.sender, event.entry.client_id);
    Frame { text, about: About::Entry { place, origin }, written: None }
}

/// Users with one socket each.
struct Room {
    hub: Arc<Hub>,
    sockets: Vec<Registration>,
    users: Vec<UserId>,
}

impl Room {
    fn of(receivers: i64) -> Self {
        let hub = Arc::new(Hub::new(LIMITS, SOCKETS_PER_USER, EndedLimits::default()));
        let users: Vec<_> = (1..=receivers).map(UserId).collect();
        let sockets = users
            .iter()
            // No session has ended.
            .filter_map(|user| hub.register(*user, SessionId(Uuid::nil()), Dialect::V2))
            .collect();
        Self { hub, sockets, users }
    }

    /// As the delivery does it.
    fn push(&self, frame: &Frame) {
        for user in &self.users {
            self.hub.with_sockets(*user, |outbox| outbox.push(frame.clone()));
        }
    }

    /// As the sessions do it, each with a list of its own that it keeps. Returns the frames.
    fn drain(&self) -> usize {
        let mut frames = Vec::new();
        let mut count = 0;
        for socket in &self.sockets {
            let drained = socket.outbox().drain(&mut frames);
            count += frames.drain(..).count() * usize::from(drained == Drained::Open);
        }
        count
    }
}
