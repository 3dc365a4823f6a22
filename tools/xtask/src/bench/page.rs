//! The result as a page: one file, which needs nothing from outside.

mod figures;

use std::fmt::Write as _;

use super::outcome::Outcome;
use super::plan::{self, RAISED};
use super::summary;
use super::table::{Cell, Table, escape};
use super::targets::targets;
use super::unit::{Unit, float};

const STYLE: &str = include_str!("page/style.css");

/// With the result before, where there is one that can be compared.
pub(super) fn html(outcome: &Outcome, before: Option<&Outcome>) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Messenger: benchmark</title>\n<style>\n{STYLE}</style></head>\n<body>\n<header>{}</header>\n<main>\n",
        header(outcome, before)
    );
    for failure in &outcome.failures {
        // A string never fails to grow.
        let _ = writeln!(html, "<p class=\"bad\">Not measured: {}</p>", escape(failure));
    }
    let table = |table: Table| if table.rows.is_empty() { String::new() } else { table.html() };
    let sections = [
        ("Headline", tiles(outcome) + &table(summary::ratios(outcome, before)), RATIOS),
        ("Targets", table(summary::goals(outcome)), TARGETS),
        ("Messages", table(summary::scenarios(outcome, before)), MESSAGES),
        ("What the parts do alone", table(summary::alone(outcome, before)), ALONE),
        ("Latency by percentile", grid(&figures::latencies(outcome, before)), LATENCY),
        (
            "Throughput over load",
            grid(&figures::over_load(outcome, before))
                + &details("As a table", &table(summary::series(outcome, before))),
            LOAD,
        ),
        (
            "Sockets, readers, log-ins",
            table(summary::facts(outcome, before))
                + &details("Latencies as a table", &table(summary::latencies(outcome, before)))
                + &grid(&figures::memory(outcome)),
            SOCKETS,
        ),
        ("Processor time", grid(&figures::processors(outcome)) + &processes(outcome), PROCESSORS),
        ("Second by second", grid(&figures::seconds(outcome)), SECONDS),
        ("Raised limits", raised().html(), LIMITS),
    ];
    for (title, content, words) in sections {
        if content.contains("<t") || content.contains("<svg") {
            let _ = write!(html, "<section><h2>{title}</h2><p>{words}</p>\n{content}</section>\n");
        }
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

const RATIOS: &str = "Figures of one run on one machine. Another machine has others; the ratios to what its parts do alone \
    stay closer.";
const TARGETS: &str = "Only those that this run measured. A missed one fails nothing; a message that is lost, doubled or out \
    of order does.";
const MESSAGES: &str = "Stored: acknowledged and committed. Delivered: once for each listener. CPU: all processes that serve, \
    without the load generator. Batch: messages that a gateway stored with one statement, on average.";
const ALONE: &str = "Measured first, on the same PostgreSQL, Redis and disk.";
const LATENCY: &str = "Each further nine takes as much room. In open loops time counts from when a message was due, so that \
    waiting is not left out. Dashed: the result before.";
const LOAD: &str =
    "32 pairs of users, each with 1 to 32 messages in flight. When more is in flight, batches grow.";
const SOCKETS: &str = "Memory is resident memory as Linux counts it.";
const PROCESSORS: &str = "Of each process with its children, in the measured time. The load generator runs on the same \
    machine and takes its part.";
const SECONDS: &str = "In per cent of the scenario's mean: a flat line is a steady system.";
const LIMITS: &str = "All that differs from what is shipped. The scenario of stalled readers has the shipped outbox, that of \
    log-ins the shipped password hashes.";

fn header(outcome: &Outcome, before: Option<&Outcome>) -> String {
    let (origin, conditions) = (&outcome.origin, &outcome.conditions);
    let when = |outcome: &Outcome| outcome.origin.at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    let processors = format!("{} processors", origin.processors);
    let memory = origin.memory.map(|bytes| format!("{} MiB of memory", Unit::Mebibytes.number(float(bytes))));
    let kind = match (&conditions.only, conditions.full) {
        (Some(word), _) => format!("only “{word}”"),
        (None, true) => "full run".to_owned(),
        (None, false) => "short run".to_owned(),
    };
    let words = [
        Some(when(outcome)),
        origin.commit.as_ref().map(|commit| format!("commit {commit}")),
        Some(kind),
        Some(format!("{} gateways", conditions.gateways)),
        Some(format!("{} s each", conditions.seconds)),
        Some(format!("profile {}", conditions.profile)),
        origin.model.clone(),
        Some(processors),
        memory,
        before.map(|before| format!("compared with {}", when(before))),
    ];
    let words: String =
        words.into_iter().flatten().map(|word| format!("<li>{}</li>", escape(&word))).collect();
    format!("<h1>Messenger: benchmark</h1><ul class=\"words\">{words}</ul>")
}

/// The four figures that are asked for first.
fn tiles(outcome: &Outcome) -> String {
    let targets = targets(outcome);
    let met = targets.iter().filter(|target| target.is_met()).count();
    let mut tiles = vec![(format!("{met} of {}", targets.len()), "targets met")];
    if let Some(private) = outcome.messages(plan::PRIVATE) {
        tiles.extend([
            (
                Unit::PerSecond.number(private.stored.per_second),
                "private messages stored and delivered a second",
            ),
            (
                Unit::Millis.show(float(private.send_to_delivery.p99)),
                "send to delivery, 99 of 100, under that load",
            ),
        ]);
        tiles.extend(private.cpu_per_message().map(|cpu| (Unit::Micros.show(cpu), "server CPU a message")));
    }
    if let Some(pair) = outcome.messages(plan::ONE_IN_FLIGHT) {
        tiles.push((Unit::Millis.show(float(pair.send_to_delivery.p50)), "send to delivery, half, alone"));
    }
    let tiles: String =
        tiles.iter().map(|(figure, words)| format!("<li><b>{figure}</b>{words}</li>")).collect();
    format!("<ul class=\"tiles\">{tiles}</ul>\n")
}

fn grid(figures: &[String]) -> String {
    if figures.is_empty() {
        String::new()
    } else {
        format!("<div class=\"grid\">{}</div>\n", figures.concat())
    }
}

fn details(title: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<details><summary>{title}</summary>{content}</details>\n")
}

fn processes(outcome: &Outcome) -> String {
    let tables = summary::processes(outcome).into_iter().filter(|table| !table.rows.is_empty());
    details("As tables", &tables.map(|table| table.html()).collect::<String>())
}

fn raised() -> Table {
    let mut table = Table::new("Key", &["value", "why"]);
    for raised in &RAISED {
        table.row(raised.key, vec![Cell::text(raised.value), Cell::text(raised.why)]);
    }
    table
}

#[cfg(test)]
mod tests;
