//! Gateways die, stop, stand still and are cut off.

use std::time::Duration;

use messenger_chaos::nemesis::Fault;
use messenger_chaos::scenario::Plan;

use crate::run::{PLAN, disconnects, disturbed, ms, survives};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_gateway() {
    survives(Fault::KillGateway, Duration::from_secs(2), ms(1500), ms(2000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart() {
    survives(Fault::RollGateways, Duration::ZERO, ms(3000), ms(1500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_gateway() {
    survives(Fault::FreezeGateway, Duration::from_secs(4), ms(5000), ms(6000)).await;
}

/// As long as that its clients are gone, and those that are not are sent away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_frozen_for_too_long_closes_its_sockets() {
    let settings = [("GATEWAY_PAUSE_CLOSE_MS", "3000")];
    let report = disturbed(Plan { settings: &settings, ..PLAN }, async |nemesis| {
        nemesis.strike(Fault::FreezeGateway, ms(4000)).await
    })
    .await;
    let sent_away = disconnects(&report.file).iter().any(|why| why.contains("1012"));
    assert!(sent_away, "nobody was sent elsewhere: {report}");
    report.assert_kept();
}

/// The others find in the log what was acknowledged and never rung.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_dies_between_commit_and_ring() {
    survives(Fault::MuteAndKillGateway, Duration::from_secs(1), ms(1500), ms(2000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_reaches_nothing_but_its_clients_sends_them_elsewhere() {
    survives(Fault::IsolateGateway, Duration::from_secs(20), ms(10_000), ms(10_000)).await;
}
