//! The tests of the tests: a gateway with a defect is found out. Each defect is tried under a fault that the sound gateway
//! survives.

use std::collections::BTreeSet;
use std::time::Duration;

use messenger_chaos::checker::Class;
use messenger_chaos::nemesis::Fault;
use messenger_chaos::scenario::Plan;

use crate::run::{PLAN, disturbed};

/// What is found when gateways with this defect meet this fault.
async fn found(defect: &str, fault: Fault, lasting: Duration) -> BTreeSet<Class> {
    let settings = [("GATEWAY_SABOTAGE", defect)];
    let plan = Plan { settings: &settings, settle: Duration::from_secs(5), ..PLAN };
    let report = disturbed(plan, async |nemesis| nemesis.strike(fault, lasting).await).await;
    assert!(!report.is_kept());
    std::fs::remove_file(&report.file).unwrap();
    report.verdict.counts.into_keys().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_before_the_commit_is_found_out() {
    let found = found("ack-before-commit", Fault::CrashPostgres, Duration::ZERO).await;
    assert!(found.contains(&Class::Lost) && found.contains(&Class::Phantom), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_without_gates_is_found_out() {
    let found = found("gate-off", Fault::LossyBus, Duration::from_secs(3)).await;
    assert!(found.contains(&Class::Duplicated) || found.contains(&Class::Reordered), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_does_not_sweep_is_found_out() {
    let found = found("sweep-off", Fault::LossyBus, Duration::from_secs(3)).await;
    // What was lost last stays so; what something newer came after is skipped where nobody reads the log again.
    assert!(found.contains(&Class::Lost) || found.contains(&Class::Skipped), "{found:?}");
}
