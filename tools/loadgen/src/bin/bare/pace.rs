//! Counts what is done in a stretch of time.

use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::time::Instant;

/// Time that is not counted at first: connections warm up, the server plans its statements.
const WARM_UP: Duration = Duration::from_millis(500);

/// Longest latency that is told apart, in microseconds.
pub(crate) const LONGEST_MICROS: u64 = 60_000_000;

/// The time that is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    start: Instant,
    end: Instant,
}

impl Window {
    /// Begins after the warm-up, now.
    pub(crate) fn open(seconds: u64) -> Self {
        let start = Instant::now() + WARM_UP;
        Self { start, end: start + Duration::from_secs(seconds) }
    }

    pub(crate) fn has(&self, at: Instant) -> bool {
        (self.start..self.end).contains(&at)
    }

    pub(crate) fn is_over(&self, at: Instant) -> bool {
        at >= self.end
    }

    pub(crate) fn per_second(&self, count: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate is not exact")]
        let count = count as f64;
        count / (self.end - self.start).as_secs_f64()
    }
}

/// Steps that are done one after the other, and how long each took.
#[derive(Debug)]
pub(crate) struct Steps {
    window: Window,
    latency: Histogram<u32>,
}

/// What such steps came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// Steps a second.
    pub(crate) per_second: f64,
    /// Half were quicker, in microseconds.
    pub(crate) p50: u64,
    /// 99 of 100 were quicker, in microseconds.
    pub(crate) p99: u64,
}

impl Steps {
    pub(crate) fn new(window: Window) -> Result<Self> {
        Ok(Self { window, latency: Histogram::new_with_bounds(1, LONGEST_MICROS, 3)? })
    }

    /// Notes a step; whether the window is over.
    pub(crate) fn note(&mut self, started: Instant, ended: Instant) -> bool {
        if self.window.has(ended) {
            self.latency.saturating_record(u64::try_from((ended - started).as_micros()).unwrap_or(u64::MAX));
        }
        self.window.is_over(ended)
    }

    pub(crate) fn report(&self) -> Report {
        let at = |quantile| self.latency.value_at_quantile(quantile);
        Report { per_second: self.window.per_second(self.latency.len()), p50: at(0.5), p99: at(0.99) }
    }
}

/// Repeats `step` until the window is over; what it did within.
pub(crate) async fn repeat(window: Window, mut step: impl AsyncFnMut() -> Result<u64>) -> Result<u64> {
    let mut count = 0;
    loop {
        let done = step().await?;
        let now = Instant::now();
        if window.is_over(now) {
            return Ok(count);
        }
        count += if window.has(now) { done } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn steps_count_that_end_in_the_window() {
        let mut steps = Steps::new(Window::open(1)).expect("bounds");
        let start = Instant::now();
        let millis = |millis| start + Duration::from_millis(millis);
        let over =
            [(0, 400), (400, 510), (600, 700), (1400, 1600)].map(|(a, b)| steps.note(millis(a), millis(b)));
        assert_eq!(over, [false, false, false, true]);
        let report = steps.report();
        assert!((report.per_second - 2.0).abs() < 1e-9, "{report:?}");
        assert!(report.p50.abs_diff(100_000) < 100 && report.p99.abs_diff(110_000) < 110, "{report:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn warm_up_and_what_ends_late_are_not_counted() {
        let window = Window::open(2);
        let counted = repeat(window, async || {
            tokio::time::sleep(Duration::from_millis(400)).await;
            Ok(10)
        });
        // Ends at 0.4 | 0.8, 1.2, 1.6, 2.0, 2.4 | 2.8 s.
        assert_eq!(counted.await.expect("steps"), 50);
        assert!((window.per_second(50) - 25.0).abs() < 1e-9);
    }
}
