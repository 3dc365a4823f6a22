//! PostgreSQL crashes, stands still, loses connections and holds locks.

use std::time::Duration;

use messenger_chaos::nemesis::{Fault, Nemesis};

use crate::run::{PLAN, disturbed, ms, slowest_sends, survives};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_three_times() {
    let report = disturbed(PLAN, async |nemesis| {
        for _ in 0..3 {
            nemesis.strike(Fault::CrashPostgres, Duration::ZERO).await?;
            tokio::time::sleep(ms(700)).await;
        }
        Ok(())
    })
    .await;
    report.assert_kept();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_backends() {
    survives(Fault::KillBackends, Duration::from_secs(5), ms(1000), ms(2000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_database() {
    survives(Fault::FreezePostgres, Duration::from_secs(6), ms(1500), ms(9000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_lock_delays_its_conversation_alone() {
    let lasting = Duration::from_secs(7);
    let report =
        disturbed(PLAN, async |nemesis| nemesis.strike(Fault::LockConversation, lasting).await).await;
    let slowest = slowest_sends(&report.file);
    let delayed: Vec<_> = slowest.iter().filter(|(_, took)| **took > lasting / 2).collect();
    assert_eq!(delayed.len(), 1, "{slowest:?}");
    report.assert_kept();
}

/// Rings go on, and what they do not bring waits; operators see it, and it comes as soon as the transaction ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_transaction_holds_up_repairs_alone() {
    let mut lag = 0.0;
    let report = disturbed(PLAN, async |nemesis| {
        nemesis
            .as_fault("long transaction, lossy bus", async |nemesis| {
                let mut somebody = nemesis.cluster().messages().await;
                let transaction = somebody.transaction().await?;
                transaction.execute("SELECT pg_current_xact_id()", &[]).await?;
                nemesis.lossy_bus(ms(6000)).await;
                lag = sweep_lag(nemesis).await;
                Ok(transaction.rollback().await?)
            })
            .await
    })
    .await;
    assert!(lag > 3.0, "after six seconds the gauge says {lag}");
    let slow = report.verdict.delivery.disturbed.max() / 1_000_000;
    assert!(slow < 9, "not repaired within a second or two: {report}");
    report.assert_kept();
}

/// What a gateway says of the age of what its sweeps have not passed, in seconds.
async fn sweep_lag(nemesis: &mut Nemesis) -> f64 {
    let admin = nemesis.cluster().gateway(0).admin().to_owned();
    let (_, metrics) = messenger_support::get(&admin, "/metrics").await.unwrap();
    let value = metrics.lines().find_map(|line| line.strip_prefix("gateway_sweep_lag_seconds "));
    value.and_then(|value| value.parse().ok()).unwrap_or_default()
}
