use super::*;
use crate::bench::fixture::outcome;

fn target(outcome: &Outcome, name: &str) -> Target {
    targets(outcome)
        .into_iter()
        .find(|target| target.name == name)
        .unwrap_or_else(|| panic!("no target {name}"))
}

fn private(outcome: &mut Outcome) -> &mut Messages {
    let Report::Messages(messages) = &mut outcome.loads[0].report else { panic!("messages") };
    messages
}

#[test]
fn a_full_run_measures_every_target() {
    let targets = targets(&outcome());
    assert_eq!(targets.len(), RULES.len());
    let mut names: Vec<_> = targets.iter().map(|target| target.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RULES.len());
}

#[test]
fn a_short_run_has_only_those_that_it_measured() {
    let mut outcome = outcome();
    outcome.loads.truncate(4);
    outcome.series.clear();
    let names: Vec<_> = targets(&outcome).iter().map(|target| target.name).collect();
    assert_eq!(names.len(), 7, "{names:?}");
    assert!(names.contains(&"open 1,000/s: server CPU a message"));
}

#[test]
fn the_limit_itself_is_met_and_less_is_not() {
    let mut outcome = outcome();
    let name = "private 32 x 8: stored";
    private(&mut outcome).stored.per_second = 20_640.0;
    assert_eq!(target(&outcome, name).verdict(), "met");
    private(&mut outcome).stored.per_second = 20_639.9;
    assert_eq!(target(&outcome, name).verdict(), "missed");
    assert_eq!(target(&outcome, name).limit(), "≥ 20,640/s");
    let name = "private 32 x 8: p99 of delivery";
    private(&mut outcome).send_to_delivery.p99 = 40_000;
    assert_eq!(target(&outcome, name).verdict(), "met");
    private(&mut outcome).send_to_delivery.p99 = 40_001;
    assert_eq!(target(&outcome, name).verdict(), "missed");
    assert_eq!(target(&outcome, name).limit(), "≤ 40.00 ms");
}

#[test]
fn single_inserts_are_the_better_way_to_do_them() {
    let mut outcome = outcome();
    let name = "private 32 x 8: stored and delivered, of single inserts";
    let value = |outcome: &Outcome| target(outcome, name).value;
    assert!((value(&outcome) - 1.25).abs() < 1e-9, "20,000 of 16,000");
    outcome.limits.postgres.single_one_connection = 40_000.0;
    assert!((value(&outcome) - 0.5).abs() < 1e-9, "20,000 of 40,000");
    private(&mut outcome).delivered.per_second = 10_000.0;
    assert!((value(&outcome) - 0.25).abs() < 1e-9, "the slower of stored and delivered");
}

#[test]
fn ratios_are_of_the_same_run() {
    let outcome = outcome();
    let value = |name: &str| target(&outcome, name).value;
    assert!((value("private 32 x 8: stored, of send_messages alone") - 0.5).abs() < 1e-9);
    assert!((value("one in flight: p50 of delivery, of one commit") - 1.25).abs() < 1e-9, "600 of 480");
    assert!((value("slow: p99 of others' delivery, of that beside readers") - 1.1).abs() < 1e-9);
    assert!((value("log-ins: p99 of others' reply, of that without") - 1.5).abs() < 1e-9);
    assert!((value("idle: share of sockets alive at the end") - 1.0).abs() < 1e-9);
    assert!((value("storm: all 10,000 are back after") - 4.6).abs() < 1e-9, "the slowest of three");
}

#[test]
fn nothing_measured_is_no_figure() {
    let mut outcome = outcome();
    private(&mut outcome).send_to_delivery = Latency::default();
    private(&mut outcome).processes.clear();
    let names: Vec<_> = targets(&outcome).iter().map(|target| target.name).collect();
    assert!(!names.contains(&"private 32 x 8: p99 of delivery"), "{names:?}");
    assert!(!names.contains(&"private 32 x 8: server CPU a message"), "{names:?}");
}
