//! The accounts service's process: reads the environment, then runs one subcommand.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use messenger_accounts::config::Config;
use messenger_accounts::{app, http};
use messenger_chassis::env::{EX_CONFIG, Misconfigured};
use messenger_chassis::telemetry::Telemetry;
use messenger_chassis::{admin, env};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: accounts serve | migrate | ready | check-config | openapi | keys | sessions";

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr().lock(), "accounts: {error:#}");
        if error.is::<Misconfigured>() { ExitCode::from(EX_CONFIG) } else { ExitCode::FAILURE }
    })
}

fn run() -> anyhow::Result<ExitCode> {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => start(async |config, telemetry| app::serve(config, telemetry).await),
        Some("migrate") => start(async |config, _| app::migrate(&config).await.map(|()| ExitCode::SUCCESS)),
        Some("ready") => ready(),
        Some("check-config") => check_config(),
        Some("keys") => keys(),
        Some("sessions") => sessions(),
        Some("openapi") => print(&http::openapi()?),
        _ => anyhow::bail!(USAGE),
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

fn keys() -> anyhow::Result<ExitCode> {
    let (config, _) = Config::read(&variable).context("configuration")?;
    print(app::keys_command(&config, std::env::args().nth(2).as_deref())?.trim_end())
}

#[tokio::main(flavor = "current_thread")]
async fn sessions() -> anyhow::Result<ExitCode> {
    let (config, _) = Config::read(&variable).context(Misconfigured)?;
    let whom = std::env::args().nth(3).filter(|_| std::env::args().nth(2).as_deref() == Some("end"));
    print(&app::end_sessions(&config, whom.as_deref()).await?)
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(key: &str) -> Option<String> {
    std::env::var(key).ok()
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}
