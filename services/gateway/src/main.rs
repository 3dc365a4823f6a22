//! The gateway's process: reads the environment, then runs one subcommand.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use messenger_chassis::admin;
use messenger_chassis::env::{EX_CONFIG, Misconfigured};
use messenger_chassis::report::{EX_NOT_FOUND, NotFound};
use messenger_chassis::telemetry::Telemetry;
use messenger_gateway::app;
use messenger_gateway::care::Task;
use messenger_gateway::cli::{Cli, Command, Manner};
use messenger_gateway::config::Config;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        // Nothing is left to do when standard error is closed.
        let _ = writeln!(std::io::stderr().lock(), "gateway: {error:#}");
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
        Command::Partition => {
            start(async |config, _| app::repartition(&config).await.map(|()| ExitCode::SUCCESS))
        }
        Command::Epoch { verb } => start(async |config, _| print(&app::epoch(&config, verb).await?)),
        Command::Ready => ready(),
        Command::CheckConfig => check_config(),
        Command::Conversations(command) => care(Task::Conversations(command.verb), &command.manner),
        Command::User(command) => care(Task::User(command.verb), &command.manner),
        Command::Retention(command) => care(Task::Retention(command.verb), &command.manner),
    }
}

fn start(task: impl AsyncFnOnce(Config, Telemetry) -> anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    let (config, _) = read().context(Misconfigured)?;
    app::check(&config).context(Misconfigured)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if config.threads > 0 {
        runtime.worker_threads(config.threads);
    }
    runtime.enable_all().build().context("start the runtime")?.block_on(async {
        let telemetry = Telemetry::start("gateway", &config.telemetry)?;
        task(config, telemetry).await
    })
}

/// Whether the process that serves with the same configuration is ready.
#[tokio::main(flavor = "current_thread")]
async fn ready() -> anyhow::Result<ExitCode> {
    let (config, _) = read().context(Misconfigured)?;
    admin::ask_ready(config.admin).await.context("not ready")?;
    Ok(ExitCode::SUCCESS)
}

fn check_config() -> anyhow::Result<ExitCode> {
    let (config, keys) = read().context(Misconfigured)?;
    app::check(&config).context(Misconfigured)?;
    print(&messenger_chassis::env::table(&keys))
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

#[tokio::main(flavor = "current_thread")]
async fn care(task: Task, manner: &Manner) -> anyhow::Result<ExitCode> {
    let (config, _) = read().context(Misconfigured)?;
    let _telemetry = Telemetry::start("gateway", &config.telemetry)?;
    let by = ["SUDO_USER", "USER"].into_iter().find_map(variable).unwrap_or_else(|| "unknown".to_owned());
    app::care(&config, task, manner, by, std::io::stdout().lock()).await?;
    Ok(ExitCode::SUCCESS)
}

/// A replica that was given no name takes a random one.
fn read() -> Result<(Config, Vec<messenger_chassis::env::Key>), messenger_chassis::env::EnvError> {
    Config::read(&variable, &uuid::Uuid::new_v4().simple().to_string()[..12])
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(key: &str) -> Option<String> {
    std::env::var(key).ok()
}
