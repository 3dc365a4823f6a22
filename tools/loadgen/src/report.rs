//! The result of a run, as JSON or as a table.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

pub use crate::ledger::Breaches;
use crate::measure::Meter;
use crate::options::Scenario;
pub use crate::processes::Usage;

/// The result of a run. Counts and rates are of the measured time; breaches and errors of the whole run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Random name of the run; its users carry it.
    pub run: String,
    /// What was done.
    pub scenario: Scenario,
    /// Gateways the users were spread over.
    pub gateways: usize,
    /// Measured time, in seconds.
    pub seconds: u64,
    /// Messages acknowledged in the measured time.
    pub stored: Rate,
    /// Messages delivered in the measured time, once for each listener.
    pub delivered: Rate,
    /// From when a message was due (closed loop: sent) to its acknowledgement, in microseconds.
    pub send_to_ack: Latency,
    /// From when a message was due (closed loop: sent) to each delivery, in microseconds.
    pub send_to_delivery: Latency,
    /// Messages of the open loop that were due but found no room in flight before the end.
    pub unsent: u64,
    /// Breaches of the promise.
    pub breaches: Breaches,
    /// How often each error happened.
    pub errors: BTreeMap<String, u64>,
    /// What this program and the watched processes used in the measured time; none where `/proc` is not.
    pub processes: Vec<Usage>,
}

/// A count and what it is a second.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// Events.
    pub count: u64,
    /// Events a second.
    pub per_second: f64,
}

/// Percentiles of a latency, in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// Half were quicker.
    pub p50: u64,
    /// 90 of 100 were quicker.
    pub p90: u64,
    /// 99 of 100 were quicker.
    pub p99: u64,
    /// The slowest.
    pub max: u64,
}

impl Report {
    /// Whether every acknowledged message arrived once and in order, and anything arrived at all.
    #[must_use]
    pub fn kept_the_promise(&self) -> bool {
        self.breaches == Breaches::default() && self.stored.count > 0
    }
}

impl Rate {
    pub(crate) fn of(meter: &Meter, seconds: u64) -> Self {
        let count = meter.in_window();
        #[expect(clippy::cast_precision_loss, reason = "a rate is not exact")]
        let per_second = count as f64 / seconds as f64;
        Self { count, per_second }
    }
}

impl Latency {
    pub(crate) fn of(meter: &Meter) -> Self {
        let at = |quantile| meter.latency().value_at_quantile(quantile);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: meter.latency().max() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}, {} gateway(s), {} s measured", self.scenario, self.gateways, self.seconds)?;
        writeln!(
            f,
            "  stored       {:>12.0} messages/s   {:>12} in all",
            self.stored.per_second, self.stored.count
        )?;
        let delivered = self.delivered;
        writeln!(
            f,
            "  delivered    {:>12.0} messages/s   {:>12} in all",
            delivered.per_second, delivered.count
        )?;
        writeln!(f, "  latency, ms           p50        p90        p99        max")?;
        for (name, latency) in [("ack", self.send_to_ack), ("delivery", self.send_to_delivery)] {
            let Latency { p50, p90, p99, max } = latency;
            let [p50, p90, p99, max] = [p50, p90, p99, max].map(Millis);
            writeln!(f, "  send to {name:<8} {p50:>10} {p90:>10} {p99:>10} {max:>10}")?;
        }
        let Breaches { lost, duplicated, reordered, misplaced } = self.breaches;
        writeln!(
            f,
            "  lost {lost}, duplicated {duplicated}, reordered {reordered}, misplaced {misplaced}, unsent {}",
            self.unsent
        )?;
        for Usage { name, cpu_seconds, resident_bytes } in &self.processes {
            let mebibytes = resident_bytes / (1024 * 1024);
            writeln!(f, "  {name:<12} {cpu_seconds:>12.2} s of CPU {mebibytes:>12} MiB")?;
        }
        if self.errors.is_empty() {
            return writeln!(f, "  no errors");
        }
        self.errors.iter().try_for_each(|(error, count)| writeln!(f, "  error, {count} times: {error}"))
    }
}

/// Microseconds shown as milliseconds.
struct Millis(u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:03}", self.0 / 1000, self.0 % 1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Private;

    fn report() -> Report {
        let latency = Latency { p50: 1_500, p90: 2_000, p99: 30_250, max: 1_000_001 };
        Report {
            run: "r".to_owned(),
            scenario: Scenario::Private(Private { pairs: 2, in_flight: 3 }),
            gateways: 2,
            seconds: 10,
            stored: Rate { count: 100, per_second: 10.0 },
            delivered: Rate { count: 100, per_second: 10.0 },
            send_to_ack: latency,
            send_to_delivery: latency,
            unsent: 0,
            breaches: Breaches::default(),
            errors: BTreeMap::from([("no reply within 10s".to_owned(), 3)]),
            processes: vec![Usage {
                name: "gateway".to_owned(),
                cpu_seconds: 1.5,
                resident_bytes: 3 * 1024 * 1024,
            }],
        }
    }

    #[test]
    fn the_table_shows_all_of_it() {
        let table = report().to_string();
        assert!(table.contains("1.500      2.000     30.250   1000.001"), "{table}");
        assert!(table.contains("gateway              1.50 s of CPU            3 MiB"), "{table}");
        assert!(table.contains("error, 3 times: no reply within 10s"), "{table}");
    }

    #[test]
    fn the_json_has_stable_names() {
        let json = serde_json::to_value(report()).expect("JSON");
        assert_eq!(json["scenario"], serde_json::json!({"name": "private", "pairs": 2, "inFlight": 3}));
        assert_eq!(json["sendToDelivery"]["p99"], 30_250);
        assert_eq!(json["stored"]["perSecond"], 10.0);
        assert_eq!(json["breaches"]["lost"], 0);
        assert_eq!(json["processes"][0]["cpuSeconds"], 1.5);
    }

    #[test]
    fn one_breach_breaks_the_promise() {
        let mut report = report();
        assert!(report.kept_the_promise());
        report.breaches.lost = 1;
        assert!(!report.kept_the_promise());
    }
}
