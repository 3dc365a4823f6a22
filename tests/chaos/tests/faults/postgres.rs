//! PostgreSQL crashes, stands still, loses connections and holds locks.

use std::time::Duration;

use messenger_chaos::nemesis::Fault;

use crate::run::survives;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crashed_database() {
    survives(Fault::CrashPostgres, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_backends() {
    survives(Fault::KillBackends, Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_database() {
    survives(Fault::FreezePostgres, Duration::from_secs(6)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_locks() {
    survives(Fault::LockConversations, Duration::from_secs(7)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_transaction() {
    survives(Fault::LongTransaction, Duration::from_secs(6)).await;
}
