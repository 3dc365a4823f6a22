//! `cargo xtask conformance`: two suites of other people against a private system. The WebSocket cases of Autobahn, by
//! kosoku, against a gateway; requests that schemathesis invents from the OpenAPI document, against accounts.
//!
//! Both are Python packages with pinned hashes in an environment of their own below `target/`. The result is
//! `target/conformance/summary.json`.

mod rest;
mod websocket;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::console::Console;
use crate::interrupt::Interrupt;
use crate::project::{self, Profile, Project};
use crate::python::{self, Programs};
use crate::system::{self, Addresses, Needs, Setup, System};

/// Cheap hashes and no limits: a suite signs thousands of people up and connects hundreds of times a second, all from one
/// address; how long that takes, and how much of it is allowed, is not its question.
const VARIABLES: [(&str, &str); 14] = [
    ("ACCOUNTS_ARGON2_MEMORY_KIB", "64"),
    ("ACCOUNTS_ARGON2_ITERATIONS", "1"),
    ("ACCOUNTS_LOGIN_FREE_FAILURES", "0"),
    ("ACCOUNTS_LOGIN_ADDRESS_PER_MINUTE", "0"),
    ("ACCOUNTS_LOGIN_ACCOUNT_PER_HOUR", "0"),
    ("ACCOUNTS_LOGIN_BREAKER_FAILURES", "0"),
    ("ACCOUNTS_REFRESHES_PER_MINUTE", "0"),
    ("ACCOUNTS_LOOK_UPS_PER_MINUTE", "0"),
    ("ACCOUNTS_SIGN_UPS_PER_HOUR", "0"),
    ("GATEWAY_RATE_FRAMES", "0"),
    ("GATEWAY_RATE_SENDS", "0"),
    ("GATEWAY_RATE_READS", "0"),
    ("GATEWAY_RATE_HANDSHAKES", "0"),
    ("GATEWAY_RATE_REFUSALS", "0"),
];

/// Where they come from.
const SUITES: Programs =
    Programs { name: "schemathesis and kosoku", pins: include_str!("conformance/requirements.txt") };

/// What is run, and how.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only this suite
    #[arg(long, value_enum)]
    only: Option<Suite>,
    /// Requests that are invented for each operation and phase
    #[arg(long, default_value_t = 100)]
    examples: u32,
    /// Chooses the requests
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How the services are compiled
    #[arg(long, value_enum, default_value_t = Profile::Up)]
    profile: Profile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// The cases of Autobahn
    Websocket,
    /// schemathesis
    Rest,
}

/// What is kept of a run.
#[derive(Debug, Default, Serialize)]
struct Summary {
    websocket: Option<websocket::Outcome>,
    rest: Option<rest::Outcome>,
}

/// What the suites need to know.
struct Stage<'a> {
    python: PathBuf,
    folder: &'a Path,
    rest: String,
    gateway: String,
    interrupt: &'a Interrupt,
}

/// # Errors
/// When a suite cannot run, or something in it failed.
pub(crate) fn run(options: &Options, project: &Project, console: &Console) -> Result<()> {
    let interrupt = Interrupt::listen()?;
    let folder = project.conformance();
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let place =
        project.home()?.claim("conformance").context("another `cargo xtask conformance` is running")?;
    place.clear()?;
    let python = python::environment(&folder, SUITES, console, &interrupt)?;
    let preparing = system::prepare(place, Needs::default(), *console);
    console.step("building the services (a first build takes minutes)");
    project.build(options.profile, &system::PACKAGES, &interrupt)?;
    let servers = preparing.wait(&interrupt)?;
    let addresses = Addresses::anywhere(1)?;
    let gateway = addresses.gateways.first().context("a gateway")?.http;
    let stage = Stage {
        python,
        folder: &folder,
        rest: format!("http://127.0.0.1:{}", addresses.accounts.http),
        gateway: format!("127.0.0.1:{gateway}"),
        interrupt: &interrupt,
    };
    let mut system =
        System::new(servers, addresses, Setup::new(project, options.profile, &folder)?, *console);
    let outcome = system
        .migrate(&interrupt)
        .and_then(|()| system.start_with(&VARIABLES, &interrupt))
        .and_then(|()| stage.suites(options, console))
        .and_then(|summary| system.check().map(|()| summary));
    console.step("stopping");
    let stopped = system.stop();
    let summary = outcome?;
    stopped?;
    conclude(&summary, &folder, console)
}

impl Stage<'_> {
    fn suites(&self, options: &Options, console: &Console) -> Result<Summary> {
        let mut summary = Summary::default();
        let wanted = |suite| options.only.is_none_or(|only| only == suite);
        if wanted(Suite::Websocket) {
            console.step("WebSocket: the cases of Autobahn");
            summary.websocket = Some(websocket::run(self).context("the WebSocket suite")?);
        }
        if wanted(Suite::Rest) {
            console.step("REST: requests from the OpenAPI document");
            summary.rest = Some(rest::run(self, options).context("the REST suite")?);
        }
        Ok(summary)
    }

    /// A program of the suites' environment, in their folder.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.python.join(program));
        command.current_dir(self.folder);
        command
    }
}

fn conclude(summary: &Summary, folder: &Path, console: &Console) -> Result<()> {
    let file = folder.join("summary.json");
    let text = serde_json::to_string_pretty(summary).context("write the summary")?;
    std::fs::write(&file, text + "\n").with_context(|| format!("write {}", file.display()))?;
    let mut failed = Vec::new();
    if let Some(outcome) = &summary.websocket {
        console.line(&format!("  WebSocket: {} cases, {} failed", outcome.cases, outcome.failed.len()));
        failed.extend(outcome.failed.iter().map(|case| format!("case {}: {}", case.case, case.result)));
    }
    if let Some(outcome) = &summary.rest {
        console.line(&format!("  REST: {} requests, {} failures", outcome.requests, outcome.failures.len()));
        failed.extend(outcome.failures.iter().cloned());
    }
    console.line(&format!("  in {}", file.display()));
    if !failed.is_empty() {
        bail!("{} failures:\n{}", failed.len(), failed.join("\n"));
    }
    Ok(())
}

/// Runs a command to its end with its output in a file.
fn into_file(command: &mut Command, file: &Path, interrupt: &Interrupt) -> Result<std::process::ExitStatus> {
    let output = std::fs::File::create(file).with_context(|| format!("create {}", file.display()))?;
    command.stdout(output);
    project::finish(command, interrupt, || Ok(()))
}
