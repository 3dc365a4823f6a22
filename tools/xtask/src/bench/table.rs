//! The result as a table for people.

use std::fmt::Write as _;

use super::limits::Limits;
use super::load::{Load, Usage};
use super::outcome::Outcome;

/// How to get a figure of something.
type Of<T, V> = fn(&T) -> V;

/// The whole result; with the change since `before` in per cent where there is one.
pub(super) fn text(outcome: &Outcome, before: Option<&Outcome>) -> String {
    let mut lines = Vec::new();
    limits(&mut lines, &outcome.limits, before.map(|before| &before.limits));
    lines.push(String::new());
    loads(&mut lines, outcome, before);
    lines.push(String::new());
    processes(&mut lines, outcome);
    lines.push(String::new());
    ratios(&mut lines, outcome);
    lines.iter().fold(String::new(), |text, line| text + "\n" + line.trim_end())
}

fn limits(lines: &mut Vec<String>, limits: &Limits, before: Option<&Limits>) {
    lines.push("Alone, on the same servers".to_owned());
    let rates: [(&str, Of<Limits, f64>); 5] = [
        ("inserts of one row, 1 connection", |limits| limits.postgres.single_one_connection),
        ("inserts of one row, 8 connections", |limits| limits.postgres.single_eight_connections),
        ("inserts of 200 rows, 2 connections", |limits| limits.postgres.batched),
        ("send_batch of 200 rows, 2 connections", |limits| limits.postgres.send_batch),
        ("WebSocket echo, 64 sockets x 8", |limits| limits.echo.per_second),
    ];
    for (name, rate) in rates {
        let (now, change) = (rate(limits), percent(rate(limits), before.map(rate)));
        lines.push(format!("  {name:<38} {:>10}/s {change:>8}", whole(now)));
    }
    let echo = &limits.echo;
    lines.push(format!("  its latency, ms{:>24} p50 {:>9} p99", millis(echo.p50), millis(echo.p99)));
}

fn loads(lines: &mut Vec<String>, outcome: &Outcome, before: Option<&Outcome>) {
    let conditions = &outcome.conditions;
    lines.push(format!(
        "{:<40}{:>10}{:>13}{:>10}{:>10}{:>10}{:>10}{:>11}{:>8}",
        format!("{} gateways, {} s each", conditions.gateways, conditions.seconds),
        "stored/s",
        "delivered/s",
        "ack p50",
        "p99 ms",
        "dlv. p50",
        "p99 ms",
        "CPU us/msg",
        "batch",
    ));
    for load in &outcome.loads {
        let report = &load.report;
        lines.push(format!(
            "  {:<38}{:>10}{:>13}{:>10}{:>10}{:>10}{:>10}{:>11}{:>8}",
            load.name,
            whole(report.stored.per_second),
            whole(report.delivered.per_second),
            millis(report.send_to_ack.p50),
            millis(report.send_to_ack.p99),
            millis(report.send_to_delivery.p50),
            millis(report.send_to_delivery.p99),
            report.cpu_micros_per_message().map_or("-".to_owned(), whole),
            load.rows_per_statement.map_or("-".to_owned(), |rows| format!("{rows:.1}")),
        ));
        if let Some(before) = before.and_then(|before| before.load(&load.name)) {
            lines.push(changes(load, before));
        }
        problems(lines, load);
    }
}

fn changes(now: &Load, before: &Load) -> String {
    let values: [Of<Load, Option<f64>>; 8] = [
        |load| Some(load.report.stored.per_second),
        |load| Some(load.report.delivered.per_second),
        |load| Some(float(load.report.send_to_ack.p50)),
        |load| Some(float(load.report.send_to_ack.p99)),
        |load| Some(float(load.report.send_to_delivery.p50)),
        |load| Some(float(load.report.send_to_delivery.p99)),
        |load| load.report.cpu_micros_per_message(),
        |load| load.rows_per_statement,
    ];
    let widths = [10, 13, 10, 10, 10, 10, 11, 8];
    let mut line = format!("  {:<38}", "  since the previous run");
    for (value, width) in values.iter().zip(widths) {
        let change = value(now).map(|now| percent(now, value(before))).unwrap_or_default();
        // A string never fails to grow.
        let _ = write!(line, "{change:>width$}");
    }
    line
}

