//! Counts what is done in a stretch of time.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

/// Time that is not counted at first: connections warm up, the server plans its statements.
const WARM_UP: Duration = Duration::from_millis(500);

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
