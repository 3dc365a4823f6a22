//! Gateways die, stop, stand still and are cut off.

use std::time::Duration;

use messenger_chaos::nemesis::Fault;

use crate::run::survives;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_breaks_when_nothing_breaks() {
    survives(Fault::Storm, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_gateway() {
    survives(Fault::KillGateway, Duration::from_secs(2)).await;
}
