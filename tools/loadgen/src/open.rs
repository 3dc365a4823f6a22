//! `open`: pairs of users that write at a fixed rate, whatever the server does.

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::exchange;
use crate::measure::add_errors;
use crate::population::{self, Member};
use crate::readers::Readers;
use crate::report::Report;
use crate::run::Run;
use crate::stage::{Conversation, at_rate};

/// An open loop of private messages.
#[derive(Debug, Clone, Copy, Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Open {
    /// The loop.
    #[command(flatten)]
    #[serde(flatten)]
    pub steady: Steady,
    /// More users, each of whom reads the history of one long conversation meanwhile, page by page, over and over.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub readers: u32,
    /// Messages of that conversation.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub reader_entries: u32,
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

impl Steady {
    /// Signs the pairs up, connects them and tells who writes to whom.
    pub(crate) async fn gather(self, run: &Run<'_>) -> Result<(Vec<Member>, Vec<Conversation>)> {
        let people = population::sign_up(run, "pair", 2 * self.pairs).await?;
        let members = population::connect(run, &people, self.in_flight as usize).await?;
        let conversations = at_rate(&members, self.rate);
        Ok((members, conversations))
    }
}

pub(crate) async fn run(run: &Run<'_>, open: Open) -> Result<Report> {
    let readers = match open.readers {
        0 => None,
        count => Some(Readers::gather(run, count, open.reader_entries).await?),
    };
    let (members, conversations) = open.steady.gather(run).await?;
    let timeline = exchange::plan(run);
    let in_flight = open.steady.in_flight as usize;
    let exchange = exchange::perform(run, members, conversations, in_flight, &timeline);
    let Some(readers) = readers else { return exchange.await?.report() };
    let (exchange, (reads, errors)) = tokio::join!(exchange, readers.read(&timeline, run.options.seconds));
    let mut exchange = exchange?;
    exchange.reads = Some(reads);
    add_errors(&mut exchange.errors, &errors);
    exchange.report()
}
