//! The accounts service's process: reads the environment, then runs one subcommand.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use messenger_accounts::app;
use messenger_accounts::care::Task;
use messenger_accounts::cli::{Cli, Command};
use messenger_accounts::config::Config;
use messenger_accounts::http;
use messenger_chassis::command::{Failure, Manner};
use messenger_chassis::report::Report;
use messenger_chassis::telemetry::Telemetry;
use messenger_chassis::{admin, env};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr().lock(), "accounts: {error:#}");
        Failure::exit_code(error.downcast_ref())
    })
}

fn run() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Serve => start(async |config, telemetry| app::serve(config, telemetry).await),
        Command::Migrate => start(async |config, _| app::migrate(&config).await.map(|()| ExitCode::SUCCESS)),
        Command::Ready => ready(),
        Command::CheckConfig => check_config(),
        Command::Openapi => print(&http::openapi()?),
        Command::Keys(verb) => keys(verb),
        Command::Sessions(command) => care(Task::Sessions(command.verb), command.manner),
        Command::User(command) => care(Task::User(command.verb), command.manner),
    }
}

#[tokio::main]
async fn start(
    task: impl AsyncFnOnce(Config, Telemetry) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let (config, _) = config()?;
    app::check(&config).context(Failure::Misconfigured)?;
    let telemetry = Telemetry::start("accounts", &config.telemetry)?;
    task(config, telemetry).await
}

/// Whether the process that serves with the same configuration is ready.
#[tokio::main(flavor = "current_thread")]
async fn ready() -> anyhow::Result<ExitCode> {
    let (config, _) = config()?;
    admin::ask_ready(config.listen.admin).await.context("not ready")?;
    Ok(ExitCode::SUCCESS)
}

fn check_config() -> anyhow::Result<ExitCode> {
    let (config, keys) = config()?;
    app::check(&config).context(Failure::Misconfigured)?;
    print(&env::table(&keys))
}

fn keys(verb: messenger_accounts::cli::Keys) -> anyhow::Result<ExitCode> {
    let (config, _) = config()?;
    print(app::keys_command(&config, verb)?.trim_end())
}

#[tokio::main(flavor = "current_thread")]
async fn care(task: Task, manner: Manner) -> anyhow::Result<ExitCode> {
    let (config, _) = config()?;
    let _telemetry = Telemetry::start("accounts", &config.telemetry)?;
    let report = Report::new(std::io::stdout().lock(), manner.signed(variable));
    app::care(&config, task, report).await?;
    Ok(ExitCode::SUCCESS)
}

fn config() -> anyhow::Result<(Config, Vec<env::Key>)> {
    Config::read(&variable).context(Failure::Misconfigured)
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(key: &str) -> Option<String> {
    std::env::var(key).ok()
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}
