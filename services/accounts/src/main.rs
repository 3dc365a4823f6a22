//! The accounts service's process: reads the environment, then runs one subcommand.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use messenger_accounts::app::{self, Task};
use messenger_accounts::cli::{Cli, Command, Manner};
use messenger_accounts::config::Config;
use messenger_accounts::http;
use messenger_chassis::env::{EX_CONFIG, Misconfigured};
use messenger_chassis::report::{EX_NOT_FOUND, NotFound};
use messenger_chassis::telemetry::Telemetry;
use messenger_chassis::{admin, env};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr().lock(), "accounts: {error:#}");
        exit_code(&error)
    })
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<Misconfigured>() {
        ExitCode::from(EX_CONFIG)
    } else if error.is::<NotFound>() {
        ExitCode::from(EX_NOT_FOUND)
    } else {
        ExitCode::FAILURE
    }
}

fn run() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Serve => start(async |config, telemetry| app::serve(config, telemetry).await),
        Command::Migrate => start(async |config, _| app::migrate(&config).await.map(|()| ExitCode::SUCCESS)),
        Command::Ready => ready(),
        Command::CheckConfig => check_config(),
        Command::Openapi => print(&http::openapi()?),
        Command::Keys(verb) => keys(verb),
        Command::Sessions(command) => care(Task::Sessions(command.verb), &command.manner),
        Command::User(command) => care(Task::User(command.verb), &command.manner),
    }
}

#[tokio::main]
async fn start(
    task: impl AsyncFnOnce(Config, Telemetry) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let (config, _) = Config::read(&variable).context(Misconfigured)?;
    app::check(&config).context(Misconfigured)?;
    let telemetry = Telemetry::start("accounts", &config.telemetry)?;
    task(config, telemetry).await
}

/// Whether the process that serves with the same configuration is ready.
#[tokio::main(flavor = "current_thread")]
async fn ready() -> anyhow::Result<ExitCode> {
    let (config, _) = Config::read(&variable).context(Misconfigured)?;
    admin::ask_ready(config.listen.admin).await.context("not ready")?;
    Ok(ExitCode::SUCCESS)
}

fn check_config() -> anyhow::Result<ExitCode> {
    let (config, keys) = Config::read(&variable).context(Misconfigured)?;
    app::check(&config).context(Misconfigured)?;
    print(&env::table(&keys))
}

fn keys(verb: messenger_accounts::cli::Keys) -> anyhow::Result<ExitCode> {
    let (config, _) = Config::read(&variable).context("configuration")?;
    print(app::keys_command(&config, verb)?.trim_end())
}

#[tokio::main(flavor = "current_thread")]
async fn care(task: Task, manner: &Manner) -> anyhow::Result<ExitCode> {
    let (config, _) = Config::read(&variable).context(Misconfigured)?;
    let _telemetry = Telemetry::start("accounts", &config.telemetry)?;
    let by = ["SUDO_USER", "USER"].into_iter().find_map(variable).unwrap_or_else(|| "unknown".to_owned());
    app::care(&config, task, manner, by, std::io::stdout().lock()).await?;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(key: &str) -> Option<String> {
    std::env::var(key).ok()
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}
