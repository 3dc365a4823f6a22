//! `group`: one group; some of its members write to all, as fast as they are answered.

use anyhow::{Context as _, Result};
use clap::Args;
use messenger_client::wire::{AddUserInGroup, NewGroup};
use serde::Serialize;

use crate::exchange;
use crate::population::{self, Member};
use crate::report::Report;
use crate::run::Run;
use crate::stage::{Conversation, Pace, Role, Target};

/// A closed loop of group messages.
#[derive(Debug, Clone, Copy, Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Members of the group.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub members: u32,
    /// Members who write; at most all.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub senders: u32,
    /// Messages of each sender that wait for their answer at once.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub in_flight: u32,
}

pub(crate) async fn run(run: &Run<'_>, group: Group) -> Result<Report> {
    let in_flight = group.in_flight as usize;
    let people = population::sign_up(run, "", group.members).await?;
    let members = population::connect(run, &people, in_flight).await?;
    let conversation = found(&members, group.senders as usize).await.context("make the group")?;
    exchange::perform(run, members, vec![conversation], in_flight, &exchange::plan(run)).await?.report()
}

/// Makes a group of all members in which the first `senders` write.
async fn found(members: &[Member], senders: usize) -> Result<Conversation> {
    let owner = &members[0].connection;
    let group_id = owner.request(&NewGroup { group_name: "load" }).await?.group_id;
    for member in &members[1..] {
        owner.request(&AddUserInGroup { group_id, user_id: member.user_id }).await?;
    }
    let role = |member| Role { member, target: Target::Group(group_id), pace: Pace::Closed };
    let roles = (0..members.len().min(senders)).map(role).collect();
    Ok(Conversation { roles, listeners: (0..members.len()).collect() })
}
