//! The command line: what may be asked of the program. Does nothing.
//!
//! Usage that is wrong ends with exit code 2, and every command tells of itself with `--help`.

use clap::{Args, Parser, Subcommand, value_parser};
use messenger_chassis::command::Manner;
use uuid::Uuid;

use crate::domain::ids::{ConversationId, Seq, UserId};

/// A gateway of the messenger.
#[derive(Debug, Parser)]
#[command(name = "gateway")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run until SIGTERM or SIGINT.
    Serve,
    /// Bring the schema up to date.
    Migrate,
    /// Move a log that has grown into as many partitions as the configuration says; nothing can be sent or read meanwhile.
    Partition,
    /// Look at the life of the log, or begin another one after it was restored.
    Epoch {
        /// What to do with it.
        #[command(subcommand)]
        verb: EpochVerb,
    },
    /// Ask the `serve` with the same configuration whether it is ready.
    Ready,
    /// Read the configuration, connect to nothing, list every key.
    CheckConfig,
    /// Look at conversations.
    Conversations(ConversationsCommand),
    /// Look at what a user has here, export or erase it.
    User(UserCommand),
    /// Remove messages for their age.
    Retention(RetentionCommand),
}

/// `gateway epoch`.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum EpochVerb {
    /// Tell the present one.
    Show,
    /// Begin another one: after every restoration to an earlier moment, before anybody serves.
    Advance,
}

/// How fast something long goes.
#[derive(Debug, Clone, Copy, Args)]
pub struct Pace {
    /// Entries that one statement looks at, at most.
    #[arg(long, default_value_t = 500, value_parser = value_parser!(i64).range(1..=10_000))]
    pub batch: i64,
    /// Pause after each statement, milliseconds.
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u64).range(..=60_000))]
    pub pause_ms: u64,
}

/// `gateway conversations`.
#[derive(Debug, Args)]
pub struct ConversationsCommand {
    /// What to do.
    #[command(subcommand)]
    pub verb: Conversations,
    /// How.
    #[command(flatten)]
    pub manner: Manner,
}

/// What to look at.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Conversations {
    /// A conversation and its members.
    Show {
        /// The conversation's number or public name.
        #[arg(value_name = "ID|UUID", value_parser = Which::parse)]
        which: Which,
    },
    /// The conversations of a user, by their numbers, those that he has left included.
    List {
        /// The user's number.
        #[arg(long, value_parser = user)]
        user: UserId,
        /// Only those after this one.
        #[arg(long, default_value = "0", value_name = "ID", value_parser = conversation_or_none)]
        after: ConversationId,
        /// At most so many.
        #[arg(long, default_value_t = 100, value_parser = value_parser!(i64).range(1..=1_000))]
        limit: i64,
    },
    /// Entries of a conversation, in order.
    Entries {
        /// The conversation's number.
        #[arg(value_name = "ID", value_parser = conversation)]
        id: ConversationId,
        /// Only those after this place.
        #[arg(long, default_value = "0", value_name = "SEQ", value_parser = seq)]
        after: Seq,
        /// At most so many.
        #[arg(long, default_value_t = 100, value_parser = value_parser!(i64).range(1..=1_000))]
        limit: i64,
        /// Show what was written, and not only who wrote when.
        #[arg(long)]
        bodies: bool,
    },
}

/// `gateway user`.
#[derive(Debug, Args)]
pub struct UserCommand {
    /// What to do.
    #[command(subcommand)]
    pub verb: User,
    /// How.
    #[command(flatten)]
    pub manner: Manner,
}

/// What to do with what a user has here.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum User {
    /// How much there is of a user.
    Show {
        /// The user's number.
        #[arg(value_name = "USER_ID", value_parser = user)]
        id: UserId,
    },
    /// Memberships, own entries and blocks of a user, as JSON, an object a line.
    Export {
        /// The user's number.
        #[arg(value_name = "USER_ID", value_parser = user)]
        id: UserId,
    },
    /// Empty a user's messages, end his memberships of groups, delete his marks and blocks. May be repeated.
    Erase {
        /// The user's number.
        #[arg(value_name = "USER_ID", value_parser = user)]
        id: UserId,
        /// How fast.
        #[command(flatten)]
        pace: Pace,
    },
}

/// `gateway retention`.
#[derive(Debug, Args)]
pub struct RetentionCommand {
    /// What to do.
    #[command(subcommand)]
    pub verb: Retention,
    /// How.
    #[command(flatten)]
    pub manner: Manner,
}

/// What to do for the age of messages.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Retention {
    /// Empty all messages that are older. May be stopped and repeated at any time.
    Run {
        /// Age from which on a message is removed, days.
        #[arg(long, value_name = "DAYS", value_parser = value_parser!(u32).range(1..=36_500))]
        older_than: u32,
        /// Only count them.
        #[arg(long)]
        dry_run: bool,
        /// How fast.
        #[command(flatten)]
        pace: Pace,
    },
}

/// A conversation by one of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The number.
    Id(ConversationId),
    /// The public name.
    Uuid(Uuid),
}

impl Which {
    fn parse(text: &str) -> Result<Self, String> {
        let uuid = |_| {
            Uuid::try_parse(text).map(Self::Uuid).map_err(|_| "is neither a number nor a UUID".to_owned())
        };
        conversation(text).map(Self::Id).or_else(uuid)
    }
}

fn number(text: &str, from: i64) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number| *number >= from);
    number.ok_or_else(|| format!("must be a number from {from} on"))
}

fn user(text: &str) -> Result<UserId, String> {
    number(text, 1).map(UserId)
}

fn conversation(text: &str) -> Result<ConversationId, String> {
    number(text, 1).map(ConversationId)
}

fn conversation_or_none(text: &str) -> Result<ConversationId, String> {
    number(text, 0).map(ConversationId)
}

fn seq(text: &str) -> Result<Seq, String> {
    number(text, 0).map(Seq)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "conversations show",
            "conversations show x",
            "conversations list",
            "conversations list --user 0",
            "conversations entries 1 --limit 1001",
            "conversations entries 1 --after -1",
            "user show ann@x.io",
            "user erase 1 --batch 0",
            "retention run",
            "retention run --older-than 0",
            "retention run --older-than 1.5",
            "dance",
        ] {
            let line = format!("gateway {line}");
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
        let uuid = "0190b7c6-5f2e-7c3a-9d0e-3f6f0b6b1a11";
        assert_eq!(Which::parse(uuid), Ok(Which::Uuid(uuid.parse().unwrap())));
        assert_eq!(Which::parse("7"), Ok(Which::Id(ConversationId(7))));
    }
}
