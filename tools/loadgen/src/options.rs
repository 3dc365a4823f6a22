//! The command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use crate::processes::Watched;

/// Measures a running messenger: throughput, latency, and whether every message arrives once and in order.
///
/// Users are signed up for the run and stay afterwards. Raise the servers' rate limits first: they are meant
/// to stop exactly this. A run must end before its tokens do (15 minutes by default).
#[derive(Debug, Clone, Parser)]
#[command(
    name = "loadgen",
    after_help = "Exit status: 0 when every acknowledged message arrived once and in \
    order, 1 when not.\n\n\
    Example: loadgen --seconds 30 private --pairs 32 --in-flight 8"
)]
pub struct Options {
    /// Address of the accounts service.
    #[arg(long, global = true, default_value = "http://localhost:3000", value_name = "URL")]
    pub accounts: String,
    /// Address of a gateway; repeat it to spread the users over several, in turn.
    #[arg(long, global = true, default_value = "ws://localhost:3000", value_name = "URL")]
    pub gateway: Vec<String>,
    /// How long to measure, in seconds.
    #[arg(long, global = true, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// How long to send before measuring, in seconds. What is sent then is checked too.
    #[arg(long, global = true, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=60))]
    pub warm_up: u64,
    /// How long to wait for the last deliveries, in seconds.
    #[arg(long, global = true, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=120))]
    pub settle: u64,
    /// Bytes of each message's text.
    #[arg(long, global = true, default_value_t = 100, value_parser = clap::value_parser!(u32).range(24..=16384))]
    pub bytes: u32,
    /// Sign-ups at once; each costs the service some 30 ms of one processor.
    #[arg(long, global = true, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub sign_ups: u16,
    /// Threads of this program.
    #[arg(long, global = true, default_value = "1", value_parser = threads)]
    pub threads: usize,
    /// A process of the server's to measure the CPU time and memory of, descendants included; repeat it for
    /// each. Only where there is `/proc`.
    #[arg(long, global = true, value_name = "NAME=PID")]
    pub watch: Vec<Watched>,
    /// Print the result as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub scenario: Scenario,
}

/// Who writes to whom, and when.
#[derive(Debug, Clone, Copy, Subcommand, Serialize)]
#[serde(tag = "name", rename_all = "camelCase")]
pub enum Scenario {
    /// Pairs of users: one of each writes to the other, as fast as it is answered.
    Private(Private),
    /// One group: some of its members write to all, as fast as they are answered.
    Group(Group),
    /// Pairs of users that write at a fixed rate, whatever the server does.
    Open(Open),
}

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

/// An open loop of private messages.
#[derive(Debug, Clone, Copy, Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Open {
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

impl Options {
    pub(crate) fn measured(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

impl Scenario {
    /// Users it takes.
    pub(crate) fn users(self) -> u32 {
        match self {
            Self::Private(Private { pairs, .. }) | Self::Open(Open { pairs, .. }) => 2 * pairs,
            Self::Group(Group { members, .. }) => members,
        }
    }

    pub(crate) fn in_flight(self) -> usize {
        let in_flight = match self {
            Self::Private(Private { in_flight, .. })
            | Self::Group(Group { in_flight, .. })
            | Self::Open(Open { in_flight, .. }) => in_flight,
        };
        in_flight as usize
    }
}

fn threads(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|threads| (1..=64).contains(threads)).ok_or_else(|| "1 to 64".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
        let parsed = Options::try_parse_from([
            "loadgen",
            "group",
            "--members",
            "10",
            "--gateway",
            "ws://a",
            "--gateway",
            "ws://b",
            "--json",
        ]);
        let options = parsed.expect("options after the scenario are taken too");
        assert_eq!(options.gateway, ["ws://a", "ws://b"]);
        assert_eq!((options.scenario.users(), options.scenario.in_flight()), (10, 4));
        assert!(Options::try_parse_from(["loadgen", "private", "--pairs", "0"]).is_err());
        assert!(Options::try_parse_from(["loadgen", "open", "--threads", "0"]).is_err());
    }
}