/// What the promise, or the load, fell short of.
fn problems(lines: &mut Vec<String>, load: &Load) {
    let report = &load.report;
    if !report.kept_the_promise() {
        lines.push(format!("    BROKEN PROMISE: {:?}", report.breaches));
    }
    if report.unsent > 0 {
        lines.push(format!("    {} messages found no room in flight", report.unsent));
    }
    lines.extend(report.errors.iter().map(|(error, count)| format!("    {count} times: {error}")));
}

fn processes(lines: &mut Vec<String>, outcome: &Outcome) {
    let names: Vec<&str> = outcome
        .loads
        .first()
        .into_iter()
        .flat_map(|load| &load.report.processes)
        .map(|usage| &*usage.name)
        .collect();
    if names.is_empty() {
        lines.push("CPU and memory of the processes are measured on Linux only".to_owned());
        return;
    }
    let header = names.iter().fold(String::new(), |text, name| format!("{text}{name:>12}"));
    let values: [(&str, Of<Usage, String>); 2] = [
        ("CPU seconds", |usage| format!("{:.2}", usage.cpu_seconds)),
        ("Resident memory at the end, MiB", |usage| (usage.resident_bytes / (1024 * 1024)).to_string()),
    ];
    for (title, value) in values {
        lines.push(format!("{title:<40}{header}"));
        for load in &outcome.loads {
            let find = |name: &&str| load.report.processes.iter().find(|usage| usage.name == **name);
            let cells = names.iter().map(|name| find(name).map_or("-".to_owned(), value));
            lines.push(cells.fold(format!("  {:<38}", load.name), |line, cell| format!("{line}{cell:>12}")));
        }
    }
}

fn ratios(lines: &mut Vec<String>, outcome: &Outcome) {
    let Some(load) = outcome.loads.first() else { return };
    let (stored, postgres) = (load.report.stored.per_second, &outcome.limits.postgres);
    let slower = stored.min(load.report.delivered.per_second);
    let verdict = if slower >= postgres.single() { "met" } else { "missed" };
    lines.push(format!("Ratios of: {}", load.name));
    let ratios = [
        (
            "stored/s : inserts of one row/s, 1 connection",
            stored / postgres.single_one_connection,
            String::new(),
        ),
        (
            "stored/s : inserts of one row/s, 8 connections",
            stored / postgres.single_eight_connections,
            String::new(),
        ),
        (
            "stored and delivered/s : the better of both",
            slower / postgres.single(),
            format!("  (target: at least 1, {verdict})"),
        ),
        ("stored/s : send_batch alone", stored / postgres.send_batch, String::new()),
        (
            "delivered/s : WebSocket echo",
            load.report.delivered.per_second / outcome.limits.echo.per_second,
            String::new(),
        ),
    ];
    lines.extend(ratios.iter().map(|(name, ratio, note)| format!("  {name:<48}{ratio:>8.2}{note}")));
}

/// Change in per cent; nothing without a value to compare with.
fn percent(now: f64, before: Option<f64>) -> String {
    match before {
        Some(before) if before > 0.0 => format!("{:+.0} %", (now / before - 1.0) * 100.0),
        _ => String::new(),
    }
}

/// Rounded, with commas between thousands.
fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// Microseconds as milliseconds.
fn millis(micros: u64) -> String {
    format!("{}.{:02}", micros / 1000, micros % 1000 / 10)
}

fn float(number: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a percentage is not exact")]
    let float = number as f64;
    float
}

#[cfg(test)]
mod tests;
