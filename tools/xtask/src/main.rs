//! `cargo xtask …`: runs the system on one machine, and everything that the continuous integration runs.

mod arrows;
mod bench;
mod chaos;
mod check;
mod conformance;
mod console;
mod fuzz;
mod interrupt;
mod migrations;
mod packages;
mod project;
mod python;
mod sbom;
mod skew;
mod supply;
mod system;
mod up;

use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::console::Console;
use crate::interrupt::{Interrupt, Interrupted};
use crate::project::{Profile, Project};

/// Builds, runs and checks the messenger.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Starts the whole system: PostgreSQL, Redis, accounts, gateways and HAProxy; Ctrl-C stops it
    Up(up::Options),
    /// Measures throughput, latency and cost of a private system, beside what its parts can do alone
    Bench(bench::Options),
    /// Breaks a private system again and again, by seed, and says whether it kept its promise
    Chaos(chaos::Options),
    /// Upgrades an earlier revision to this one under load, and goes back: both at work side by side
    Skew(skew::Options),
    /// Two suites of other people against a private system: Autobahn's WebSocket cases, and requests from the OpenAPI document
    Conformance(conformance::Options),
    /// Searches for bytes that break what reads them, with cargo-fuzz
    Fuzz(fuzz::Options),
    /// Deletes the data of `up`, and whatever an earlier run left behind
    Reset,
    /// A small terminal client; its arguments follow (try --help)
    #[command(disable_help_flag = true)]
    Chat {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Everything that the continuous integration runs; with FILTERs only the tests whose names contain one of them
    Test { filters: Vec<String> },
    /// What needs no server: formatting, lints, arrows between modules, what comes from outside, documentation
    Check,
    /// Writes what is inside the services: target/sbom/*.cdx.json (CycloneDX)
    Sbom(sbom::Options),
}

fn main() -> ExitCode {
    let console = Console::detect();
    match run(Arguments::parse().task, &console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => ExitCode::from(130),
        Err(error) => {
            console.failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task, console: &Console) -> Result<()> {
    let project = Project::find()?;
    match task {
        Task::Up(options) => up::run(&options.or_environment(project::variable), &project, console),
        Task::Bench(options) => bench::run(&options, &project, console),
        Task::Chaos(options) => chaos::run(&options, &project, console),
        Task::Skew(options) => skew::run(&options, &project, console),
        Task::Conformance(options) => conformance::run(&options, &project, console),
        Task::Fuzz(options) => fuzz::run(&options, &project, console),
        Task::Reset => reset(&project, console),
        Task::Chat { arguments } => chat(&project, &arguments),
        Task::Test { filters } => check::test(&project, console, &filters),
        Task::Check => check::check(&project, console),
        Task::Sbom(options) => sbom::run(&options, &project, console),
    }
}

fn reset(project: &Project, console: &Console) -> Result<()> {
    project.home()?.clear()?;
    std::fs::remove_dir_all(project.dev())?;
    console.step("all data of `cargo xtask up` are gone");
    Ok(())
}

/// Built as `up` builds the services, and then in our place, so that the terminal is its own.
fn chat(project: &Project, arguments: &[String]) -> Result<()> {
    let mut build = project.cargo();
    build.args(["build", "--profile", "up", "--package", "messenger-client", "--bin", "chat"]);
    project::succeed(&mut build, &Interrupt::listen()?)?;
    Err(std::process::Command::new(project.binary(Profile::Up, "chat")).args(arguments).exec().into())
}
