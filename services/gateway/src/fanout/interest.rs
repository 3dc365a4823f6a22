//! Which channels this replica wants, counted by reasons, and which of its links has them. Pure: time comes in.
//!
//! A channel without reasons lingers before it is given up, so that a user who comes and goes does not make the
//! subscriptions churn (centrifuge's `node.go` does the same).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::channel::Channel;
use super::partition::Partition;

/// A link that subscribes, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holder(pub(super) u64);

/// The interest in all partitions.
#[derive(Debug)]
pub(super) struct Interests {
    /// By partition the interest in it, and who has it.
    parts: Vec<(Interest, Option<Holder>)>,
}

impl Interests {
    pub(super) fn new(partitions: usize, linger: Duration) -> Self {
        Self { parts: (0..partitions).map(|_| (Interest::new(linger), None)).collect() }
    }

    /// The interest in a partition.
    pub(super) fn of(&mut self, partition: Partition) -> &mut Interest {
        &mut self.parts[partition.index()].0
    }

    /// Gives a partition to a link, which must subscribe to all of these. Who had it before learns of no change any more.
    pub(super) fn hold(&mut self, partition: Partition, holder: Holder) -> Vec<Channel> {
        let (interest, held_by) = &mut self.parts[partition.index()];
        *held_by = Some(holder);
        interest.all()
    }

    /// The interest in a partition, for the link that has it.
    pub(super) fn held(&mut self, partition: Partition, holder: Holder) -> Option<&mut Interest> {
        let (interest, held_by) = &mut self.parts[partition.index()];
        (*held_by == Some(holder)).then_some(interest)
    }
}

/// The interest in one partition.
#[derive(Debug)]
pub(super) struct Interest {
    linger: Duration,
    reasons: HashMap<Channel, usize>,
    fresh: HashSet<Channel>,
    fading: HashMap<Channel, Instant>,
}

impl Interest {
    fn new(linger: Duration) -> Self {
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
    fn all(&mut self) -> Vec<Channel> {
        self.fading.clear();
        self.fresh.clear();
        self.reasons.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::partition::Layout;
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

    #[test]
    fn a_partition_that_has_moved_tells_its_changes_to_the_new_link_only() {
        let layout = Layout::whole("m", "n");
        let partition = layout.partition(CHANNEL);
        let mut interests = Interests::new(1, LINGER);
        let (old, new) = (Holder(1), Holder(2));
        assert!(interests.held(partition, old).is_none());
        interests.of(partition).join(CHANNEL);
        assert_eq!(interests.hold(partition, old), [CHANNEL]);
        assert_eq!(interests.hold(partition, new), [CHANNEL]);
        interests.of(partition).join(Channel::User(UserId(2)));
        assert!(interests.held(partition, old).is_none());
        let fresh = interests.held(partition, new).map(Interest::take_fresh);
        assert_eq!(fresh, Some(vec![Channel::User(UserId(2))]));
    }
}
