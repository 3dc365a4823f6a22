use super::*;
use crate::bench::outcome::tests::outcome;

/// Words of the line that begins with `start`, without it.
fn cells(text: &str, start: &str) -> Vec<String> {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(start));
    line.unwrap_or_else(|| panic!("no line {start} in:\n{text}"))
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

#[test]
fn everything_is_in_its_column() {
    let text = text(&outcome(), None);
    assert_eq!(cells(&text, "WebSocket echo, 64 sockets x 8"), ["123,456/s"]);
    let row = ["1,000", "1,000", "0.90", "4.25", "1.00", "1234.56", "200", "12.5"];
    assert_eq!(cells(&text, "private"), row);
    assert_eq!(cells(&text, "CPU seconds"), ["gateway-1", "postgres", "loadgen"]);
    let titles: Vec<_> = text.lines().filter(|line| line.starts_with("  group")).collect();
    assert_eq!(titles[1].split_whitespace().collect::<Vec<_>>(), ["group", "1.50", "0.50", "9.00"]);
    assert_eq!(titles[2].split_whitespace().collect::<Vec<_>>(), ["group", "20", "20", "20"]);
}

#[test]
fn the_target_is_the_better_way_to_insert_single_rows() {
    let mut outcome = outcome();
    let told = |outcome: &Outcome| {
        cells(&text(outcome, None), "stored and delivered/s : the better of both").join(" ")
    };
    assert_eq!(told(&outcome), "0.62 (target: at least 1, missed)");
    outcome.limits.postgres.single_eight_connections = 800.0;
    assert_eq!(told(&outcome), "1.25 (target: at least 1, met)");
    outcome.loads[0].report.delivered.per_second = 400.0;
    assert_eq!(told(&outcome), "0.50 (target: at least 1, missed)");
}

#[test]
fn changes_are_in_per_cent() {
    let (mut now, before) = (outcome(), outcome());
    now.loads[0].report.stored.per_second = 1_100.0;
    now.limits.postgres.batched = 10_000.0;
    let text = text(&now, Some(&before));
    assert_eq!(cells(&text, "since the previous run")[..4], ["+10", "%", "+0", "%"]);
    assert_eq!(cells(&text, "inserts of 200 rows, 2 connections"), ["10,000/s", "-50", "%"]);
}

#[test]
fn what_went_wrong_is_shown() {
    let mut outcome = outcome();
    outcome.loads[1].report.breaches.lost = 3;
    outcome.loads[1].report.errors.insert("no reply within 10s".to_owned(), 2);
    outcome.loads[0].report.processes.clear();
    let text = text(&outcome, None);
    assert!(text.contains("BROKEN PROMISE: Breaches { lost: 3"), "{text}");
    assert!(text.contains("2 times: no reply within 10s"), "{text}");
    assert!(text.contains("measured on Linux only"), "{text}");
}

#[test]
fn numbers_are_readable() {
    let texts = [0.4, 999.0, 1_000.0, 1_234_567.0].map(whole);
    assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    assert_eq!([5, 1_005, 59_999].map(millis), ["0.00", "1.00", "59.99"]);
}
