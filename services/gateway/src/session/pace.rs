//! How fast one socket may talk, and when it has gone too far. Pure: time comes in.
//!
//! A frame past the rate is refused. So that refusing is cheap, too, only as many are answered at once as may be asked at
//! once; then the socket is read no faster than its rate. Who is still past it in three different seconds of a minute is
//! not a client in a hurry but one that does not listen.

use std::time::Duration;

use messenger_chassis::rate::{Bucket, Rate};
use tokio::time::Instant;

/// A second with a refused frame is a strike, however many there are.
const STRIKE: Duration = Duration::from_secs(1);
/// How long a strike counts.
const MEMORY: Duration = Duration::from_secs(60);

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admitted {
    /// It is served.
    Served,
    /// It is refused: room for another one comes after the first time, and the socket is read again after the second.
    Refused(Duration, Option<Duration>),
    /// It was one too many.
    Abuse,
}

#[derive(Debug)]
pub(super) struct Pace {
    rate: Option<Rate>,
    frames: Bucket,
    refusals: Bucket,
    /// The latest strike, and the one before.
    strikes: [Option<Instant>; 2],
}

impl Pace {
    /// A pace that `rate` limits; without one, nothing does.
    pub(super) fn new(rate: Option<Rate>) -> Self {
        Self { rate, frames: Bucket::default(), refusals: Bucket::default(), strikes: [None; 2] }
    }

    /// A frame has come, of whichever kind.
    pub(super) fn frame(&mut self, now: Instant) -> Admitted {
        let Some(rate) = self.rate else { return Admitted::Served };
        let Err(wait) = self.frames.take(&rate, now, 1) else { return Admitted::Served };
        metrics::counter!("gateway_rate_limited_total", "limit" => "frames").increment(1);
        if self.strikes_out(now) {
            return Admitted::Abuse;
        }
        Admitted::Refused(wait, self.refusals.take(&rate, now, 1).err())
    }

    /// Counts a strike; whether it was the third.
    fn strikes_out(&mut self, now: Instant) -> bool {
        let [latest, before] = self.strikes;
        let since = |strike: Option<Instant>, time| strike.is_some_and(|at| now < at + time);
        if since(latest, STRIKE) {
            return false;
        }
        self.strikes = [Some(now), latest];
        since(before, MEMORY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: fn() -> Option<Rate> = || Some(Rate::per_second(50, 100));

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_everything_passes() {
        let (mut pace, now) = (Pace::new(None), Instant::now());
        assert!((0..10_000).all(|_| pace.frame(now) == Admitted::Served));
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_served_a_second_one_refused_and_then_the_socket_is_read_slowly() {
        let (mut pace, now) = (Pace::new(RATE()), Instant::now());
        assert!((0..100).all(|_| pace.frame(now) == Admitted::Served));
        let wait = Duration::from_millis(20);
        assert!((0..100).all(|_| pace.frame(now) == Admitted::Refused(wait, None)));
        assert_eq!(pace.frame(now), Admitted::Refused(wait, Some(wait)));
        assert_eq!(pace.frame(now + wait), Admitted::Served);
    }

    #[tokio::test(start_paused = true)]
    async fn the_third_second_past_the_rate_is_the_end() {
        let (mut pace, start) = (Pace::new(RATE()), Instant::now());
        let flood =
            (0..10_000).find(|millis| pace.frame(start + Duration::from_millis(*millis)) == Admitted::Abuse);
        // 100 at once and 50 a second, at 1000 a second: past it from 105 ms on.
        assert!((2_100..2_200).contains(&flood.expect("it ends")), "{flood:?} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn one_hasty_burst_a_minute_is_forgiven_for_ever() {
        let (mut pace, start) = (Pace::new(RATE()), Instant::now());
        for minute in 0..100 {
            for second in [0, 5] {
                let now = start + Duration::from_secs(61 * minute + second);
                assert!((0..300).all(|_| pace.frame(now) != Admitted::Abuse), "in minute {minute}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_keeps_to_the_rate_never_hears_of_it() {
        let (mut pace, start) = (Pace::new(RATE()), Instant::now());
        assert!(
            (0..100_000)
                .all(|count| pace.frame(start + count * Duration::from_millis(20)) == Admitted::Served)
        );
    }
}
