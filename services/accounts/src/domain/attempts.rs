//! How often something may be tried: pure rules over the little that is remembered of what was tried before.
//!
//! Times are milliseconds since 1970 and waits are milliseconds, because a script in Redis keeps the same numbers by the
//! same rules (`throttle/attempts.lua`); a test holds the two against each other.

use std::time::Duration;

/// A wait that doubles with each failure, or a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// So many failures in a window cost nothing; after them each failure doubles the wait for the next attempt.
    Doubling(Doubling),
    /// So many in a period, as many at once after a rest, and then one for each that has grown back.
    Rate(Rate),
}

impl Rule {
    /// Whether it is a [`Rule::Doubling`].
    pub fn is_doubling(&self) -> bool {
        matches!(self, Self::Doubling(_))
    }
}

/// See [`Rule::Doubling`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubling {
    /// Failures in a window that cost no wait.
    pub free: u32,
    /// Length of the window, milliseconds.
    pub window: i64,
    /// Wait after the last free failure, milliseconds.
    pub first: i64,
    /// Wait that is not exceeded, milliseconds.
    pub longest: i64,
}

/// Doublings after which the longest wait is reached in any case.
const DOUBLINGS_MAX: u32 = 30;
/// How long failures that cost a wait are remembered after it, in longest waits: whoever sits a wait out continues where
/// he was.
const REMEMBERED: i64 = 4;

/// See [`Rule::Rate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Time in which one grows back, milliseconds.
    pub interval: i64,
    /// As many at once after a rest.
    pub burst: u32,
}

impl Rate {
    /// `count` in each `period`, all at once after a rest; none at all when `count` is 0.
    pub fn new(count: u32, period: Duration) -> Option<Self> {
        let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX);
        (count > 0).then(|| Self { interval: (period / i64::from(count)).max(1), burst: count })
    }
}

/// What is remembered under one rule. A new one has seen nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Failures, under [`Rule::Doubling`].
    pub count: u32,
    /// When the window began, under [`Rule::Doubling`].
    pub since: i64,
    /// When the next attempt may come, or, under [`Rule::Rate`], when all that was taken has grown back.
    pub until: i64,
}

impl Attempts {
    /// How long the next attempt has to wait; 0 when it may come.
    pub fn wait(&self, rule: &Rule, now: i64) -> i64 {
        match rule {
            Rule::Doubling(_) => (self.until - now).max(0),
            Rule::Rate(rate) => {
                let room = rate.interval * (i64::from(rate.burst) - 1);
                (self.until.max(now) - now - room).max(0)
            }
        }
    }

    /// Counts an attempt as failed until something else is known of it.
    #[must_use]
    pub fn failed(self, rule: &Rule, now: i64) -> Self {
        match rule {
            Rule::Rate(rate) => Self { until: self.until.max(now) + rate.interval, ..self },
            Rule::Doubling(rule) => {
                let fresh = now >= self.forgotten_at(&Rule::Doubling(*rule));
                let (count, since) = if fresh { (1, now) } else { (self.count + 1, self.since) };
                Self { count, since, until: now + rule.wait_after(count) }
            }
        }
    }

    /// Takes back a failure that was none.
    #[must_use]
    pub fn taken_back(self, rule: &Rule) -> Self {
        match rule {
            Rule::Rate(rate) => Self { until: self.until - rate.interval, ..self },
            Rule::Doubling(_) => Self { count: self.count.saturating_sub(1), until: 0, ..self },
        }
    }

    /// When nothing needs to be remembered any more.
    pub fn forgotten_at(&self, rule: &Rule) -> i64 {
        match rule {
            Rule::Rate(_) => self.until,
            Rule::Doubling(rule) if self.count < rule.free => self.since + rule.window,
            Rule::Doubling(rule) => self.until.max(self.since) + rule.longest * REMEMBERED,
        }
    }
}

impl Doubling {
    fn wait_after(&self, failures: u32) -> i64 {
        match failures.checked_sub(self.free) {
            None => 0,
            Some(doublings) => self.longest.min(self.first << doublings.min(DOUBLINGS_MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAIR: Rule = Rule::Doubling(Doubling { free: 5, window: 60_000, first: 2_000, longest: 900_000 });

    /// Waits of someone who tries again as soon as he may.
    fn waits(rule: &Rule, tries: usize) -> Vec<i64> {
        let (mut attempts, mut now, mut waits) = (Attempts::default(), 1_000_000, Vec::new());
        for _ in 0..tries {
            let wait = attempts.wait(rule, now);
            waits.push(wait / 1_000);
            now += wait;
            attempts = attempts.failed(rule, now);
        }
        waits
    }

    #[test]
    fn five_failures_are_free_and_then_the_wait_doubles_up_to_a_quarter_of_an_hour() {
        assert_eq!(waits(&PAIR, 17), [0, 0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
    }

    #[test]
    fn failures_below_the_free_ones_are_forgotten_with_their_window() {
        let mut attempts = Attempts::default();
        for now in [0, 1, 2, 3] {
            attempts = attempts.failed(&PAIR, now);
        }
        let next_minute = attempts.failed(&PAIR, 60_000);
        assert_eq!((next_minute.count, next_minute.wait(&PAIR, 60_000)), (1, 0));
        assert_eq!(attempts.failed(&PAIR, 59_999).wait(&PAIR, 59_999), 2_000);
    }

    #[test]
    fn whoever_sits_a_wait_out_continues_where_he_was_until_he_stays_away_for_an_hour() {
        let mut attempts = Attempts::default();
        for _ in 0..6 {
            attempts = attempts.failed(&PAIR, 0);
        }
        assert_eq!(attempts.wait(&PAIR, 0), 4_000);
        assert_eq!(attempts.failed(&PAIR, 3_600_000).wait(&PAIR, 3_600_000), 8_000);
        assert_eq!(attempts.failed(&PAIR, 3_604_000).wait(&PAIR, 3_604_000), 0);
    }

    #[test]
    fn a_failure_that_was_none_is_taken_back() {
        let mut attempts = Attempts::default();
        for _ in 0..5 {
            attempts = attempts.failed(&PAIR, 0);
        }
        let attempts = attempts.taken_back(&PAIR);
        assert_eq!(attempts.wait(&PAIR, 0), 0);
        assert_eq!(attempts.failed(&PAIR, 0).wait(&PAIR, 0), 2_000);
    }

    #[test]
    fn a_rate_lets_as_many_through_at_once_and_then_one_for_each_that_grows_back() {
        let rule = Rule::Rate(Rate::new(30, Duration::from_secs(60)).unwrap());
        let all = waits(&rule, 34);
        assert_eq!(all[..30], [0; 30]);
        assert_eq!(all[30..], [2; 4]);
        assert_eq!(Rate::new(0, Duration::from_secs(60)), None);
    }

    proptest! {
        #[test]
        fn what_was_allowed_never_exceeds_the_rate(pauses in prop::collection::vec(0_i64..4_000, 1..200)) {
            let rule = Rule::Rate(Rate::new(6, Duration::from_secs(6)).unwrap());
            let (mut attempts, mut now, mut allowed) = (Attempts::default(), 0, 0);
            for pause in pauses {
                now += pause;
                if attempts.wait(&rule, now) == 0 {
                    attempts = attempts.failed(&rule, now);
                    allowed += 1;
                }
            }
            prop_assert!(allowed <= 6 + now / 1_000, "{allowed} in {now} ms");
        }
    }
}
