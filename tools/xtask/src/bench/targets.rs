//! What the messenger is meant to reach, as pure rules on what was measured.
//!
//! A missed target is shown and fails nothing: machines differ.

use super::outcome::Outcome;
use super::plan;
use super::report::{Idle, Latency, Logins, Messages, Reading, Reads, Report, Slow, Storm};
use super::unit::{Unit, float};

/// On which side of a figure is well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}
use Goal::{AtLeast, AtMost};

/// A rule: what is looked at, and what it should be.
struct Rule {
    name: &'static str,
    /// `None` when the run did not measure it.
    value: fn(&Outcome) -> Option<f64>,
    unit: Unit,
    goal: Goal,
}

/// A rule that was applied.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) value: f64,
    pub(super) unit: Unit,
    pub(super) goal: Goal,
}

const MILLI: f64 = 1e3;
const KIB: f64 = 1024.0;

static RULES: [Rule; 27] = [
    rule(
        "private 32 x 8: stored",
        |it| Some(private(it)?.stored.per_second),
        Unit::PerSecond,
        AtLeast(20_640.0),
    ),
    rule("private 32 x 8: stored, of send_messages alone", of_send_messages, Unit::Ratio, AtLeast(0.6)),
    rule(
        "private 32 x 8: stored and delivered, of single inserts",
        of_single_inserts,
        Unit::Ratio,
        AtLeast(1.0),
    ),
    rule(
        "private 32 x 8: server CPU a message",
        |it| private(it)?.cpu_per_message(),
        Unit::Micros,
        AtMost(60.0),
    ),
    rule(
        "private 32 x 8: p99 of delivery",
        |it| p99(&private(it)?.send_to_delivery),
        Unit::Millis,
        AtMost(40.0 * MILLI),
    ),
    rule("one in flight: p50 of delivery, of one commit", of_one_commit, Unit::Ratio, AtMost(1.3)),
    rule(
        "group of 500: delivered",
        |it| Some(group(it)?.delivered.per_second),
        Unit::PerSecond,
        AtLeast(75_000.0),
    ),
    rule(
        "group of 500: gateway CPU a delivery",
        |it| group(it)?.gateway_cpu_per_delivery(),
        Unit::Micros,
        AtMost(10.0),
    ),
    rule("hot group of 100: stored in one conversation", hot, Unit::PerSecond, AtLeast(3_000.0)),
    rule(
        "open 2,000/s, history read: p99 of delivery",
        |it| p99(&busy(it)?.send_to_delivery),
        Unit::Millis,
        AtMost(25.0 * MILLI),
    ),
    rule(
        "open 2,000/s, history read: p99 of reply",
        |it| p99(&busy(it)?.send_to_ack),
        Unit::Millis,
        AtMost(20.0 * MILLI),
    ),
    rule(
        "idle: memory for a socket",
        |it| Some(idle(it)?.resident_bytes_per_socket),
        Unit::Kibibytes,
        AtMost(10.0 * KIB),
    ),
    rule("idle: share of sockets alive at the end", alive, Unit::Ratio, AtLeast(1.0)),
    rule(
        "slow: memory for a stalled reader",
        |it| Some(slow(it, plan::SLOW)?.resident_bytes_per_stalled),
        Unit::Kibibytes,
        AtMost(300.0 * KIB),
    ),
    rule(
        "slow, documented dialect: memory for a stalled reader",
        |it| Some(slow(it, plan::SLOW_DOCUMENTED)?.resident_bytes_per_stalled),
        Unit::Kibibytes,
        AtMost(300.0 * KIB),
    ),
    rule("slow: p99 of others' delivery, of that beside readers", beside_stalled, Unit::Ratio, AtMost(1.2)),
    rule(
        "idle: authenticated handshakes",
        |it| Some(idle(it)?.opened.per_second),
        Unit::PerSecond,
        AtLeast(3_000.0),
    ),
    rule("storm: all 10,000 are back after", |it| storm(it)?.slowest(), Unit::Seconds, AtMost(10.0)),
    rule(
        "storm: p99 of others' reply meanwhile",
        |it| p99(&storm(it)?.ack_storm),
        Unit::Millis,
        AtMost(500.0 * MILLI),
    ),
    rule(
        "10 million entries: p50 of a chat list",
        |it| p50(&chats(it, plan::READS_OF_MANY)?.latency),
        Unit::Millis,
        AtMost(3.0 * MILLI),
    ),
    rule(
        "10 million entries: p99 of a chat list",
        |it| p99(&chats(it, plan::READS_OF_MANY)?.latency),
        Unit::Millis,
        AtMost(15.0 * MILLI),
    ),
    rule(
        "10 million entries: p50 of a page",
        |it| p50(&page(it, plan::READS_OF_MANY)?.latency),
        Unit::Millis,
        AtMost(3.0 * MILLI),
    ),
    rule(
        "10 million entries: p99 of a page",
        |it| p99(&page(it, plan::READS_OF_MANY)?.latency),
        Unit::Millis,
        AtMost(15.0 * MILLI),
    ),
    rule(
        "200,000 messages: pages of a dialog",
        |it| Some(page(it, plan::READS)?.rate.per_second),
        Unit::PerSecond,
        AtLeast(4_000.0),
    ),
    rule(
        "200,000 messages: chat lists",
        |it| Some(chats(it, plan::READS)?.rate.per_second),
        Unit::PerSecond,
        AtLeast(2_000.0),
    ),
    rule("log-ins: p99 of others' reply, of that without", beside_logins, Unit::Ratio, AtMost(1.2)),
    rule(
        "open 1,000/s: server CPU a message",
        |it| it.messages(plan::OPEN)?.cpu_per_message(),
        Unit::Micros,
        AtMost(400.0),
    ),
];

