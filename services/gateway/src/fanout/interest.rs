//! Which channels this replica wants, counted by reasons. Pure: time comes in.
//!
//! A channel without reasons lingers before it is given up, so that a user who comes and goes does not make the
//! subscriptions churn (centrifuge's `node.go` does the same).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::channel::Channel;

#[derive(Debug)]
pub(super) struct Interest {
    linger: Duration,
    reasons: HashMap<Channel, usize>,
    fresh: HashSet<Channel>,
    fading: HashMap<Channel, Instant>,
}

impl Interest {
    pub(super) fn new(linger: Duration) -> Self {
        Self { linger, reasons: HashMap::new(), fresh: HashSet::new(), fading: HashMap::new() }
    }

    /// One more reason. True when the channel is new and must be subscribed to.
    pub(super) fn join(&mut self, channel: Channel) -> bool {
        let reasons = self.reasons.entry(channel).or_insert(0);
        *reasons += 1;
        if *reasons > 1 || self.fading.remove(&channel).is_some() {
            return false;
        }
        self.fresh.insert(channel)
    }

    /// One reason less.
    pub(super) fn leave(&mut self, channel: Channel, now: Instant) {
        let Some(reasons) = self.reasons.get_mut(&channel) else { return };
        *reasons -= 1;
        if *reasons == 0 {
            self.reasons.remove(&channel);
            self.fading.insert(channel, now + self.linger);
        }
    }

    /// Channels to subscribe to since the last call.
    pub(super) fn take_fresh(&mut self) -> Vec<Channel> {
        self.fresh.drain().collect()
    }

    /// Channels whose time without a reason is over: forgotten here, to be unsubscribed.
    pub(super) fn take_faded(&mut self, now: Instant) -> Vec<Channel> {
        let over: Vec<_> =
            self.fading.iter().filter(|(_, at)| **at <= now).map(|(channel, _)| *channel).collect();
        for channel in &over {
            self.fading.remove(channel);
            self.fresh.remove(channel);
        }
        over
    }

    /// Every channel a new connection must subscribe to; forgets what has faded meanwhile.
    pub(super) fn all(&mut self) -> Vec<Channel> {
        self.fading.clear();
        self.fresh.clear();
        self.reasons.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::UserId;

    const LINGER: Duration = Duration::from_secs(1);
    const CHANNEL: Channel = Channel::User(UserId(1));

    #[test]
    fn only_the_first_reason_subscribes_and_only_the_last_one_gives_up() {
        let mut interest = Interest::new(LINGER);
        let now = Instant::now();
        assert!(interest.join(CHANNEL));
        assert!(!interest.join(CHANNEL));
        assert_eq!(interest.take_fresh(), [CHANNEL]);
        interest.leave(CHANNEL, now);
        assert!(interest.take_faded(now + LINGER).is_empty());
        interest.leave(CHANNEL, now);
        assert!(interest.take_faded(now + LINGER / 2).is_empty());
        assert_eq!(interest.take_faded(now + LINGER), [CHANNEL]);
    }

    #[test]
    fn who_comes_back_in_time_keeps_the_subscription() {
        let mut interest = Interest::new(LINGER);
        let now = Instant::now();
        interest.join(CHANNEL);
        interest.take_fresh();
        interest.leave(CHANNEL, now);
        assert!(!interest.join(CHANNEL));
        assert!(interest.take_faded(now + LINGER * 2).is_empty());
        assert!(interest.take_fresh().is_empty());
        assert_eq!(interest.all(), [CHANNEL]);
    }

    #[test]
    fn who_comes_back_too_late_subscribes_again() {
        let mut interest = Interest::new(LINGER);
        let now = Instant::now();
        interest.join(CHANNEL);
        interest.take_fresh();
        interest.leave(CHANNEL, now);
        assert_eq!(interest.take_faded(now + LINGER), [CHANNEL]);
        assert!(interest.join(CHANNEL));
        assert_eq!(interest.take_fresh(), [CHANNEL]);
    }

    #[test]
    fn a_new_connection_wants_all_that_has_a_reason() {
        let mut interest = Interest::new(LINGER);
        let other = Channel::User(UserId(2));
        interest.join(CHANNEL);
        interest.join(other);
        interest.leave(other, Instant::now());
        assert_eq!(interest.all(), [CHANNEL]);
        assert!(interest.take_fresh().is_empty());
        assert!(interest.join(other), "a faded channel was not subscribed to by the new connection");
    }
}
