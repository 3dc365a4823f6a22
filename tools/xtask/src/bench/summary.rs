//! The tables of a result.

use super::limits::Limits;
use super::load::Load;
use super::outcome::Outcome;
use super::plan;
use super::report::{Messages, Usage};
use super::table::{Cell, Mood, Table};
use super::targets::targets;
use super::unit::{Unit, float};

/// How to get a figure of something.
type Of<T> = fn(&T) -> Option<f64>;

/// The columns of a scenario with messages.
const COLUMNS: [(&str, Unit, Of<Load>); 9] = [
    ("stored/s", Unit::PerSecond, |load| Some(messages(load)?.stored.per_second)),
    ("delivered/s", Unit::PerSecond, |load| Some(messages(load)?.delivered.per_second)),
    ("reply p50", Unit::Millis, |load| Some(float(messages(load)?.send_to_ack.p50))),
    ("p99 ms", Unit::Millis, |load| Some(float(messages(load)?.send_to_ack.p99))),
    ("delivery p50", Unit::Millis, |load| Some(float(messages(load)?.send_to_delivery.p50))),
    ("p99", Unit::Millis, |load| Some(float(messages(load)?.send_to_delivery.p99))),
    ("p99.9 ms", Unit::Millis, |load| Some(float(messages(load)?.send_to_delivery.p999))),
    ("CPU µs/msg", Unit::Micros, |load| messages(load)?.cpu_per_message()),
    ("batch", Unit::Ratio, |load| load.rows_per_statement),
];

/// What is measured alone: how many a second, p50, p99, and processor time.
const PARTS: [(&str, [Of<Limits>; 4]); 10] = [
    (
        "8 KiB written and forced to disk",
        [
            |limits| Some(limits.fsync.per_second),
            |limits| Some(float(limits.fsync.p50)),
            |limits| Some(float(limits.fsync.p99)),
            none,
        ],
    ),
    (
        "one row, one commit, one connection",
        [
            |limits| Some(limits.commit.per_second),
            |limits| Some(float(limits.commit.p50)),
            |limits| Some(float(limits.commit.p99)),
            none,
        ],
    ),
    (
        "inserts of one row, 1 connection",
        [|limits| Some(limits.postgres.single_one_connection), none, none, none],
    ),
    (
        "inserts of one row, 8 connections",
        [|limits| Some(limits.postgres.single_eight_connections), none, none, none],
    ),
    ("inserts of 200 rows, 2 connections", [|limits| Some(limits.postgres.batched), none, none, none]),
    (
        "send_messages of 200 rows, 2 connections",
        [|limits| Some(limits.postgres.send_messages), none, none, none],
    ),
    (
        "WebSocket echo, 64 sockets x 8",
        [
            |limits| Some(limits.echo.per_second),
            |limits| Some(float(limits.echo.p50)),
            |limits| Some(float(limits.echo.p99)),
            none,
        ],
    ),
    ("Redis publish, one subscriber", [|limits| Some(limits.redis.per_second), none, none, none]),
    (
        "socket, commit, Redis, socket, one after the other",
        [
            |limits| Some(limits.path.as_ref()?.timed.per_second),
            |limits| Some(float(limits.path.as_ref()?.timed.p50)),
            |limits| Some(float(limits.path.as_ref()?.timed.p99)),
            |limits| Some(limits.path.as_ref()?.cpu_micros),
        ],
    ),
    (
        "the same, 1,000/s",
        [
            |limits| Some(limits.paced.as_ref()?.timed.per_second),
            |limits| Some(float(limits.paced.as_ref()?.timed.p50)),
            |limits| Some(float(limits.paced.as_ref()?.timed.p99)),
            |limits| Some(limits.paced.as_ref()?.cpu_micros),
        ],
    ),
];

/// Everything, in the order in which it is read; with the change since `before` where there is one.
pub(super) fn text(outcome: &Outcome, before: Option<&Outcome>) -> String {
    let mut all = vec![
        alone(outcome, before),
        scenarios(outcome, before),
        series(outcome, before),
        facts(outcome, before),
        latencies(outcome, before),
    ];
    all.extend(processes(outcome));
    all.push(ratios(outcome, before));
    all.push(goals(outcome));
    let full = all.iter().filter(|table| !table.rows.is_empty());
    let mut text = full.fold(String::new(), |text, table| format!("{text}\n{}", table.text()));
    outcome.failures.iter().for_each(|failure| text.push_str(&format!("\nnot measured: {failure}\n")));
    text
}

