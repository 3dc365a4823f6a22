//! `open`: pairs of users that write at a fixed rate, whatever the server does.

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::exchange;
use crate::population;
use crate::report::Report;
use crate::run::Run;
use crate::stage::at_rate;

/// An open loop of private messages.
#[derive(Debug, Clone, Copy, Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Open {
    /// The loop.
    #[command(flatten)]
    #[serde(flatten)]
    pub pairs: Steady,
}

/// Pairs of users that write at a fixed rate.
#[derive(Debug, Clone, Copy, Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Steady {
    /// Messages a second, of all pairs together.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: u32,
    /// Pairs of users.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub pairs: u32,
    /// Messages of each sender that may wait for their answer; what is due beyond them is sent late, and
    /// its latency counts from when it was due.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub in_flight: u32,
}

pub(crate) async fn run(run: &Run<'_>, open: Open) -> Result<Report> {
    let Steady { rate, pairs, in_flight } = open.pairs;
    let in_flight = in_flight as usize;
    let people = population::sign_up(run, "", 2 * pairs).await?;
    let members = population::connect(run, &people, in_flight).await?;
    let conversations = at_rate(&members, rate);
    exchange::perform(run, members, conversations, in_flight).await?.report()
}
