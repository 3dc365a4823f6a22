//! Redis dies, stands still, cuts its subscribers off and loses what it was given.

use std::time::Duration;

use messenger_chaos::nemesis::Fault;

use crate::run::{ms, survives};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_redis() {
    survives(Fault::KillRedis, Duration::from_secs(5), ms(1000), ms(500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_redis() {
    survives(Fault::FreezeRedis, Duration::from_secs(6), ms(1000), ms(500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_subscribers() {
    survives(Fault::CutSubscribers, Duration::from_secs(5), ms(1000), ms(500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_to_redis() {
    survives(Fault::HalfOpenRedis, Duration::from_secs(6), ms(1000), ms(500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lossy_bus() {
    survives(Fault::LossyBus, Duration::from_secs(5), ms(600), ms(500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_and_the_database_dead_together() {
    survives(Fault::KillRedisAndPostgres, Duration::from_secs(2), ms(2000), ms(9000)).await;
}
