//! PostgreSQL crashes, stands still, loses connections and holds locks.

use std::time::Duration;

use messenger_chaos::nemesis::Fault;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_transaction() {
    survives(Fault::LongTransaction, Duration::from_secs(6), ms(500), ms(1000)).await;
}
