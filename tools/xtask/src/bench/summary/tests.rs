use super::*;
use crate::bench::fixture::outcome;
use crate::bench::report::Report;

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
    assert_eq!(cells(&text, "WebSocket echo, 64 sockets x 8"), ["123,456", "2.00", "9.99", "–"]);
    assert_eq!(cells(&text, "send_messages of 200 rows, 2 connections"), ["40,000", "–", "–", "–"]);
    let row = ["20,000", "20,000", "6.00", "13.20", "8.00", "17.60", "33.60", "38.5", "12.50"];
    assert_eq!(cells(&text, plan::PRIVATE), row);
    assert_eq!(
        cells(&text, "CPU seconds"),
        ["accounts", "gateway-1", "gateway-2", "postgres", "redis", "loadgen"]
    );
    assert_eq!(cells(&text, "idle, 20,000 sockets: memory of the gateways for a socket"), ["9.1", "KiB"]);
    assert_eq!(
        cells(&text, "slow, 1,000 stalled readers: send to delivery, beside them stalled")[1..3],
        ["2.20", "4.84"]
    );
    assert_eq!(cells(&text, "stored/s : send_messages alone"), ["0.50"]);
    assert_eq!(cells(&text, "the same, 1,000/s"), ["999", "0.50", "2.10", "308"]);
    assert_eq!(cells(&text, "one in flight, p50 of delivery : socket, commit, Redis, socket"), ["1.50"]);
    assert_eq!(cells(&text, "open loop 1,000/s, server CPU a message : the same, 1,000/s"), ["1.79"]);
    assert_eq!(cells(&text, "1024 in flight")[0], "39,500");
    assert_eq!(cells(&text, "private 32 x 8: stored ").join(" "), "20,000/s ≥ 20,640/s missed");
}

#[test]
fn what_was_not_measured_has_no_table() {
    let mut outcome = outcome();
    outcome.loads.truncate(4);
    outcome.series.clear();
    outcome.failures.push("idle, 20,000 sockets: too few files".to_owned());
    let text = text(&outcome, None);
    assert!(!text.contains("Throughput over load"), "{text}");
    assert!(!text.contains("Sockets, readers"), "{text}");
    assert!(text.contains("not measured: idle, 20,000 sockets: too few files"), "{text}");
}

#[test]
fn changes_are_in_per_cent() {
    let (mut now, before) = (outcome(), outcome());
    let Report::Messages(messages) = &mut now.loads[0].report else { panic!("messages") };
    messages.stored.per_second = 22_000.0;
    now.limits.postgres.batched = 80_000.0;
    let text = text(&now, Some(&before));
    let after = |start: &str| {
        let mut lines = text.lines().skip_while(|line| !line.trim_start().starts_with(start)).skip(1);
        lines.next().expect("a line").trim().to_owned()
    };
    assert!(after(plan::PRIVATE).starts_with("since the result before"), "{text}");
    assert!(after(plan::PRIVATE).contains("+10 %"), "{text}");
    assert!(after("inserts of 200 rows").contains("-50 %"), "{text}");
    assert!(after("stored/s : send_messages alone").contains("+10 %"), "{text}");
}

#[test]
fn what_went_wrong_is_shown() {
    let mut outcome = outcome();
    let Report::Messages(messages) = &mut outcome.loads[1].report else { panic!("messages") };
    messages.breaches.lost = 3;
    messages.unsent = 7;
    messages.errors.insert("no reply within 10s".to_owned(), 2);
    let text = text(&outcome, None);
    assert!(text.contains("BROKEN PROMISE: Breaches { lost: 3"), "{text}");
    assert!(text.contains("7 messages found no room"), "{text}");
    assert!(text.contains("2 times: no reply within 10s"), "{text}");
    assert!(text.contains("40 times: refused"), "of the log-ins: {text}");
}
