//! The command line: what may be asked of the program. Does nothing.
//!
//! Usage that is wrong ends with exit code 2, and every command tells of itself with `--help`.

use clap::{Args, Parser, Subcommand};
use messenger_chassis::command::Manner;

use crate::domain::{Email, RuleError, SearchLimit, SearchText, UserId};

/// The accounts service of the messenger.
#[derive(Debug, Parser)]
#[command(name = "accounts")]
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
    /// Ask the `serve` with the same configuration whether it is ready.
    Ready,
    /// Read the configuration, connect to nothing, list every key.
    CheckConfig,
    /// Print the OpenAPI document.
    Openapi,
    /// Look at the signing keys, or change them.
    #[command(subcommand)]
    Keys(Keys),
    /// End log-ins.
    Sessions(SessionsCommand),
    /// Look at a user, lock, export or erase one.
    User(UserCommand),
}

/// What to do with the signing keys.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Keys {
    /// What each key does.
    List,
    /// Add a key, which signs after a while.
    Rotate,
    /// Make all keys void but a new one.
    Replace,
}

/// `accounts sessions`.
#[derive(Debug, Args)]
pub struct SessionsCommand {
    /// What to do.
    #[command(subcommand)]
    pub verb: Sessions,
    /// How.
    #[command(flatten)]
    pub manner: Manner,
}

/// What to do with log-ins.
#[derive(Debug, Subcommand)]
pub enum Sessions {
    /// End all log-ins of a user, or of everybody.
    End {
        /// The user's number, or `all`.
        #[arg(value_name = "USER_ID|all", value_parser = Whose::parse)]
        whose: Whose,
    },
}

/// Whose log-ins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Of everybody.
    All,
    /// Of one user.
    User(UserId),
}

impl Whose {
    fn parse(text: &str) -> Result<Self, RuleError> {
        if text == "all" { Ok(Self::All) } else { UserId::parse(text).map(Self::User) }
    }
}

/// `accounts user`.
#[derive(Debug, Args)]
pub struct UserCommand {
    /// What to do.
    #[command(subcommand)]
    pub verb: User,
    /// How.
    #[command(flatten)]
    pub manner: Manner,
}

/// What to do with a user.
#[derive(Debug, Subcommand)]
pub enum User {
    /// What is known of a user.
    Show {
        /// The user's number or e-mail.
        #[arg(value_name = "USER_ID|EMAIL", value_parser = Who::parse)]
        who: Who,
    },
    /// Users whose name begins with a text, or whose e-mail it is.
    Find {
        /// What to look for.
        #[arg(value_parser = SearchText::parse)]
        text: SearchText,
        /// At most so many, 1 to 100.
        #[arg(long, default_value = "20", value_parser = limit)]
        limit: SearchLimit,
    },
    /// Keep a user out: all log-ins end, sockets close, no log-in succeeds. He still gets messages.
    Lock {
        /// The user's number.
        #[arg(value_name = "USER_ID", value_parser = UserId::parse)]
        id: UserId,
        /// Why, for other operators.
        #[arg(long, value_name = "TEXT", value_parser = reason)]
        reason: Option<String>,
    },
    /// Let a user in again.
    Unlock {
        /// The user's number.
        #[arg(value_name = "USER_ID", value_parser = UserId::parse)]
        id: UserId,
    },
    /// The log-ins of a user, newest first.
    Sessions {
        /// The user's number.
        #[arg(value_name = "USER_ID", value_parser = UserId::parse)]
        id: UserId,
    },
    /// Everything that is held about a user, as one JSON document.
    Export {
        /// The user's number.
        #[arg(value_name = "USER_ID", value_parser = UserId::parse)]
        id: UserId,
    },
    /// Remove a user for good: nothing personal is left here. His messages are `gateway user erase`.
    Erase {
        /// The user's number.
        #[arg(value_name = "USER_ID", value_parser = UserId::parse)]
        id: UserId,
    },
}

/// A user by one of his names.
#[derive(Debug, Clone)]
pub enum Who {
    /// The number.
    Id(UserId),
    /// The e-mail.
    Email(Email),
}

impl Who {
    fn parse(text: &str) -> Result<Self, RuleError> {
        UserId::parse(text).map(Self::Id).or_else(|_| Email::parse(text).map(Self::Email))
    }
}

/// Longest reason of a lock, characters.
const REASON_CHARS_MAX: usize = 500;

fn limit(text: &str) -> Result<SearchLimit, RuleError> {
    SearchLimit::parse(Some(text.parse().map_err(|_| RuleError::from("must be a number"))?))
}

fn reason(text: &str) -> Result<String, RuleError> {
    if text.trim().is_empty() || text.chars().any(char::is_control) || text.chars().count() > REASON_CHARS_MAX
    {
        return Err("must have 1 to 500 characters and no control characters".into());
    }
    Ok(text.to_owned())
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
            "user show",
            "user show nobody",
            "user lock 0",
            "user lock 1 --reason",
            "user find x --limit 101",
            "user erase ann@x.io",
            "sessions end",
            "sessions end ann",
            "keys",
            "dance",
            "serve now",
        ] {
            let line = format!("accounts {line}");
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
        let long = "x".repeat(501);
        for reason in ["", " ", "a\u{1b}b", &long] {
            assert!(Cli::try_parse_from(["accounts", "user", "lock", "1", "--reason", reason]).is_err());
        }
        let cli =
            Cli::try_parse_from(["accounts", "user", "show", "ann@x.io", "--json", "--by", "eve"]).unwrap();
        let Command::User(UserCommand { verb: User::Show { who: Who::Email(email) }, manner }) = cli.command
        else {
            panic!("another command")
        };
        assert!(email.as_typed() == "ann@x.io" && manner.json && manner.by.as_deref() == Some("eve"));
    }
}
