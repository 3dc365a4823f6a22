//! Clients lose their connections, or have bad ones; and accounts is away.

use std::time::Duration;

use messenger_chaos::nemesis::Fault;
use messenger_chaos::scenario::{Plan, Size};

use crate::run::{PLAN, disturbed, ms, survives};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flapping_clients() {
    survives(Fault::FlapClients, Duration::from_secs(5), ms(1000), ms(1500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_clients() {
    let size = Size { users: 40, devices: 5, groups: 4, members: 20, rate: 40 };
    let report =
        disturbed(Plan { size, ..PLAN }, async |nemesis| nemesis.strike(Fault::Storm, Duration::ZERO).await)
            .await;
    // Of some forty sends, so the slowest; in a debug build, while 200 devices come back to two cores.
    let send = report.verdict.send.disturbed.value_at_quantile(0.99);
    assert!(send <= 5_000_000, "the storm starves those who send: {report}");
    report.assert_kept();
}

/// The sweep steps far back when the database was away: what it finds again is no news to those who came later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_news_stays_old_for_those_who_came_back() {
    let report = disturbed(PLAN, async |nemesis| {
        nemesis.strike(Fault::Storm, Duration::ZERO).await?;
        tokio::time::sleep(Duration::from_secs(10)).await;
        nemesis.strike(Fault::CrashPostgres, Duration::ZERO).await
    })
    .await;
    report.assert_kept();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_clients() {
    survives(Fault::HalfOpenClients, Duration::from_secs(5), ms(8000), ms(9000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients() {
    survives(Fault::SlowClients, Duration::from_secs(5), ms(8000), ms(9000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_accounts() {
    survives(Fault::KillAccounts, Duration::from_secs(4), ms(500), ms(6000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_accounts() {
    survives(Fault::SlowAccounts, Duration::from_secs(5), ms(500), ms(12000)).await;
}
