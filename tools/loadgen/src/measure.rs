//! The clock of a run and the histograms of its tasks.
//!
//! Each task fills [`Meters`] of its own; they are added up at the end. [`Live`] is what the progress line shows meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::figures::Latency;

/// Longest latency that is told apart, in microseconds: longer ones count as this.
const LONGEST_MICROS: u64 = 120_000_000;
const SECOND: u64 = 1_000_000_000;

/// Time of a run in nanoseconds since its start: which part of it is measured as what, and when sending ends. Clones
/// share it.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    start: Instant,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// In order of time; before the first one nothing is measured.
    marks: RwLock<Vec<(u64, Option<Phase>)>>,
    end: AtomicU64,
}

/// What is measured apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The traffic alone.
    Calm,
    /// The same as in `Loaded` but for what the scenario is about.
    Control,
    /// What the scenario does to it.
    Loaded,
}

/// Latencies, and how many events fell into a phase.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    /// In microseconds.
    pub(crate) latency: Histogram<u32>,
    pub(crate) in_phase: u64,
}

/// A meter for each phase, and how many events fell into each second since the start.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    meters: BTreeMap<Phase, Meter>,
    seconds: Vec<u64>,
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

pub(crate) fn add_errors(sum: &mut Errors, errors: &Errors) {
    errors.iter().for_each(|(error, count)| *sum.entry(error.clone()).or_default() += count);
}

impl Timeline {
    /// Starts now and ends when [`Timeline::end_at`] says so.
    pub(crate) fn start() -> Self {
        let shared = Shared { marks: RwLock::default(), end: AtomicU64::new(u64::MAX) };
        Self { start: Instant::now(), shared: Arc::new(shared) }
    }

    pub(crate) fn now(&self) -> u64 {
        nanos(self.start.elapsed())
    }

    /// From `at` on, which is later than all earlier marks, events belong to `phase`.
    pub(crate) fn mark(&self, at: u64, phase: Option<Phase>) {
        // Held for single calls that leave the list whole, here and below.
        self.shared.marks.write().unwrap_or_else(PoisonError::into_inner).push((at, phase));
    }

    pub(crate) fn phase(&self, at: u64) -> Option<Phase> {
        let marks = self.shared.marks.read().unwrap_or_else(PoisonError::into_inner);
        marks.iter().rev().find(|(from, _)| *from <= at)?.1
    }

    pub(crate) fn end_at(&self, end: u64) {
        self.shared.end.store(end, Ordering::Relaxed);
    }

    /// From when on nothing is sent any more.
    pub(crate) fn end(&self) -> u64 {
        self.shared.end.load(Ordering::Relaxed)
    }

    pub(crate) fn instant(&self, at: u64) -> tokio::time::Instant {
        (self.start + Duration::from_nanos(at)).into()
    }

    pub(crate) async fn reach(&self, at: u64) {
        tokio::time::sleep_until(self.instant(at)).await;
    }
}

/// Nanoseconds: 64 bits hold 584 years of them.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Meter {
    #[expect(clippy::expect_used, reason = "the bounds are constants that the histogram takes")]
    pub(crate) fn new() -> Self {
        let latency = Histogram::new_with_bounds(1, LONGEST_MICROS, 3);
        Self { latency: latency.expect("bounds of a histogram"), in_phase: 0 }
    }

    /// Notes a latency in nanoseconds.
    pub(crate) fn took(&mut self, nanos: u64) {
        self.latency.saturating_record(nanos / 1000);
    }

    #[expect(clippy::expect_used, reason = "all have the same bounds")]
    pub(crate) fn add(&mut self, other: &Self) {
        self.in_phase += other.in_phase;
        self.latency.add(&other.latency).expect("histograms of the same bounds");
    }
}

