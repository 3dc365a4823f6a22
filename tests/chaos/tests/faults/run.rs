//! The run that all faults share: small enough for two cores, large enough that every message races with others.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use messenger_chaos::checker::{Latency, Limits};
use messenger_chaos::history::{Event, Op, Record, read};
use messenger_chaos::nemesis::{Fault, Nemesis};
use messenger_chaos::scenario::{Plan, Report, Servers, Size, run};
use tokio::sync::Semaphore;

/// Systems that run at once; more would measure each other.
static ROOM: Semaphore = Semaphore::const_new(1);

pub(crate) const PLAN: Plan<'_> = Plan {
    size: Size { users: 8, devices: 2, groups: 2, members: 6, rate: 60 },
    seed: 1,
    settings: &[],
    balanced: false,
    programs: None,
    redis: None,
    before: Duration::from_millis(1500),
    after: Duration::from_millis(2500),
    settle: Duration::from_secs(40),
    limits: Limits { delivery: Duration::from_secs(3), grace: Duration::from_secs(4) },
};

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Runs a plan and shows its report.
pub(crate) async fn disturbed(
    plan: Plan<'_>,
    disturb: impl AsyncFnOnce(&mut Nemesis) -> anyhow::Result<()>,
) -> Report {
    disturbed_on(Servers::default, plan, disturb).await
}

/// The same on servers that are started when it is this run's turn.
pub(crate) async fn disturbed_on(
    servers: impl FnOnce() -> Servers,
    plan: Plan<'_>,
    disturb: impl AsyncFnOnce(&mut Nemesis) -> anyhow::Result<()>,
) -> Report {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let _room = ROOM.acquire().await.unwrap();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("messenger-chaos-{}-{number}.jsonl", std::process::id()));
    let servers = tokio::task::block_in_place(servers);
    let report = run(plan, servers, &file, disturb).await.unwrap();
    println!("{report}");
    report
}

/// Every promise is kept through one fault, and in the meantime 99 of 100 deliveries take `delivery` at most from the
/// acknowledgement on, and 99 of 100 sends `send`.
pub(crate) async fn survives(fault: Fault, lasting: Duration, delivery: Duration, send: Duration) -> Report {
    let report = disturbed(PLAN, async |nemesis| nemesis.strike(fault, lasting).await).await;
    assert_quick(&report, delivery, send);
    report.assert_kept();
    report
}

/// 99 of 100 deliveries during faults took `delivery` at most from the acknowledgement on, and 99 of 100 sends `send`.
pub(crate) fn assert_quick(report: &Report, delivery: Duration, send: Duration) {
    let p99 = |latency: &Latency| Duration::from_micros(latency.disturbed.value_at_quantile(0.99));
    assert!(p99(&report.verdict.delivery) <= delivery, "late: {report}");
    assert!(p99(&report.verdict.send) <= send, "slow: {report}");
}

/// The longest way from a send to its acknowledgement, by conversation.
pub(crate) fn slowest_sends(file: &Path) -> HashMap<i64, Duration> {
    let (mut begun, mut slowest) = (HashMap::new(), HashMap::new());
    let take = |_, record: Record| match record.event {
        Event::Invoke { call, op: Op::Send, .. } => {
            begun.insert(call, record.at);
        }
        Event::Ok { call, conversation, .. } => {
            let Some(at) = begun.remove(&call) else { return };
            let took: &mut Duration = slowest.entry(conversation).or_default();
            *took = Duration::from_micros(record.at - at).max(*took);
        }
        _ => {}
    };
    read(file, take).unwrap();
    slowest
}

/// Why devices lost their connections.
pub(crate) fn disconnects(file: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let take = |_, record: Record| {
        if let Event::Disconnect { why, .. } = record.event {
            found.push(why);
        }
    };
    read(file, take).unwrap();
    found
}