/// Those that the run measured.
pub(super) fn targets(outcome: &Outcome) -> Vec<Target> {
    let target = |rule: &Rule| {
        let value = (rule.value)(outcome)?;
        Some(Target { name: rule.name, value, unit: rule.unit, goal: rule.goal })
    };
    RULES.iter().filter_map(target).collect()
}

impl Target {
    pub(super) fn is_met(&self) -> bool {
        match self.goal {
            AtLeast(limit) => self.value >= limit,
            AtMost(limit) => self.value <= limit,
        }
    }

    /// The limit in words.
    pub(super) fn limit(&self) -> String {
        match self.goal {
            AtLeast(limit) => format!("≥ {}", self.unit.show(limit)),
            AtMost(limit) => format!("≤ {}", self.unit.show(limit)),
        }
    }

    pub(super) fn verdict(&self) -> &'static str {
        if self.is_met() { "met" } else { "missed" }
    }
}

const fn rule(name: &'static str, value: fn(&Outcome) -> Option<f64>, unit: Unit, goal: Goal) -> Rule {
    Rule { name, value, unit, goal }
}

fn private(outcome: &Outcome) -> Option<&Messages> {
    outcome.messages(plan::PRIVATE)
}

fn group(outcome: &Outcome) -> Option<&Messages> {
    outcome.messages(plan::GROUP_OF_500)
}

fn busy(outcome: &Outcome) -> Option<&Messages> {
    outcome.messages(plan::OPEN_AND_READ)
}

fn idle(outcome: &Outcome) -> Option<&Idle> {
    if let Report::Idle(idle) = &outcome.load(plan::IDLE)?.report { Some(idle) } else { None }
}

fn slow<'a>(outcome: &'a Outcome, name: &str) -> Option<&'a Slow> {
    if let Report::Slow(slow) = &outcome.load(name)?.report { Some(slow) } else { None }
}

fn storm(outcome: &Outcome) -> Option<&Storm> {
    if let Report::Storm(storm) = &outcome.load(plan::STORM)?.report { Some(storm) } else { None }
}

fn logins(outcome: &Outcome) -> Option<&Logins> {
    if let Report::Logins(logins) = &outcome.load(plan::LOGINS)?.report { Some(logins) } else { None }
}

fn reads<'a>(outcome: &'a Outcome, name: &str) -> Option<&'a Reads> {
    if let Report::Reads(reads) = &outcome.load(name)?.report { Some(reads) } else { None }
}

fn chats<'a>(outcome: &'a Outcome, name: &str) -> Option<&'a Reading> {
    reads(outcome, name).map(|reads| &reads.chats)
}

fn page<'a>(outcome: &'a Outcome, name: &str) -> Option<&'a Reading> {
    reads(outcome, name).map(|reads| &reads.page)
}

fn of_send_messages(outcome: &Outcome) -> Option<f64> {
    Some(private(outcome)?.stored.per_second / outcome.limits.postgres.send_messages)
}

/// Of the better way to insert single rows.
fn of_single_inserts(outcome: &Outcome) -> Option<f64> {
    let private = private(outcome)?;
    Some(private.stored.per_second.min(private.delivered.per_second) / outcome.limits.postgres.single())
}

fn of_one_commit(outcome: &Outcome) -> Option<f64> {
    let delivery = p50(&outcome.messages(plan::ONE_IN_FLIGHT)?.send_to_delivery)?;
    Some(delivery / float(outcome.limits.commit.p50.max(1)))
}

fn hot(outcome: &Outcome) -> Option<f64> {
    Some(outcome.messages(plan::HOT_GROUP)?.stored.per_second)
}

fn alive(outcome: &Outcome) -> Option<f64> {
    let idle = idle(outcome)?;
    Some(float(idle.alive) / float(idle.scenario.sockets.max(1)))
}

/// Readers who read are sent the same: the flood itself takes processors and is no fault of those who stall.
fn beside_stalled(outcome: &Outcome) -> Option<f64> {
    let slow = slow(outcome, plan::SLOW)?;
    times(&slow.delivery_slow, &slow.delivery_reading)
}

fn beside_logins(outcome: &Outcome) -> Option<f64> {
    let logins = logins(outcome)?;
    times(&logins.ack_loaded, &logins.ack_calm)
}

/// How much longer the slowest hundredth takes.
fn times(now: &Latency, calm: &Latency) -> Option<f64> {
    Some(p99(now)? / p99(calm)?)
}

/// `None` when nothing was measured.
fn p50(latency: &Latency) -> Option<f64> {
    (latency.count > 0).then(|| float(latency.p50))
}

fn p99(latency: &Latency) -> Option<f64> {
    (latency.count > 0).then(|| float(latency.p99))
}

#[cfg(test)]
mod tests;
