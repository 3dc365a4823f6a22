//! What the checker found.

use std::collections::BTreeMap;
use std::fmt;

use hdrhistogram::Histogram;

/// Breaches that are kept with their records; all are counted.
const KEPT: usize = 1_000;
/// Longest latency that is told apart, in microseconds: ten minutes.
const LATENCY_MAX: u64 = 600_000_000;

/// How the promise can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Acknowledged and not in the log, or in the log and never shown to a member's device.
    Lost,
    /// Stored twice, or shown twice to one device.
    Duplicated,
    /// Shown behind a later one.
    Reordered,
    /// Passed over without a word.
    Skipped,
    /// Shown or acknowledged, and the log does not have it, or has something else there.
    Phantom,
    /// Shown to somebody who was no member then.
    Leaked,
    /// Shown too late.
    Late,
    /// The log contradicts itself.
    Log,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Lost,
        Self::Duplicated,
        Self::Reordered,
        Self::Skipped,
        Self::Phantom,
        Self::Leaked,
        Self::Late,
        Self::Log,
    ];
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Lost => "lost",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
            Self::Skipped => "skipped",
            Self::Phantom => "phantom",
            Self::Leaked => "leaked",
            Self::Late => "late",
            Self::Log => "log",
        };
        f.pad(name)
    }
}

/// One breach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its kind.
    pub class: Class,
    /// In words.
    pub what: String,
    /// Numbers of the records that show it.
    pub records: Vec<u64>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records: Vec<String> = self.records.iter().map(ToString::to_string).collect();
        write!(f, "{}: {} (records {})", self.class, self.what, records.join(", "))
    }
}

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records of the history.
    pub records: u64,
    /// Messages that clients began to send.
    pub sent: u64,
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Requests refused, messages and others.
    pub refused: u64,
    /// Requests without an answer.
    pub unknown: u64,
    /// Entries shown to devices.
    pub received: u64,
    /// Rows of the log.
    pub rows: u64,
    /// Faults that were injected.
    pub faults: u64,
}

/// Latencies in microseconds, apart for what happened during faults and their grace.
#[derive(Debug, Clone)]
pub struct Latency {
    /// In quiet times.
    pub quiet: Histogram<u64>,
    /// During faults.
    pub disturbed: Histogram<u64>,
}

impl Default for Latency {
    fn default() -> Self {
        // It cannot fail: the bounds are those of the library's documentation.
        let empty = || Histogram::new_with_max(LATENCY_MAX, 3).unwrap_or_else(|error| panic!("{error}"));
        Self { quiet: empty(), disturbed: empty() }
    }
}

impl Latency {
    fn record(&mut self, micros: u64, disturbed: bool) {
        let histogram = if disturbed { &mut self.disturbed } else { &mut self.quiet };
        histogram.saturating_record(micros);
    }
}

/// The outcome of a check.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// The first thousand breaches.
    pub violations: Vec<Violation>,
    /// How many there are of each kind.
    pub counts: BTreeMap<Class, u64>,
    /// What was counted.
    pub totals: Totals,
    /// From a send to its acknowledgement.
    pub send: Latency,
    /// From the acknowledgement to a connected device.
    pub delivery: Latency,
}

impl Verdict {
    /// Whether the promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.counts.is_empty()
    }

    pub(super) fn add(&mut self, class: Class, what: String, records: impl IntoIterator<Item = u64>) {
        *self.counts.entry(class).or_default() += 1;
        if self.violations.len() < KEPT {
            self.violations.push(Violation { class, what, records: records.into_iter().collect() });
        }
    }

    pub(super) fn acknowledged(&mut self, micros: u64, disturbed: bool) {
        self.send.record(micros, disturbed);
    }

    pub(super) fn delivered(&mut self, micros: u64, disturbed: bool) {
        self.delivery.record(micros, disturbed);
    }
}
