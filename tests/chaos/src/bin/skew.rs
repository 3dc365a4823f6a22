//! Two builds of the services side by side, under load: `cargo xtask skew` builds both and runs it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use messenger_chaos::checker::Limits;
use messenger_chaos::scenario::{Plan, Servers, Size, run};
use messenger_chaos::skew::upgrade_and_back;

/// What is asked is whether the two go together, and not how quick this machine is.
const LIMITS: Limits = Limits { delivery: Duration::from_secs(20), grace: Duration::from_secs(5) };

/// Begins with the programs of another build, upgrades them under load to those beside this program, goes partly back, and
/// says whether the promise was kept.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder with the programs `accounts` and `gateway` of the other build
    earlier: PathBuf,
    /// `KEY=VALUE` for the environment of all services; may be repeated
    #[arg(long)]
    set: Vec<String>,
    /// Milliseconds of talk after each step
    #[arg(long, default_value_t = 3_000)]
    talk_ms: u64,
    /// Where the history goes
    #[arg(long, default_value = "skew.jsonl")]
    history: PathBuf,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(skew(&arguments))
}

async fn skew(arguments: &Arguments) -> Result<ExitCode> {
    let pairs = arguments.set.iter();
    let settings: Vec<_> = pairs
        .map(|pair| pair.split_once('=').with_context(|| format!("{pair} is not KEY=VALUE")))
        .collect::<Result<_>>()?;
    let plan = Plan {
        size: Size { users: 8, devices: 2, groups: 2, members: 6, rate: 20 },
        seed: 1,
        settings: &settings,
        balanced: false,
        programs: Some(&arguments.earlier),
        redis: None,
        before: Duration::from_secs(2),
        after: Duration::from_secs(3),
        settle: Duration::from_secs(60),
        limits: LIMITS,
    };
    let talk = Duration::from_millis(arguments.talk_ms);
    let report = run(plan, Servers::default(), &arguments.history, async |nemesis| {
        upgrade_and_back(nemesis, &arguments.earlier, talk).await
    })
    .await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{report}")?;
    writeln!(out, "{}", if report.is_kept() { "the promise was kept" } else { "THE PROMISE WAS BROKEN" })?;
    Ok(if report.is_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