impl Meters {
    /// Notes an event at `now` whose message was due at `due`. Throughput counts what happened in a phase; latency
    /// what was due in it, so that what comes late is not left out.
    pub(crate) fn note(&mut self, timeline: &Timeline, due: u64, now: u64) {
        if let Some(phase) = timeline.phase(now) {
            self.meter(phase).in_phase += 1;
        }
        if let Some(phase) = timeline.phase(due) {
            self.meter(phase).took(now.saturating_sub(due));
        }
        let second = (now / SECOND) as usize;
        if second >= self.seconds.len() {
            self.seconds.resize(second + 1, 0);
        }
        self.seconds[second] += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (phase, meter) in &other.meters {
            self.meter(*phase).add(meter);
        }
        self.seconds.resize(self.seconds.len().max(other.seconds.len()), 0);
        self.seconds.iter_mut().zip(&other.seconds).for_each(|(mine, other)| *mine += other);
    }

    pub(crate) fn of(&self, phase: Phase) -> Meter {
        self.meters.get(&phase).cloned().unwrap_or_else(Meter::new)
    }

    /// Of the phases in order: calm, loaded.
    pub(crate) fn latencies(&self) -> [Latency; 2] {
        [Phase::Calm, Phase::Loaded].map(|phase| self.latency(phase))
    }

    pub(crate) fn latency(&self, phase: Phase) -> Latency {
        Latency::of(&self.of(phase).latency)
    }

    /// Events in a second since the start, counted from 0.
    pub(crate) fn in_second(&self, second: u64) -> u64 {
        usize::try_from(second).ok().and_then(|second| self.seconds.get(second)).copied().unwrap_or(0)
    }

    fn meter(&mut self, phase: Phase) -> &mut Meter {
        self.meters.entry(phase).or_insert_with(Meter::new)
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

    /// Measured from 1 s to 3 s, loaded from 5 s on.
    fn timeline() -> Timeline {
        let timeline = Timeline::start();
        timeline.mark(SECOND, Some(Phase::Calm));
        timeline.mark(3 * SECOND, None);
        timeline.mark(5 * SECOND, Some(Phase::Loaded));
        timeline
    }

    #[test]
    fn each_time_has_its_phase() {
        let timeline = timeline();
        let phases = [0, 1, 2, 3, 4, 5, 600].map(|second| timeline.phase(second * SECOND));
        let (calm, loaded) = (Some(Phase::Calm), Some(Phase::Loaded));
        assert_eq!(phases, [None, calm, calm, None, None, loaded, loaded]);
        assert_eq!(timeline.end(), u64::MAX);
        timeline.end_at(7);
        assert_eq!(timeline.end(), 7);
    }

    #[test]
    fn latency_belongs_to_what_was_due_and_throughput_to_what_happened() {
        let timeline = timeline();
        let mut meters = Meters::default();
        let calm = |meters: &Meters| {
            let meter = meters.of(Phase::Calm);
            (meter.in_phase, meter.latency.len())
        };
        meters.note(&timeline, 0, SECOND / 2);
        assert_eq!(calm(&meters), (0, 0), "warm-up");
        meters.note(&timeline, SECOND / 2, SECOND);
        assert_eq!(calm(&meters), (1, 0), "due in the warm-up");
        meters.note(&timeline, 2 * SECOND, 4 * SECOND);
        assert_eq!(calm(&meters), (1, 1), "late, but due in time");
        assert!(meters.of(Phase::Calm).latency.max().abs_diff(2_000_000) < 2_000);
        meters.note(&timeline, 2 * SECOND, 5 * SECOND);
        assert_eq!(calm(&meters), (1, 2), "happened in another phase");
        assert_eq!(meters.of(Phase::Loaded).in_phase, 1);
        let mut sum = Meters::default();
        sum.add(&meters);
        sum.add(&meters);
        assert_eq!(calm(&sum), (2, 4));
        assert_eq!([0, 1, 2, 4, 9].map(|second| sum.in_second(second)), [2, 2, 0, 2, 0]);
    }
}