/// What the parts can do alone.
pub(super) fn alone(outcome: &Outcome, before: Option<&Outcome>) -> Table {
    let mut table = Table::new("Alone, on the same servers", &["a second", "p50 ms", "p99 ms", "CPU µs"]);
    let units = [Unit::PerSecond, Unit::Millis, Unit::Millis, Unit::Micros];
    for (name, figures) in PARTS {
        let cell = |(unit, figure): (Unit, Of<Limits>)| {
            Cell::figure(unit, figure(&outcome.limits), before.and_then(|before| figure(&before.limits)))
        };
        table.row(name, units.into_iter().zip(figures).map(cell).collect());
    }
    table
}

/// The scenarios with messages.
pub(super) fn scenarios(outcome: &Outcome, before: Option<&Outcome>) -> Table {
    let conditions = &outcome.conditions;
    let title = format!("{} gateways, {} s each", conditions.gateways, conditions.seconds);
    let loads = outcome.loads.iter().filter(|load| messages(load).is_some());
    of_messages(&title, loads, before)
}

/// The same pairs with more and more in flight.
pub(super) fn series(outcome: &Outcome, before: Option<&Outcome>) -> Table {
    let mut table = of_messages("Throughput over load", outcome.series.iter().map(|step| &step.load), before);
    for (row, step) in table.rows.iter_mut().zip(&outcome.series) {
        row.name = format!("{} in flight", step.in_flight);
    }
    table
}

fn of_messages<'a>(title: &str, loads: impl Iterator<Item = &'a Load>, before: Option<&Outcome>) -> Table {
    let mut table = Table::new(title, &COLUMNS.map(|(name, ..)| name));
    for load in loads {
        let before = find(before, load);
        let cell = |(_, unit, figure): &(&str, Unit, Of<Load>)| {
            Cell::figure(*unit, figure(load), before.and_then(figure))
        };
        table.row(&load.name, COLUMNS.iter().map(cell).collect());
        table.note(problems(load));
    }
    table
}

/// Figures of the scenarios about sockets, readers and log-ins.
pub(super) fn facts(outcome: &Outcome, before: Option<&Outcome>) -> Table {
    let mut table = Table::new("Sockets, readers, log-ins", &["measured"]);
    for load in &outcome.loads {
        let facts_before = find(before, load).map(|before| before.report.facts()).unwrap_or_default();
        let rows = table.rows.len();
        for fact in load.report.facts() {
            let same = facts_before.iter().find(|before| before.name == fact.name);
            let cell = Cell::with_unit(fact.unit, fact.value, same.map(|before| before.value));
            table.row(&format!("{}: {}", load.name, fact.name), vec![cell]);
        }
        if messages(load).is_none() && table.rows.len() > rows {
            table.note(problems(load));
        }
    }
    table
}

/// Latencies of the scenarios that are not about rates of messages.
pub(super) fn latencies(outcome: &Outcome, before: Option<&Outcome>) -> Table {
    let mut table = Table::new("Their latencies", &["count", "p50 ms", "p99 ms", "p99.9 ms", "max ms"]);
    for load in outcome.loads.iter().filter(|load| messages(load).is_none()) {
        let of_before = find(before, load).map(|before| before.report.latencies()).unwrap_or_default();
        for (name, latency) in load.report.latencies() {
            let before = of_before.iter().find(|(same, _)| *same == name).map(|(_, before)| *before);
            let cell = |now: u64, before: Option<u64>| {
                Cell::figure(Unit::Millis, Some(float(now)), before.map(float))
            };
            table.row(
                &format!("{}: {name}", load.name),
                vec![
                    Cell::figure(Unit::Count, Some(float(latency.count)), None),
                    cell(latency.p50, before.map(|before| before.p50)),
                    cell(latency.p99, before.map(|before| before.p99)),
                    cell(latency.p999, before.map(|before| before.p999)),
                    cell(latency.max, before.map(|before| before.max)),
                ],
            );
        }
    }
    table
}

