//! The database dies for good and a standby takes over.

use messenger_backing::Durability;
use messenger_chaos::checker::Class;
use messenger_chaos::scenario::{Plan, Report, Servers};
use messenger_support::{private_postgres, standby_of};

use crate::run::{PLAN, disturbed_on, ms};

/// A fail-over under load to a standby that has received nothing for a moment.
async fn failed_over(settings: &[(&str, &str)], settle: u64) -> Report {
    let servers = || {
        let mut primary = private_postgres(Durability::Durable, settings);
        let standby = standby_of(&mut primary);
        Servers { postgres: Some(primary), standby: Some(standby), ..Servers::default() }
    };
    let plan = Plan { settle: ms(settle), ..PLAN };
    disturbed_on(servers, plan, async |nemesis| {
        nemesis.as_fault("fail over", async |nemesis| nemesis.fail_over().await).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_standby_takes_over_with_everything() {
    let report = failed_over(&[("synchronous_standby_names", "ANY 1 (*)")], 40_000).await;
    report.assert_kept();
}

/// What the operations manual says of it: the test above would notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asynchronous_standby_loses_what_it_had_not_received() {
    let report = failed_over(&[], 5_000).await;
    assert!(report.verdict.counts.contains_key(&Class::Lost), "{report}");
    std::fs::remove_file(&report.file).unwrap();
}
