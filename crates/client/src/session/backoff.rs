//! How long to wait before trying again. Randomness is an argument.

use std::time::Duration;

/// Exponential back-off with full jitter: the n-th wait is anything up to `base · 2ⁿ`, never more than `cap`.
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// Nothing has failed yet.
    #[must_use]
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, failures: 0 }
    }

    /// The wait after one more failure; `random` is uniform over all values.
    pub fn next(&mut self, random: u64) -> Duration {
        let longest = self.base.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        fraction(longest.min(self.cap), random)
    }

    /// The wait of someone who was told to come later: the upper half of the longest.
    pub fn late(&mut self, random: u64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.cap / 2 + fraction(self.cap / 2, random)
    }

    /// Failures since the last success.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Something lasted: the next failure is the first.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// `random` parts of 2^64 of `whole`, to the microsecond.
fn fraction(whole: Duration, random: u64) -> Duration {
    let micros = (whole.as_micros() * u128::from(random)) >> 64;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_millis(500);
    const CAP: Duration = Duration::from_secs(30);

    #[test]
    fn the_longest_wait_doubles_up_to_the_cap() {
        let mut backoff = Backoff::new(BASE, CAP);
        let waits: Vec<u128> = (0..9).map(|_| backoff.next(u64::MAX).as_millis()).collect();
        assert_eq!(waits, [499, 999, 1999, 3999, 7999, 15_999, 29_999, 29_999, 29_999]);
        backoff.reset();
        assert_eq!(backoff.next(u64::MAX).as_millis(), 499);
    }

    #[test]
    fn jitter_is_full() {
        let mut backoff = Backoff::new(BASE, CAP);
        assert_eq!(backoff.next(0), Duration::ZERO);
        assert_eq!(backoff.next(u64::MAX / 2 + 1), BASE);
    }

    #[test]
    fn later_is_at_least_half_the_cap() {
        let mut backoff = Backoff::new(BASE, CAP);
        assert_eq!(backoff.late(0), CAP / 2);
        assert!(backoff.late(u64::MAX) < CAP);
    }

    #[test]
    fn endless_failures_do_not_overflow() {
        let mut backoff = Backoff { failures: u32::MAX, ..Backoff::new(BASE, CAP) };
        assert!(backoff.next(u64::MAX) < CAP);
    }
}
