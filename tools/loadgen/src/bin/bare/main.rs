//! `bare`: how fast the parts are without the messenger, to compare it with. `bare --help` tells how.

mod commit;
mod copy;
mod echo;
mod fsync;
mod pace;
mod path;
mod postgres;
mod redis;
mod rows;
mod seed;

use std::io::Write as _;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

/// Measures what a messenger is built on, with rows and frames like its own, and makes it a large log. Prints JSON.
#[derive(Debug, Parser)]
#[command(name = "bare")]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Rows a second that PostgreSQL stores, in four ways
    Postgres(postgres::Options),
    /// Writes that the disk keeps, one after the other
    Fsync(fsync::Options),
    /// Commits of one row, one after the other
    Commit(commit::Options),
    /// Messages a second that Redis passes on to one subscriber
    Redis(redis::Options),
    /// Messages a second that WebSockets carry to a server and back, with nothing behind them
    Echo(echo::Options),
    /// Messages one after the other through a socket, a commit of one row, Redis and another socket
    Path(path::Options),
    /// Fills the messenger's database with a large log, for `loadgen reads`
    Seed(seed::Options),
}

fn main() -> Result<()> {
    match Arguments::parse().part {
        Part::Postgres(options) => {
            let url = given(options.database_url.as_ref(), "DATABASE_URL")?;
            print(&single()?.block_on(postgres::run(&url, &options))?)
        }
        Part::Fsync(options) => print(&fsync::run(&options)?.report()),
        Part::Commit(options) => {
            let url = given(options.database_url.as_ref(), "DATABASE_URL")?;
            print(&single()?.block_on(commit::run(&url, &options))?.report())
        }
        Part::Redis(options) => print(&single()?.block_on(redis::run(&options))?),
        Part::Echo(options) => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            print(&runtime.block_on(echo::run(&options))?)
        }
        Part::Path(options) => {
            let url = given(options.database_url.as_ref(), "DATABASE_URL")?;
            print(&single()?.block_on(path::run(&url, &options))?)
        }
        Part::Seed(options) => {
            let messages = given(options.database_url.as_ref(), "DATABASE_URL")?;
            let accounts = given(options.accounts_url.as_ref(), "ACCOUNTS_DATABASE_URL")?;
            print(&single()?.block_on(seed::run(&messages, &accounts, &options))?)
        }
    }
}

/// One thread waits for the server; the processors are the server's.
fn single() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

fn given(option: Option<&String>, variable: &str) -> Result<String> {
    let value = || std::env::var_os(variable)?.into_string().ok();
    option.cloned().or_else(value).with_context(|| format!("{variable} is needed"))
}

fn print(result: &impl serde::Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, result)?;
    writeln!(out).context("print the result")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
        assert!(Arguments::try_parse_from(["bare", "echo", "--sockets", "0"]).is_err());
        assert!(Arguments::try_parse_from(["bare", "postgres", "--rows", "0"]).is_err());
    }
}
