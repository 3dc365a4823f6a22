//! What the limits of a client cost a message: that of its socket's frames, and that of its user.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::Context as _;
use criterion::Criterion;
use messenger_chassis::rate::{Bucket, Rate};
use messenger_gateway::dialect::Dialect;
use messenger_gateway::domain::command::{Command, Destination, Send};
use messenger_gateway::domain::content::Content;
use messenger_gateway::domain::ids::{SessionId, UserId};
use messenger_gateway::hub::{EndedLimits, Hub, OutboxLimits, Rates};
use tokio::time::Instant;
use uuid::Uuid;

const LIMITS: OutboxLimits = OutboxLimits { soft_bytes: 1 << 18, bytes: 1 << 20, frames: 1_000 };

pub(crate) fn measure(criterion: &mut Criterion) -> anyhow::Result<()> {
    let plenty = Rate::per_second(1_000_000_000, 1_000_000);
    let mut group = criterion.benchmark_group("limits");
    let mut frames = Bucket::default();
    group.bench_function("frame", |bencher| {
        let now = Instant::now();
        bencher.iter(|| frames.take(black_box(&plenty), black_box(now), 1).is_ok());
    });
    let rates = Rates { entries: Some(plenty), ..Rates::default() };
    let hub = Arc::new(Hub::new(LIMITS, 16, EndedLimits::default()).limited(rates));
    let session = SessionId(Uuid::nil());
    let socket = hub.register(UserId(7), session, Dialect::V2).context("the session goes on")?;
    let content = Content::parse("Hi", 16)?;
    let send =
        Command::Send(Send { to: Destination::User(UserId(8)), content, client_id: None, reply_to: None });
    group.bench_function("message of a user", |bencher| {
        let now = Instant::now();
        bencher.iter(|| socket.afford(black_box(&send), black_box(now)).is_ok());
    });
    group.finish();
    Ok(())
}
