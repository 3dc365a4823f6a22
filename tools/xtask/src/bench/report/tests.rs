use serde_json::json;

use super::*;
use crate::bench::fixture::outcome;
use crate::bench::plan;

#[test]
fn every_kind_of_result_is_read_and_kept() {
    let outcome = outcome();
    let kept = serde_json::to_value(&outcome).expect("JSON");
    let again: crate::bench::outcome::Outcome = serde_json::from_value(kept.clone()).expect("an outcome");
    assert_eq!(serde_json::to_value(again).expect("JSON"), kept);
    assert_eq!(kept["loads"][0]["report"]["messages"]["stored"]["perSecond"], 20_000.0);
}

#[test]
fn an_unknown_scenario_or_a_missing_field_is_told() {
    let told = |json: &serde_json::Value| Report::read(json).expect_err("no result").to_string();
    assert!(told(&json!({"scenario": {"name": "dance"}})).contains("`dance` is no scenario"));
    assert!(told(&json!({"scenario": {"name": "idle"}})).contains("missing field"));
    assert!(told(&json!({})).contains("names no scenario"));
}

#[test]
fn the_load_generators_own_work_is_not_the_servers() {
    let outcome = outcome();
    let mut messages = outcome.messages(plan::PRIVATE).expect("private").clone();
    // 2 x 1.9 s of gateways, 3.7 s of PostgreSQL, 0.2 s of Redis, 0.01 s of accounts; 200,000 messages.
    assert!((messages.cpu_per_message().expect("measured") - 38.55).abs() < 1e-6);
    assert!((messages.gateway_cpu_per_delivery().expect("measured") - 19.0).abs() < 1e-6);
    messages.processes.clear();
    assert_eq!(messages.cpu_per_message(), None);
}

#[test]
fn a_breach_or_silence_breaks_the_promise() {
    let mut report = outcome().loads[0].report.clone();
    assert!(report.kept_the_promise());
    let Report::Messages(messages) = &mut report else { panic!("messages") };
    messages.breaches.duplicated = 1;
    assert!(!report.kept_the_promise());
    let Report::Messages(messages) = &mut report else { panic!("messages") };
    messages.breaches.duplicated = 0;
    messages.stored.count = 0;
    assert!(!report.kept_the_promise());
}

#[test]
fn a_breach_beside_a_storm_breaks_the_promise_too() {
    let outcome = outcome();
    let mut report = outcome.load(plan::STORM).expect("storm").report.clone();
    assert!(report.kept_the_promise());
    let Report::Storm(storm) = &mut report else { panic!("a storm") };
    storm.breaches.reordered = 1;
    assert!(!report.kept_the_promise());
}
