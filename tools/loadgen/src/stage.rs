//! Puts the users into the conversations of a scenario.

use std::time::Duration;

use anyhow::{Context, Result};
use messenger_client::wire::{AddUserInGroup, NewGroup};

use crate::options::{Group, Open, Options, Private, Scenario};
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

/// Sets the stage; groups are made over the wire.
pub(crate) async fn set(options: &Options, members: &[Member]) -> Result<Vec<Conversation>> {
    match options.scenario {
        Scenario::Private(Private { .. }) => Ok(pairs(members, |_| Pace::Closed)),
        Scenario::Open(Open { rate, pairs: count, .. }) => {
            let every = Duration::from_secs(1) * count / rate;
            Ok(pairs(members, |pair| Pace::Open { every, first: every * pair / count }))
        }
        Scenario::Group(group) => Ok(vec![make_group(members, group).await.context("make the group")?]),
    }
}

/// Neighbours talk: with several gateways they sit on different ones. Every other pair talks the other way, so
/// that all gateways send and all deliver.
fn pairs(members: &[Member], pace: impl Fn(u32) -> Pace) -> Vec<Conversation> {
    let pair = |(index, pair): (u32, &[Member])| {
        let first = 2 * index as usize;
        let (from, to) = if index % 2 == 0 { (0, 1) } else { (1, 0) };
        let target = Target::User(pair[to].user_id);
        let roles = vec![Role { member: first + from, target, pace: pace(index) }];
        Conversation { roles, listeners: vec![first + to] }
    };
    (0..).zip(members.chunks_exact(2)).map(pair).collect()
}

async fn make_group(members: &[Member], group: Group) -> Result<Conversation> {
    let owner = &members[0].connection;
    let group_id = owner.request(&NewGroup { group_name: "load" }).await?.group_id;
    for member in &members[1..] {
        owner.request(&AddUserInGroup { group_id, user_id: member.user_id }).await?;
    }
    let senders = members.len().min(group.senders as usize);
    let role = |member| Role { member, target: Target::Group(group_id), pace: Pace::Closed };
    Ok(Conversation { roles: (0..senders).map(role).collect(), listeners: (0..members.len()).collect() })
}
