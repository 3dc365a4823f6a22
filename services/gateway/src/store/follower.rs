//! Whether a standby follows, and how far it is behind. Pure: what the servers say comes in, with the time.
//!
//! Transaction ids are the measure, and no clock but our own: every transaction before the horizon that the primary named at
//! some moment was over by then. Once the standby's horizon has come as far, the standby has all that was committed by
//! that moment.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::ids::Xid;

/// What a server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sighting {
    /// All transactions before this one are over.
    pub(super) horizon: Xid,
    /// When it was started: tells two servers apart.
    pub(super) started: i64,
    /// Whether it repeats what another one does.
    pub(super) follows: bool,
}

/// What is known of primary and standby.
#[derive(Debug)]
pub(super) struct Follower {
    most: Duration,
    /// Horizons of the primary, the oldest first.
    primary: VecDeque<(Instant, Xid)>,
    started: Option<i64>,
    reached: Xid,
    /// The primary was away or is another one: until the standby has come past here, it may follow the old one.
    doubt: Option<Xid>,
}

impl Follower {
    /// Of a standby that is used while it is at most so far behind.
    pub(super) fn new(most: Duration) -> Self {
        Self { most, primary: VecDeque::new(), started: None, reached: Xid(0), doubt: None }
    }

    /// What the primary said when it was asked at `asked`; none when it did not answer.
    pub(super) fn primary(&mut self, seen: Option<Sighting>, asked: Instant) {
        let Some(seen) = seen else { return self.doubt() };
        let before = self.primary.back().map(|(_, horizon)| *horizon);
        if self.started.is_some_and(|started| started != seen.started) || before > Some(seen.horizon) {
            self.doubt();
        }
        self.started = Some(seen.started);
        self.primary.push_back((asked, seen.horizon));
        self.primary.retain(|(at, _)| *at + self.most >= asked);
    }

    /// What the standby said after that; how far it is behind, or none when it is not to be used.
    pub(super) fn standby(&mut self, seen: Option<Sighting>, now: Instant) -> Option<Duration> {
        let seen = seen.filter(|seen| seen.follows)?;
        self.reached = self.reached.max(seen.horizon);
        if self.doubt.is_some() && self.primary.is_empty() {
            self.doubt = Some(self.reached);
        }
        let (at, _) = *self.primary.iter().rev().find(|(_, horizon)| *horizon <= seen.horizon)?;
        if self.doubt.is_some_and(|doubt| seen.horizon <= doubt) {
            return None;
        }
        self.doubt = None;
        Some(now.duration_since(at)).filter(|lag| *lag <= self.most)
    }

    fn doubt(&mut self) {
        self.primary.clear();
        self.doubt = Some(self.reached);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_secs(1);

    struct Pair {
        follower: Follower,
        begun: Instant,
    }

    impl Pair {
        fn new() -> Self {
            Self { follower: Follower::new(MOST), begun: Instant::now() }
        }

        fn at(&self, millis: u64) -> Instant {
            self.begun + Duration::from_millis(millis)
        }

        fn primary(&mut self, millis: u64, horizon: i64, started: i64) {
            let seen = Sighting { horizon: Xid(horizon), started, follows: false };
            self.follower.primary(Some(seen), self.at(millis));
        }

        /// How far behind, in milliseconds.
        fn standby(&mut self, millis: u64, horizon: i64) -> Option<u128> {
            let seen = Sighting { horizon: Xid(horizon), started: 9, follows: true };
            self.follower.standby(Some(seen), self.at(millis)).map(|lag| lag.as_millis())
        }
    }

    #[test]
    fn the_lag_is_the_age_of_the_latest_horizon_that_was_reached() {
        let mut pair = Pair::new();
        assert_eq!(pair.standby(0, 10), None, "nothing is known of the primary");
        pair.primary(0, 10, 1);
        assert_eq!(pair.standby(5, 10), Some(5));
        pair.primary(250, 20, 1);
        pair.primary(500, 20, 1);
        assert_eq!(pair.standby(500, 19), Some(500));
        assert_eq!(pair.standby(500, 20), Some(0));
        assert_eq!(pair.standby(500, 25), Some(0), "it may be ahead of what we have heard");
        pair.primary(1_600, 30, 1);
        assert_eq!(pair.standby(1_600, 29), None, "too far behind");
        assert_eq!(pair.standby(1_700, 30), Some(100));
    }

    #[test]
    fn one_that_was_promoted_or_does_not_answer_is_not_used() {
        let mut pair = Pair::new();
        pair.primary(0, 10, 1);
        let now = pair.at(0);
        assert_eq!(pair.follower.standby(None, now), None);
        let promoted = Sighting { horizon: Xid(10), started: 9, follows: false };
        assert_eq!(pair.follower.standby(Some(promoted), now), None);
        assert_eq!(pair.standby(0, 10), Some(0));
    }

    #[test]
    fn after_a_change_of_primaries_it_must_be_seen_to_move_on() {
        let mut pair = Pair::new();
        pair.primary(0, 10, 1);
        assert_eq!(pair.standby(0, 12), Some(0));
        // Another one, which had less and gives the ids anew.
        pair.primary(250, 11, 2);
        assert_eq!(pair.standby(250, 12), None, "what it has may be the old one's");
        pair.primary(500, 12, 2);
        assert_eq!(pair.standby(500, 12), None);
        pair.primary(750, 13, 2);
        assert_eq!(pair.standby(750, 13), Some(0));
        let away = pair.at(1_000);
        pair.follower.primary(None, away);
        assert_eq!(pair.standby(1_000, 14), None, "nothing is known of the primary");
        pair.primary(1_250, 13, 2);
        assert_eq!(pair.standby(1_250, 14), None);
        assert_eq!(pair.standby(1_250, 15), Some(0));
    }
}
