//! Leaves a failing service alone for a while, then sends one call ahead to see whether it is back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Counts failures in a row.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_max: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    failures: u32,
    closed_until: Option<Instant>,
}

impl Breaker {
    /// After `failures_max` failures in a row nothing is let through for `pause`.
    pub(super) fn new(failures_max: u32, pause: Duration) -> Self {
        Self { failures_max, pause, state: Mutex::new(State { failures: 0, closed_until: None }) }
    }

    /// Whether a call may be made at `now`. The first one after a pause is a probe: until its outcome is known, or another
    /// pause has passed, the others are refused.
    pub(super) fn admits(&self, now: Instant) -> bool {
        let mut state = self.state();
        if state.failures < self.failures_max {
            return true;
        }
        if state.closed_until.is_some_and(|until| now < until) {
            return false;
        }
        state.closed_until = Some(now + self.pause);
        true
    }

    /// Notes that a call succeeded. True when that ends an outage.
    pub(super) fn succeeded(&self) -> bool {
        let mut state = self.state();
        let was_out = state.failures >= self.failures_max;
        *state = State { failures: 0, closed_until: None };
        was_out
    }

    /// Notes that a call failed at `now`. True when that begins an outage.
    pub(super) fn failed(&self, now: Instant) -> bool {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= self.failures_max {
            state.closed_until = Some(now + self.pause);
        }
        state.failures == self.failures_max
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    fn broken(now: Instant) -> Breaker {
        let breaker = Breaker::new(3, PAUSE);
        assert_eq!([(); 3].map(|()| breaker.failed(now)), [false, false, true]);
        breaker
    }

    #[test]
    fn only_failures_in_a_row_count() {
        let (breaker, now) = (Breaker::new(2, PAUSE), Instant::now());
        for _ in 0..5 {
            assert!(!breaker.failed(now));
            assert!(!breaker.succeeded());
            assert!(breaker.admits(now));
        }
    }

    #[test]
    fn after_the_pause_one_probe_goes_ahead() {
        let now = Instant::now();
        let breaker = broken(now);
        assert!(!breaker.admits(now) && !breaker.admits(now + PAUSE / 2));
        assert!(breaker.admits(now + PAUSE));
        assert!(!breaker.admits(now + PAUSE), "the probe is on its way");
        assert!(breaker.succeeded());
        assert!(breaker.admits(now + PAUSE));
    }

    #[test]
    fn a_failed_probe_begins_another_pause() {
        let now = Instant::now();
        let breaker = broken(now);
        assert!(breaker.admits(now + PAUSE));
        assert!(!breaker.failed(now + PAUSE), "the outage had begun before");
        assert!(!breaker.admits(now + PAUSE + PAUSE / 2));
        assert!(breaker.admits(now + PAUSE * 2));
    }

    #[test]
    fn a_probe_without_an_outcome_does_not_block_for_ever() {
        let now = Instant::now();
        let breaker = broken(now);
        assert!(breaker.admits(now + PAUSE));
        assert!(breaker.admits(now + PAUSE * 2));
    }
}
