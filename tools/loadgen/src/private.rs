//! `private`: pairs of users; one of each writes to the other, as fast as it is answered.

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::exchange;
use crate::population;
use crate::report::Report;
use crate::run::Run;
use crate::stage::{Pace, pairs};

/// A closed loop of private messages.
#[derive(Debug, Clone, Copy, Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Private {
    /// Pairs of users.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub pairs: u32,
    /// Messages of each sender that wait for their answer at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub in_flight: u32,
}

pub(crate) async fn run(run: &Run<'_>, private: Private) -> Result<Report> {
    let in_flight = private.in_flight as usize;
    let people = population::sign_up(run, "", 2 * private.pairs).await?;
    let members = population::connect(run, &people, in_flight).await?;
    let conversations = pairs(&members, |_| Pace::Closed);
    exchange::perform(run, members, conversations, in_flight, &exchange::plan(run)).await?.report()
}