/// Processor time and memory by process; nothing where they are not measured.
pub(super) fn processes(outcome: &Outcome) -> [Table; 2] {
    let mut names: Vec<&str> = Vec::new();
    for usage in outcome.loads.iter().flat_map(|load| load.report.processes()) {
        if !names.contains(&&*usage.name) {
            names.push(&usage.name);
        }
    }
    let table = |title: &str, value: fn(&Usage) -> String| {
        let mut table = Table::new(title, &names);
        for load in outcome.loads.iter().filter(|load| !load.report.processes().is_empty()) {
            let find = |name: &&str| load.report.processes().iter().find(|usage| usage.name == **name);
            let cells = names.iter().map(|name| Cell::text(find(name).map_or("–".to_owned(), value)));
            table.row(&load.name, cells.collect());
        }
        table
    };
    [
        table("CPU seconds", |usage| format!("{:.2}", usage.cpu_seconds)),
        table("Resident memory at the end, MiB", |usage| Unit::Mebibytes.number(float(usage.resident_bytes))),
    ]
}

/// Scenarios in units of what the parts can do alone: the main one, if no other is named.
pub(super) fn ratios(outcome: &Outcome, before: Option<&Outcome>) -> Table {
    let mut table = Table::new(&format!("Ratios of: {}", plan::PRIVATE), &["ratio"]);
    let rows: [(&str, Of<Outcome>); 7] = [
        ("stored/s : inserts of one row/s, 1 connection", |it| {
            Some(private(it)?.stored.per_second / it.limits.postgres.single_one_connection)
        }),
        ("stored/s : inserts of one row/s, 8 connections", |it| {
            Some(private(it)?.stored.per_second / it.limits.postgres.single_eight_connections)
        }),
        ("stored/s : send_messages alone", |it| {
            Some(private(it)?.stored.per_second / it.limits.postgres.send_messages)
        }),
        ("delivered/s : WebSocket echo", |it| {
            Some(private(it)?.delivered.per_second / it.limits.echo.per_second)
        }),
        ("stored/s : forced writes/s", |it| {
            Some(private(it)?.stored.per_second / it.limits.fsync.per_second)
        }),
        ("one in flight, p50 of delivery : socket, commit, Redis, socket", |it| {
            let delivery = &it.messages(plan::ONE_IN_FLIGHT)?.send_to_delivery;
            Some(float(delivery.p50) / float(it.limits.path.as_ref()?.timed.p50.max(1)))
        }),
        ("open loop 1,000/s, server CPU a message : the same, 1,000/s", |it| {
            Some(it.messages(plan::OPEN)?.cpu_per_message()? / it.limits.paced.as_ref()?.cpu_micros)
        }),
    ];
    for (name, ratio) in rows {
        if let Some(now) = ratio(outcome) {
            table.row(name, vec![Cell::figure(Unit::Ratio, Some(now), before.and_then(ratio))]);
        }
    }
    table
}

pub(super) fn goals(outcome: &Outcome) -> Table {
    let mut table = Table::new("Targets", &["measured", "target", ""]);
    for target in targets(outcome) {
        let mood = if target.is_met() { Mood::Good } else { Mood::Bad };
        table.row(
            target.name,
            vec![
                Cell::text(target.unit.show(target.value)),
                Cell::text(target.limit()),
                Cell::text(target.verdict()).mood(mood),
            ],
        );
    }
    table
}

/// What the promise, or the load, fell short of.
fn problems(load: &Load) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(breaches) = load.report.breaches().filter(|_| !load.report.kept_the_promise()) {
        problems.push(format!("BROKEN PROMISE: {breaches:?}"));
    }
    if load.report.unsent() > 0 {
        problems.push(format!("{} messages found no room in flight", load.report.unsent()));
    }
    problems.extend(load.report.errors().iter().map(|(error, count)| format!("{count} times: {error}")));
    problems
}

fn messages(load: &Load) -> Option<&Messages> {
    load.report.messages()
}

fn private(outcome: &Outcome) -> Option<&Messages> {
    outcome.messages(plan::PRIVATE)
}

fn find<'a>(before: Option<&'a Outcome>, load: &Load) -> Option<&'a Load> {
    before?.all_loads().find(|before| before.name == load.name)
}

fn none<T>(_: &T) -> Option<f64> {
    None
}

#[cfg(test)]
mod tests;
