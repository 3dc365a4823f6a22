//! The gateway's process: reads the environment, then runs one subcommand.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use messenger_chassis::admin;
use messenger_chassis::env::{EX_CONFIG, Misconfigured};
use messenger_chassis::telemetry::Telemetry;
use messenger_gateway::app;
use messenger_gateway::config::Config;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: gateway serve | migrate | epoch | ready | check-config";

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        // Nothing is left to do when standard error is closed.
        let _ = writeln!(std::io::stderr().lock(), "gateway: {error:#}");
        if error.is::<Misconfigured>() { ExitCode::from(EX_CONFIG) } else { ExitCode::FAILURE }
    })
}

fn run() -> anyhow::Result<ExitCode> {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => start(async |config, telemetry| app::serve(config, telemetry).await),
        Some("migrate") => start(async |config, _| app::migrate(&config).await.map(|()| ExitCode::SUCCESS)),
        Some("epoch") => start(async |config, _| {
            let verb = std::env::args().nth(2);
            print(&app::epoch(&config, verb.as_deref()).await?)
        }),
        Some("ready") => ready(),
        Some("check-config") => check_config(),
        _ => anyhow::bail!(USAGE),
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

/// A replica that was given no name takes a random one.
fn read() -> Result<(Config, Vec<messenger_chassis::env::Key>), messenger_chassis::env::EnvError> {
    Config::read(&variable, &uuid::Uuid::new_v4().simple().to_string()[..12])
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(key: &str) -> Option<String> {
    std::env::var(key).ok()
}
