//! The clock of a run and the histograms of its tasks.
//!
//! Each task fills a [`Meter`] of its own, without locks; they are added up at the end. [`Live`] is what the
//! progress line shows meanwhile.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;

/// Longest latency that is told apart, in microseconds: longer ones count as this.
const LONGEST_MICROS: u64 = 120_000_000;

/// Time of a run in nanoseconds since its start, and the part that is measured.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    start: Instant,
    measured: Range<u64>,
}

/// Latencies and how many events fell into the measured time.
#[derive(Debug)]
pub(crate) struct Meter {
    latency: Histogram<u32>,
    in_window: u64,
}

/// Counts of all tasks, while they run.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) acks: AtomicU64,
    pub(crate) deliveries: AtomicU64,
    pub(crate) errors: AtomicU64,
}

/// How often each error happened.
pub(crate) type Errors = BTreeMap<String, u64>;

impl Timeline {
    pub(crate) fn start(warm_up: Duration, measured: Duration) -> Self {
        let begin = nanos(warm_up);
        Self { start: Instant::now(), measured: begin..begin + nanos(measured) }
    }

    pub(crate) fn now(&self) -> u64 {
        nanos(self.start.elapsed())
    }

    /// When measuring begins.
    pub(crate) fn begin(&self) -> u64 {
        self.measured.start
    }

    /// When it ends and the last message is sent.
    pub(crate) fn end(&self) -> u64 {
        self.measured.end
    }

    pub(crate) fn instant(&self, at: u64) -> tokio::time::Instant {
        (self.start + Duration::from_nanos(at)).into()
    }
}

/// Nanoseconds: 64 bits hold 584 years of them.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Meter {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { latency: Histogram::new_with_bounds(1, LONGEST_MICROS, 3)?, in_window: 0 })
    }

    /// Notes an event at `now` whose message was due at `due`. Throughput counts what happened in the measured
    /// time; latency what was due in it, so that what comes late is not left out.
    pub(crate) fn note(&mut self, timeline: &Timeline, due: u64, now: u64) {
        self.in_window += u64::from(timeline.measured.contains(&now));
        if timeline.measured.contains(&due) {
            self.latency.saturating_record(now.saturating_sub(due) / 1000);
        }
    }

    pub(crate) fn add(&mut self, other: &Self) -> Result<()> {
        self.in_window += other.in_window;
        Ok(self.latency.add(&other.latency)?)
    }

    pub(crate) fn in_window(&self) -> u64 {
        self.in_window
    }

    pub(crate) fn latency(&self) -> &Histogram<u32> {
        &self.latency
    }
}

impl Live {
    pub(crate) fn count(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_belongs_to_what_was_due_and_throughput_to_what_happened() {
        let second = 1_000_000_000;
        let timeline = Timeline::start(Duration::from_secs(1), Duration::from_secs(2));
        let mut meter = Meter::new().expect("bounds");
        meter.note(&timeline, 0, second / 2);
        assert_eq!((meter.in_window(), meter.latency().len()), (0, 0), "warm-up");
        meter.note(&timeline, second / 2, second);
        assert_eq!((meter.in_window(), meter.latency().len()), (1, 0), "due in the warm-up");
        meter.note(&timeline, 2 * second, 7 * second);
        assert_eq!((meter.in_window(), meter.latency().len()), (1, 1), "late, but due in time");
        assert!(meter.latency().max().abs_diff(5_000_000) < 5_000);
        let mut sum = Meter::new().expect("bounds");
        sum.add(&meter).expect("same bounds");
        assert_eq!((sum.in_window(), sum.latency().len()), (1, 1));
    }
}
