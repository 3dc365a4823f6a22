//! Who writes to whom, and when. Pure.

use std::time::Duration;

use crate::population::Member;

/// Where a source sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    User(i64),
    Group(i64),
}

/// When a source sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As soon as there is room in flight.
    Closed,
    /// One message each `every`, the first after `first`.
    Open { every: Duration, first: Duration },
}

/// A user who sends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Role {
    /// Index of the member.
    pub(crate) member: usize,
    pub(crate) target: Target,
    pub(crate) pace: Pace,
}

/// A conversation: who sends, and who must hear what the others send.
#[derive(Debug, Clone)]
pub(crate) struct Conversation {
    pub(crate) roles: Vec<Role>,
    /// Indexes of the members who listen; senders hear each other but not themselves.
    pub(crate) listeners: Vec<usize>,
}

/// Neighbours talk: with several gateways they sit on different ones. Every other pair talks the other way, so
/// that all gateways send and all deliver.
pub(crate) fn pairs(members: &[Member], pace: impl Fn(u32) -> Pace) -> Vec<Conversation> {
    let pair = |(index, pair): (u32, &[Member])| {
        let first = 2 * index as usize;
        let (from, to) = if index % 2 == 0 { (0, 1) } else { (1, 0) };
        let target = Target::User(pair[to].user_id);
        let roles = vec![Role { member: first + from, target, pace: pace(index) }];
        Conversation { roles, listeners: vec![first + to] }
    };
    (0..).zip(members.chunks_exact(2)).map(pair).collect()
}

/// Pairs that write `rate` messages a second together, evenly spread over time.
pub(crate) fn at_rate(members: &[Member], rate: u32) -> Vec<Conversation> {
    let count = u32::try_from(members.len() / 2).unwrap_or(u32::MAX).max(1);
    pairs(members, |pair| turn(pair, count, rate))
}

/// The share of one of `count` sources that together send `rate` messages a second.
fn turn(index: u32, count: u32, rate: u32) -> Pace {
    let every = Duration::from_secs(1) * count / rate;
    Pace::Open { every, first: every * index / count }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_take_turns() {
        let millis = Duration::from_millis;
        let turns: Vec<_> = (0..4).map(|index| turn(index, 4, 100)).collect();
        let expected = [0, 10, 20, 30].map(|first| Pace::Open { every: millis(40), first: millis(first) });
        assert_eq!(turns, expected);
    }
}
