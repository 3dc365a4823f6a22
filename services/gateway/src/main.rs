//! The gateway's process: reads the environment, then runs one subcommand.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use messenger_chassis::command::{Failure, Manner};
use messenger_chassis::report::Report;
use messenger_chassis::telemetry::Telemetry;
use messenger_chassis::{admin, env};
use messenger_gateway::app;
use messenger_gateway::care::Task;
use messenger_gateway::cli::{Cli, Command};
use messenger_gateway::config::Config;
use tokio::runtime::Builder;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        // Nothing is left to do when standard error is closed.
        let _ = writeln!(std::io::stderr().lock(), "gateway: {error:#}");
        Failure::exit_code(error.downcast_ref())
    })
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
        Command::Conversations(command) => care(Task::Conversations(command.verb), command.manner),
        Command::User(command) => care(Task::User(command.verb), command.manner),
        Command::Retention(command) => care(Task::Retention(command.verb), command.manner),
    }
}

fn start(task: impl AsyncFnOnce(Config, Telemetry) -> anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    let (config, _) = config()?;
    app::check(&config).context(Failure::Misconfigured)?;
    runtime(config.threads).enable_all().build().context("start the runtime")?.block_on(async {
        let telemetry = Telemetry::start("gateway", &config.telemetry)?;
        task(config, telemetry).await
    })
}

/// One thread needs none of what lets several share their work. 0: as many as there are processors.
fn runtime(threads: usize) -> Builder {
    let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    match if threads == 0 { processors() } else { threads } {
        1 => Builder::new_current_thread(),
        several => {
            let mut runtime = Builder::new_multi_thread();
            runtime.worker_threads(several);
            runtime
        }
    }
}

/// Whether the process that serves with the same configuration is ready.
#[tokio::main(flavor = "current_thread")]
async fn ready() -> anyhow::Result<ExitCode> {
    let (config, _) = config()?;
    admin::ask_ready(config.admin).await.context("not ready")?;
    Ok(ExitCode::SUCCESS)
}

fn check_config() -> anyhow::Result<ExitCode> {
    let (config, keys) = config()?;
    app::check(&config).context(Failure::Misconfigured)?;
    print(&env::table(&keys))
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

#[tokio::main(flavor = "current_thread")]
async fn care(task: Task, manner: Manner) -> anyhow::Result<ExitCode> {
    let (config, _) = config()?;
    let _telemetry = Telemetry::start("gateway", &config.telemetry)?;
    let report = Report::new(std::io::stdout().lock(), manner.signed(variable));
    app::care(&config, task, report).await?;
    Ok(ExitCode::SUCCESS)
}

/// A replica that was given no name takes a random one.
fn config() -> anyhow::Result<(Config, Vec<env::Key>)> {
    let name = &uuid::Uuid::new_v4().simple().to_string()[..12];
    Config::read(&variable, name).context(Failure::Misconfigured)
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(key: &str) -> Option<String> {
    std::env::var(key).ok()
}
