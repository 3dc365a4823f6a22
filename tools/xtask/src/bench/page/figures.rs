//! The plots of a result.

use crate::bench::load::{Load, Step};
use crate::bench::outcome::Outcome;
use crate::bench::plot::{Axis, Bar, Bars, Chart, Kind, Line, Scale, short};
use crate::bench::report::{LOAD_GENERATOR, Latency, Messages, Report, Second, Usage};
use crate::bench::unit::float;

const MEBIBYTE: f64 = 1024.0 * 1024.0;
/// Name of what was measured before, in legends.
const BEFORE: &str = "the result before";

/// Each scenario's latencies by percentile.
pub(super) fn latencies(outcome: &Outcome, before: Option<&Outcome>) -> Vec<String> {
    let chart = |load: &Load| {
        let old = before.and_then(|before| before.load(&load.name)).map(|load| load.report.latencies());
        let mut lines = Vec::new();
        for (colour, (name, latency)) in load.report.latencies().into_iter().enumerate() {
            let same = old.iter().flatten().find(|(before, _)| *before == name);
            let old = same.map(|(_, latency)| line(BEFORE, colour, Kind::Before, curve(latency)));
            lines.extend(old);
            lines.push(line(name, colour, Kind::Now, curve(latency)));
        }
        chart(&load.name, ("percentile", Scale::quantiles()), ("ms, logarithmic", logarithmic(&lines)), lines)
    };
    outcome.loads.iter().map(chart).collect()
}

/// The same pairs with more and more in flight: throughput, latency, batches.
pub(super) fn over_load(outcome: &Outcome, before: Option<&Outcome>) -> Vec<String> {
    let steps = &outcome.series;
    if steps.is_empty() {
        return Vec::new();
    }
    let loads: Vec<f64> = steps.iter().map(|step| step.in_flight.into()).collect();
    let x = || ("messages in flight, logarithmic", Scale::doublings(&loads));
    let old = before.map(|before| &*before.series).unwrap_or_default();
    let both = |name: &str, colour, of: fn(&Step) -> Option<f64>| {
        let points = |steps: &[Step]| -> Vec<_> {
            steps.iter().filter_map(|step| Some((step.in_flight.into(), of(step)?))).collect()
        };
        let before = line(BEFORE, colour, Kind::Before, points(old));
        let now = line(name, colour, Kind::Now, points(steps));
        [before, now].into_iter().filter(|line| !line.points.is_empty())
    };
    let mut rates: Vec<_> = both("stored", 0, |step| Some(of(step)?.stored.per_second)).collect();
    let alone = outcome.limits.postgres.send_messages;
    let ends = loads.iter().map(|load| (*load, alone)).collect();
    rates.push(line("send_messages alone", 4, Kind::Limit, ends));
    let replies = both("reply p50", 0, |step| Some(float(of(step)?.send_to_ack.p50) / 1e3));
    let halves = both("delivery p50", 1, |step| Some(float(of(step)?.send_to_delivery.p50) / 1e3));
    let rare = both("delivery p99", 2, |step| Some(float(of(step)?.send_to_delivery.p99) / 1e3));
    let times: Vec<_> = replies.chain(halves).chain(rare).collect();
    let batches: Vec<_> = both("messages a statement", 3, |step| step.load.rows_per_statement).collect();
    vec![
        chart("Throughput", x(), ("messages a second", linear(&rates)), rates),
        chart("Latency", x(), ("ms, logarithmic", logarithmic(&times)), times),
        chart("Batch size", x(), ("messages a statement", linear(&batches)), batches),
    ]
}

/// Memory over the number of open sockets.
pub(super) fn memory(outcome: &Outcome) -> Vec<String> {
    let names = names(outcome);
    let colour = |name: &str| names.iter().position(|other| other == name).unwrap_or(0);
    let chart = |load: &Load| {
        let Report::Idle(idle) = &load.report else { return None };
        let mut lines: Vec<Line> = Vec::new();
        for sample in &idle.samples {
            for process in &sample.processes {
                let point = (float(sample.sockets), float(process.resident_bytes) / MEBIBYTE);
                match lines.iter_mut().find(|line| line.name == process.name) {
                    Some(line) => line.points.push(point),
                    None => lines.push(line(&process.name, colour(&process.name), Kind::Now, vec![point])),
                }
            }
        }
        let x = ("open sockets", Scale::linear(float(idle.scenario.sockets)));
        Some(chart("Memory over sockets", x, ("MiB resident", linear(&lines)), lines))
    };
    outcome.loads.iter().filter_map(chart).collect()
}

