//! A limit of how often something may happen: the generic cell rate algorithm (ITU-T I.371), a token bucket that needs
//! no timer and one moment of memory.

use std::time::Duration;

use tokio::time::Instant;

/// So many a second in the long run, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Time in which one unit grows back.
    interval: Duration,
    /// Units that may be taken at once after a rest.
    burst: u32,
}

impl Rate {
    /// `count` units in each `period`, at most `burst` of them at once. Zero counts as one.
    pub fn new(count: u32, period: Duration, burst: u32) -> Self {
        Self { interval: period / count.max(1), burst: burst.max(1) }
    }

    /// `count` units a second, at most `burst` at once.
    pub fn per_second(count: u32, burst: u32) -> Self {
        Self::new(count, Duration::from_secs(1), burst)
    }
}

/// What one client has used of a [`Rate`]. A new one is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When all that was taken has grown back; none before the first use.
    full_at: Option<Instant>,
}

impl Bucket {
    /// Takes `cost` units (at most a whole burst) at `now`.
    ///
    /// # Errors
    /// There are not as many: after how long there are, if nothing else is taken meanwhile. Nothing is taken.
    pub fn take(&mut self, rate: &Rate, now: Instant, cost: u32) -> Result<(), Duration> {
        let from = self.full_at.map_or(now, |full_at| full_at.max(now));
        let full_at = from + rate.interval * cost.min(rate.burst);
        let room = now + rate.interval * rate.burst;
        if full_at > room {
            return Err(full_at - room);
        }
        self.full_at = Some(full_at);
        Ok(())
    }

    /// Whether everything has grown back: the bucket may be forgotten.
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at.is_none_or(|full_at| full_at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: fn() -> Rate = || Rate::per_second(10, 3);

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_one_an_interval() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        let took = (0..5).filter(|_| bucket.take(&RATE(), now, 1).is_ok()).count();
        assert_eq!(took, 3);
        let wait = bucket.take(&RATE(), now, 1).expect_err("it is empty");
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(bucket.take(&RATE(), now + wait, 1), Ok(()));
        assert!(bucket.take(&RATE(), now + wait, 1).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_fills_it_to_the_burst_and_no_further() {
        let (mut bucket, mut now) = (Bucket::default(), Instant::now());
        for _ in 0..3 {
            bucket.take(&RATE(), now, 3).expect("a whole burst");
            assert!(!bucket.is_full(now));
            now += Duration::from_secs(3600);
            assert!(bucket.is_full(now));
        }
        assert_eq!(bucket.take(&RATE(), now, 99), Ok(()), "more than a burst costs a burst");
        assert!(bucket.take(&RATE(), now, 1).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn in_the_long_run_the_rate_holds_whatever_the_pattern() {
        let (mut bucket, start, mut took) = (Bucket::default(), Instant::now(), 0);
        for step in 0..10_000_u32 {
            let now = start + Duration::from_millis(u64::from(step * 7 % 10_000));
            let now = now.max(start + Duration::from_millis(u64::from(step)));
            took += u32::from(bucket.take(&RATE(), now, 1).is_ok());
        }
        assert!(took <= 3 + 10 * 10, "{took} in ten seconds");
    }
}
