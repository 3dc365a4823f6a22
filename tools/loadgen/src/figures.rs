//! Figures that several scenarios find, and how they look in a table.

use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::ledger::Breaches;
use crate::measure::Errors;
use crate::processes::Usage;

/// Quantiles of a curve.
const CURVE: [f64; 13] = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1.0];

/// A count and what it is a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rate {
    /// Events.
    pub(crate) count: u64,
    /// Events a second.
    pub(crate) per_second: f64,
}

/// A latency, in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Latency {
    /// Half were quicker.
    pub(crate) p50: u64,
    /// 90 of 100 were quicker.
    pub(crate) p90: u64,
    /// 99 of 100 were quicker.
    pub(crate) p99: u64,
    /// 999 of 1,000 were quicker.
    pub(crate) p999: u64,
    /// The slowest.
    pub(crate) max: u64,
    /// The average.
    pub(crate) mean: f64,
    /// How many there were.
    pub(crate) count: u64,
    /// Quantiles with their values.
    pub(crate) curve: Vec<(f64, u64)>,
}

impl Rate {
    pub(crate) fn of(count: u64, seconds: f64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a rate is not exact")]
        let per_second = if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        Self { count, per_second }
    }
}

impl Latency {
    /// Of values in microseconds.
    pub(crate) fn of(histogram: &Histogram<u32>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max(),
            mean: histogram.mean(),
            count: histogram.len(),
            curve: CURVE.iter().map(|quantile| (*quantile, at(*quantile))).collect(),
        }
    }
}

/// A line with a rate.
pub(crate) struct RateLine<'a>(pub(crate) &'a str, pub(crate) Rate, pub(crate) &'a str);

impl fmt::Display for RateLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, Rate { count, per_second }, unit) = self;
        writeln!(f, "  {name:<18} {per_second:>12.0} {unit:<12} {count:>12} in all")
    }
}

/// Lines with latencies, below a head.
pub(crate) struct Latencies<'a>(pub(crate) &'a [(&'a str, &'a Latency)]);

impl fmt::Display for Latencies<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  latency, ms               p50        p90        p99      p99.9        max")?;
        for (name, latency) in self.0 {
            let Latency { p50, p90, p99, p999, max, .. } = **latency;
            let [p50, p90, p99, p999, max] = [p50, p90, p99, p999, max].map(Millis);
            writeln!(f, "  {name:<18} {p50:>10} {p90:>10} {p99:>10} {p999:>10} {max:>10}")?;
        }
        Ok(())
    }
}

/// The lines that a table ends with.
pub(crate) struct Footer<'a> {
    pub(crate) breaches: Option<Breaches>,
    pub(crate) processes: &'a [Usage],
    pub(crate) errors: &'a Errors,
}

impl fmt::Display for Footer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Breaches { lost, duplicated, reordered, misplaced }) = self.breaches {
            writeln!(
                f,
                "  lost {lost}, duplicated {duplicated}, reordered {reordered}, misplaced {misplaced}"
            )?;
        }
        for Usage { name, cpu_seconds, resident_bytes } in self.processes {
            let mebibytes = resident_bytes / (1024 * 1024);
            writeln!(f, "  {name:<18} {cpu_seconds:>12.2} s of CPU {mebibytes:>12} MiB")?;
        }
        if self.errors.is_empty() {
            return writeln!(f, "  no errors");
        }
        self.errors.iter().try_for_each(|(error, count)| writeln!(f, "  error, {count} times: {error}"))
    }
}

/// Microseconds shown as milliseconds.
pub(crate) struct Millis(pub(crate) u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:03}", self.0 / 1000, self.0 % 1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_has_its_curve() {
        let mut histogram = Histogram::new_with_bounds(1, 1_000_000, 3).expect("bounds");
        (1..=1000).for_each(|value| histogram.saturating_record(value));
        let latency = Latency::of(&histogram);
        assert_eq!((latency.p50, latency.p90, latency.p99, latency.p999), (500, 900, 990, 999));
        assert_eq!((latency.max, latency.count), (1000, 1000));
        assert_eq!(latency.curve.first(), Some(&(0.0, 1)));
        assert_eq!(latency.curve.last(), Some(&(1.0, 1000)));
        let json = serde_json::to_value(latency).expect("JSON");
        assert_eq!((&json["p999"], &json["curve"][3]), (&999.into(), &serde_json::json!([0.5, 500])));
    }

    #[test]
    fn nothing_in_no_time_is_no_rate() {
        assert_eq!(Rate::of(10, 4.0), Rate { count: 10, per_second: 2.5 });
        assert_eq!(Rate::of(0, 0.0), Rate { count: 0, per_second: 0.0 });
    }

    #[test]
    fn a_table_shows_milliseconds_processes_and_errors() {
        let mut histogram = Histogram::new_with_bounds(1, 120_000_000, 3).expect("bounds");
        histogram.saturating_record(1_500);
        let lines = Latencies(&[("send to ack", &Latency::of(&histogram))]).to_string();
        assert!(lines.contains("send to ack             1.500      1.500"), "{lines}");
        let usage = Usage { name: "gateway".to_owned(), cpu_seconds: 1.5, resident_bytes: 3 * 1024 * 1024 };
        let errors = Errors::from([("no reply within 10s".to_owned(), 3)]);
        let footer = Footer { breaches: Some(Breaches::default()), processes: &[usage], errors: &errors };
        let footer = footer.to_string();
        assert!(footer.contains("gateway                    1.50 s of CPU            3 MiB"), "{footer}");
        assert!(footer.contains("error, 3 times: no reply within 10s"), "{footer}");
    }
}
