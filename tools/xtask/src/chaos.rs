//! `cargo xtask chaos`: the random mix of faults against a private system, built as `up` builds it.

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::console::Console;
use crate::interrupt::Interrupt;
use crate::project::{self, Profile, Project};
use crate::system;

/// The package of the nemesis and its program.
const PACKAGE: &str = "messenger-chaos";
const PROGRAM: &str = "chaos";

/// How it is run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long faults are drawn, in minutes
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Chooses the faults, how long they last and who says what
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How everything is compiled
    #[arg(long, value_enum, default_value_t = Profile::Up)]
    profile: Profile,
    /// Further arguments of the program (after `--`; try `-- --help`)
    #[arg(last = true)]
    further: Vec<String>,
}

/// Runs it to its end.
///
/// # Errors
/// When something cannot be built or started, or the promise was broken.
pub(crate) fn run(options: &Options, project: &Project, console: &Console) -> Result<()> {
    let interrupt = Interrupt::listen()?;
    let folder = project.chaos();
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    console.step("building the services and the nemesis (a first build takes minutes)");
    let [accounts, gateway] = system::PACKAGES;
    project.build(options.profile, &[accounts, gateway, PACKAGE], &interrupt)?;
    console.step(&format!("breaking things for {} minutes", options.minutes));
    let mut chaos = std::process::Command::new(project.binary(options.profile, PROGRAM));
    let (minutes, seed) = (options.minutes.to_string(), options.seed.to_string());
    chaos.args(["--minutes", &minutes, "--seed", &seed, "--history"]);
    chaos.arg(folder.join(format!("{seed}.jsonl"))).args(&options.further);
    let status = project::finish(&mut chaos, &interrupt, || Ok(()))?;
    ensure!(status.success(), "the promise was broken, or the run failed ({status})");
    Ok(())
}
