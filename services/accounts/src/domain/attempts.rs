//! How often something may be tried: pure rules over the little that is remembered of what was tried before.
//!
//! Times are milliseconds since 1970 and waits are milliseconds, because a script in Redis keeps the same numbers by the
//! same rules (`throttle/attempts.lua`); a test holds the two against each other.

use std::time::Duration;

/// A wait that doubles with each failure, a rate, or a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// So many failures in a window cost nothing; after them each failure doubles the wait for the next attempt.
    Doubling(Doubling),
    /// So many in a period, as many at once after a rest, and then one for each that has grown back.
    Rate(Rate),
    /// When too many of all attempts fail, everybody waits.
    Breaker(Breaker),
}

/// How an attempt has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has succeeded.
    Right,
    /// It has failed.
    Wrong,
    /// It was not carried out.
    Neither,
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

/// See [`Rule::Breaker`]. It opens when both are exceeded in one window: so many failures, and that share of all attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a window that open nothing, whatever their share.
    pub failures: u32,
    /// Failures in a hundred attempts that open nothing, however many they are.
    pub percent: u32,
    /// Length of the window, milliseconds.
    pub window: i64,
    /// How long it stays open, milliseconds. Then it counts from nothing.
    pub pause: i64,
}

impl Breaker {
    fn is_exceeded(&self, seen: &Attempts) -> bool {
        let (failed, passed) = (u64::from(seen.count), u64::from(seen.passed));
        failed > u64::from(self.failures) && failed * 100 > u64::from(self.percent) * (failed + passed)
    }

    fn counted(&self, seen: Attempts, outcome: Outcome, now: i64) -> Attempts {
        let window = Attempts { since: now, until: seen.until, ..Attempts::default() };
        let seen = if now >= seen.since + self.window { window } else { seen };
        match outcome {
            Outcome::Neither => return seen,
            Outcome::Right => return Attempts { passed: seen.passed + 1, ..seen },
            Outcome::Wrong => {}
        }
        let seen = Attempts { count: seen.count + 1, ..seen };
        if now < seen.until || !self.is_exceeded(&seen) {
            return seen;
        }
        let until = now + self.pause;
        Attempts { since: until, until, ..Attempts::default() }
    }
}

/// What is remembered under one rule. A new one has seen nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Failures, under [`Rule::Doubling`] and [`Rule::Breaker`].
    pub count: u32,
    /// Successes, under [`Rule::Breaker`].
    pub passed: u32,
    /// When the window began, under [`Rule::Doubling`] and [`Rule::Breaker`].
    pub since: i64,
    /// When the next attempt may come, or, under [`Rule::Rate`], when all that was taken has grown back.
    pub until: i64,
}

impl Attempts {
    /// How long the next attempt has to wait; 0 when it may come.
    pub fn wait(&self, rule: &Rule, now: i64) -> i64 {
        match rule {
            Rule::Doubling(_) | Rule::Breaker(_) => (self.until - now).max(0),
            Rule::Rate(rate) => {
                let room = rate.interval * (i64::from(rate.burst) - 1);
                (self.until.max(now) - now - room).max(0)
            }
        }
    }

    /// Counts an attempt as failed until something else is known of it. A breaker does not: a crowd that comes at once
    /// would open it before anybody knows how it ends.
    #[must_use]
    pub fn begun(self, rule: &Rule, now: i64) -> Self {
        match rule {
            Rule::Breaker(_) => self,
            Rule::Rate(rate) => Self { until: self.until.max(now) + rate.interval, ..self },
            Rule::Doubling(rule) => {
                let fresh = now >= self.forgotten_at(&Rule::Doubling(*rule));
                let (count, since) = if fresh { (1, now) } else { (self.count + 1, self.since) };
                Self { count, since, until: now + rule.wait_after(count), ..self }
            }
        }
    }

    /// An attempt that was counted has ended: a failure that was none is taken back, and a success also ends the waits that
    /// the failures before it have cost.
    #[must_use]
    pub fn ended(self, rule: &Rule, outcome: Outcome, now: i64) -> Self {
        match (rule, outcome) {
            (Rule::Breaker(breaker), _) => breaker.counted(self, outcome, now),
            (_, Outcome::Wrong) => self,
            (Rule::Rate(rate), _) => Self { until: self.until - rate.interval, ..self },
            (Rule::Doubling(_), Outcome::Right) => Self::default(),
            (Rule::Doubling(_), Outcome::Neither) => {
                Self { count: self.count.saturating_sub(1), until: 0, ..self }
            }
        }
    }

    /// When nothing needs to be remembered any more.
    pub fn forgotten_at(&self, rule: &Rule) -> i64 {
        match rule {
            Rule::Rate(_) => self.until,
            Rule::Doubling(rule) if self.count < rule.free => self.since + rule.window,
            Rule::Doubling(rule) => self.until.max(self.since) + rule.longest * REMEMBERED,
            Rule::Breaker(rule) => self.since + rule.window,
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
mod tests;
