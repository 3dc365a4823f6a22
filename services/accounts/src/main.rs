//! The accounts service's process: reads the environment, then runs one subcommand.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use messenger_accounts::config::Config;
use messenger_accounts::{app, http};
use messenger_chassis::telemetry::Telemetry;
use messenger_chassis::{admin, env};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: accounts serve | migrate | ready | check-config | openapi";

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr().lock(), "accounts: {error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> anyhow::Result<ExitCode> {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => start(async |config, telemetry| app::serve(config, telemetry).await),
        Some("migrate") => start(async |config, _| app::migrate(&config).await.map(|()| ExitCode::SUCCESS)),
        Some("ready") => ready(),
        Some("check-config") => check_config(),
        Some("openapi") => print(&http::openapi()?),
        _ => anyhow::bail!(USAGE),
    }
}

#[tokio::main]
async fn start(
    task: impl AsyncFnOnce(Config, Telemetry) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let (config, _) = Config::read(&variable).context("configuration")?;
    let telemetry = Telemetry::start("accounts", &config.telemetry)?;
    task(config, telemetry).await
}

/// Whether the process that serves with the same configuration is ready.
#[tokio::main(flavor = "current_thread")]
async fn ready() -> anyhow::Result<ExitCode> {
    let (config, _) = Config::read(&variable).context("configuration")?;
    admin::ask_ready(config.listen.admin).await.context("not ready")?;
    Ok(ExitCode::SUCCESS)
}

fn check_config() -> anyhow::Result<ExitCode> {
    let (config, keys) = Config::read(&variable).context("configuration")?;
    app::check(&config)?;
    print(&env::table(&keys))
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(key: &str) -> Option<String> {
    std::env::var(key).ok()
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}