/// Processor time by process: in all, and for a delivery.
pub(super) fn processors(outcome: &Outcome) -> Vec<String> {
    let parts = names(outcome);
    let figures = |processes: &[Usage], parts: &[String], each: f64| {
        let of = |part: &String| {
            let usage = processes.iter().find(|usage| usage.name == *part);
            usage.map_or(0.0, |usage| usage.cpu_seconds / each)
        };
        parts.iter().map(of).collect()
    };
    let bars = |parts: &[String], each: fn(&Load) -> Option<f64>| -> Vec<Bar> {
        let loads = outcome.loads.iter().filter(|load| !load.report.processes().is_empty());
        let bar = |load: &Load| {
            let parts = figures(load.report.processes(), parts, each(load)?);
            Some(Bar { name: load.name.clone(), parts })
        };
        loads.filter_map(bar).collect()
    };
    let all = bars(&parts, |_| Some(1.0));
    let servers: Vec<_> = parts.iter().filter(|part| *part != LOAD_GENERATOR).cloned().collect();
    let each = bars(&servers, |load| {
        let delivered = load.report.messages()?.delivered.count;
        (delivered > 0).then(|| float(delivered) / 1e6)
    });
    let charts = [
        Bars { title: "CPU seconds by process".to_owned(), parts, bars: all },
        Bars { title: "Server CPU by process, µs a delivery".to_owned(), parts: servers, bars: each },
    ];
    charts.into_iter().filter(|chart| !chart.bars.is_empty()).map(|chart| chart.html()).collect()
}

/// How steady each scenario was.
pub(super) fn seconds(outcome: &Outcome) -> Vec<String> {
    let chart = |(name, messages): (&String, &Messages)| {
        let share = |name: &str, colour, mean: f64, of: fn(&Second) -> u64| {
            let points = messages.series.iter().map(|second| {
                (float(second.second), float(of(second)) / mean.max(f64::MIN_POSITIVE) * 100.0)
            });
            line(&format!("{name}, 100 % = {}/s", short(mean)), colour, Kind::Now, points.collect())
        };
        let lines = vec![
            share("delivered", 1, messages.delivered.per_second, |second| second.delivered),
            share("stored", 0, messages.stored.per_second, |second| second.stored),
        ];
        let x = (
            "second",
            Scale::linear(float(messages.series.iter().map(|second| second.second).max().unwrap_or(1))),
        );
        chart(name, x, ("% of the mean", linear(&lines)), lines)
    };
    let loads = outcome.loads.iter().filter_map(|load| Some((&load.name, load.report.messages()?)));
    loads.filter(|(_, messages)| !messages.series.is_empty()).map(chart).collect()
}

/// Of all processes, those that only the idle sockets' samples have too. A process has one colour in all plots.
fn names(outcome: &Outcome) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for load in &outcome.loads {
        let samples: &[_] = if let Report::Idle(idle) = &load.report { &idle.samples } else { &[] };
        let sampled = samples.iter().flat_map(|sample| &sample.processes).map(|process| &process.name);
        for name in load.report.processes().iter().map(|usage| &usage.name).chain(sampled) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    names
}

fn chart(title: &str, x: (&'static str, Scale), y: (&'static str, Scale), lines: Vec<Line>) -> String {
    let axis = |(title, scale)| Axis { title, scale };
    Chart { title: title.to_owned(), x: axis(x), y: axis(y), lines }.html()
}

fn line(name: &str, colour: usize, kind: Kind, points: Vec<(f64, f64)>) -> Line {
    Line { name: name.to_owned(), colour, kind, points }
}

/// In milliseconds.
fn curve(latency: &Latency) -> Vec<(f64, f64)> {
    latency.curve.iter().map(|&(quantile, micros)| (quantile, float(micros) / 1e3)).collect()
}

fn of(step: &Step) -> Option<&Messages> {
    step.load.report.messages()
}

fn logarithmic(lines: &[Line]) -> Scale {
    Scale::logarithmic(values(lines))
}

fn linear(lines: &[Line]) -> Scale {
    Scale::linear(values(lines).max_by(f64::total_cmp).unwrap_or(0.0))
}

fn values(lines: &[Line]) -> impl Iterator<Item = f64> {
    lines.iter().flat_map(|line| line.points.iter().map(|(_, y)| *y))
}
