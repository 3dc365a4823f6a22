//! The command line.

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::group::Group;
use crate::idle::Idle;
use crate::logins::Logins;
use crate::open::Open;
use crate::private::Private;
use crate::processes::Watched;
use crate::reads::Reads;
use crate::slow::Slow;
use crate::storm::Storm;

/// Measures a running messenger: throughput, latency, and whether every message arrives once and in order.
///
/// Users are signed up for the run and stay afterwards. Raise the servers' rate limits first: they are meant
/// to stop exactly this. A run must end before its tokens do (15 minutes by default).
#[derive(Debug, Clone, Parser)]
#[command(
    name = "loadgen",
    after_help = "Exit status: 0 when every acknowledged message arrived once and in \
    order and every socket came back or answered, 1 when not.\n\n\
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
    /// Sign-ups at once; each costs the service some 30 ms of one processor unless its hashes are cheap.
    #[arg(long, global = true, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
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
    pub command: Command,
}

/// What to do.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Command {
    /// Measure.
    #[command(flatten)]
    Measure(Scenario),
    /// Hold sockets for another process of this program, which says which.
    #[command(hide = true)]
    Hold,
}

/// What is measured.
#[derive(Debug, Clone, Copy, Subcommand, Serialize)]
#[serde(tag = "name", rename_all = "camelCase")]
pub enum Scenario {
    /// Pairs of users: one of each writes to the other, as fast as it is answered.
    Private(Private),
    /// One group: some of its members write to all, as fast as they are answered.
    Group(Group),
    /// Pairs of users that write at a fixed rate, whatever the server does.
    Open(Open),
    /// Sockets that are opened, held, and do nothing.
    Idle(Idle),
    /// Sockets that drop all at once and come back, beside pairs that write at a fixed rate.
    Storm(Storm),
    /// Sockets that read nothing, beside pairs that write at a fixed rate.
    Slow(Slow),
    /// As many log-ins as come, beside pairs that write at a fixed rate.
    Logins(Logins),
    /// Users with many chats, who read in a large log.
    Reads(Reads),
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
        let Command::Measure(Scenario::Group(group)) = options.command else { panic!("another scenario") };
        assert_eq!((group.members, group.in_flight), (10, 4));
        assert!(Options::try_parse_from(["loadgen", "private", "--pairs", "0"]).is_err());
        assert!(Options::try_parse_from(["loadgen", "open", "--threads", "0"]).is_err());
    }
}
