//! `cargo xtask bench`: what the messenger does on this machine, beside what PostgreSQL and WebSockets do there alone.
//!
//! Everything runs in one go on a private, durable PostgreSQL that is made anew, so that the figures of a run can be
//! compared with each other; with those of another run only as far as the machine had nothing else to do.

mod batches;
mod limits;
mod load;
mod outcome;
mod table;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::de::DeserializeOwned;

use crate::console::Console;
use crate::interrupt::Interrupt;
use crate::project::{self, Profile, Project};
use crate::system::{self, Addresses, Needs, Setup, System};
use crate::up::GATEWAYS_MAX;

use limits::Limits;
use load::Load;
use outcome::{Conditions, Outcome};

const PROGRAMS: &str = "messenger-loadgen";
/// Limits that are meant to stop what a benchmark does. Hashes are cheap, because not they are measured.
const RAISED: [(&str, &str); 6] = [
    ("ACCOUNTS_ARGON2_MEMORY_KIB", "64"),
    ("ACCOUNTS_ARGON2_ITERATIONS", "1"),
    ("ACCOUNTS_ARGON2_QUEUE", "10000"),
    ("ACCOUNTS_ARGON2_WAIT_MS", "60000"),
    ("GATEWAY_OUTBOX_BYTES", "67108864"),
    ("GATEWAY_OUTBOX_FRAMES", "1000000"),
];

/// What is measured.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long each scenario is measured, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Number of gateways
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=i64::from(GATEWAYS_MAX)))]
    gateways: u16,
    /// How everything is compiled
    #[arg(long, value_enum, default_value_t = Profile::Up)]
    profile: Profile,
}

/// Measures, shows and keeps the result.
///
/// # Errors
/// When something fails, or a message was lost, came twice or out of order.
pub(crate) fn run(options: &Options, project: &Project, console: &Console) -> Result<()> {
    let interrupt = Interrupt::listen()?;
    let folder = project.bench();
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let place = project.home()?.claim("bench").context("another `cargo xtask bench` is running")?;
    place.clear()?;
    let preparing = system::prepare(place, Needs::default(), *console);
    console.step("building the services and the load generator (a first build takes minutes)");
    let [accounts, gateway] = system::PACKAGES;
    project.build(options.profile, &[accounts, gateway, PROGRAMS], &interrupt)?;
    let servers = preparing.wait(&interrupt)?;
    let setup = Setup::new(project, options.profile, &folder).with(&RAISED);
    let addresses = Addresses::anywhere(options.gateways)?;
    let mut bench = Bench {
        seconds: options.seconds,
        profile: options.profile,
        project,
        output: folder.join("output.json"),
        system: System::new(servers, addresses, setup, *console),
        console,
        interrupt,
    };
    let measured = bench.measure();
    console.step("stopping");
    let stopped = bench.system.stop();
    let outcome = measured?;
    stopped?;
    conclude(&outcome, &folder, console)
}

fn conclude(outcome: &Outcome, folder: &Path, console: &Console) -> Result<()> {
    let previous = outcome.keep(folder)?;
    let before = previous.as_ref().filter(|previous| previous.conditions == outcome.conditions);
    table::text(outcome, before).lines().for_each(|line| console.line(line));
    console.line(&format!("\n  kept in {}", folder.join(outcome::LATEST).display()));
    judge(outcome)
}

/// # Errors
/// When a load broke the promise.
fn judge(outcome: &Outcome) -> Result<()> {
    let broken = outcome.loads.iter().filter(|load| !load.report.kept_the_promise());
    let broken: Vec<_> = broken.map(|load| format!("{}: {:?}", load.name, load.report.breaches)).collect();
    if !broken.is_empty() {
        bail!("not every message arrived once and in order ({})", broken.join("; "));
    }
    Ok(())
}

/// A benchmark under way.
struct Bench<'a> {
    seconds: u64,
    profile: Profile,
    project: &'a Project,
    /// Where the measuring programs write their results.
    output: PathBuf,
    system: System,
    console: &'a Console,
    interrupt: Interrupt,
}

impl Bench<'_> {
    /// PostgreSQL alone comes first, because its database is copied while nobody is connected to it.
    fn measure(&mut self) -> Result<Outcome> {
        self.system.migrate(&self.interrupt)?;
        let limits = Limits::measure(self)?;
        self.system.start(&self.interrupt)?;
        let loads =
            load::SCENARIOS.iter().map(|scenario| Load::measure(self, scenario)).collect::<Result<_>>()?;
        let conditions = Conditions {
            profile: self.profile.name().to_owned(),
            seconds: self.seconds,
            gateways: self.system.addresses().gateways.len(),
        };
        Ok(Outcome { conditions, limits, loads })
    }

    fn program(&self, name: &str) -> Command {
        Command::new(self.project.binary(self.profile, name))
    }

    /// Runs a measuring program, its progress on our terminal, and reads its JSON.
    fn result<T: DeserializeOwned>(&mut self, command: &mut Command) -> Result<T> {
        let name = command.get_program().to_string_lossy().into_owned();
        let output =
            File::create(&self.output).with_context(|| format!("write {}", self.output.display()))?;
        let system = &mut self.system;
        let status = project::finish(command.stdout(output), &self.interrupt, || system.check())?;
        let text = std::fs::read_to_string(&self.output)?;
        // The load generator also fails when a message was lost, and then its figures tell which.
        if text.is_empty() {
            bail!("{name} failed ({status})");
        }
        serde_json::from_str(&text).with_context(|| format!("read the result of {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lost_message_fails_the_benchmark() {
        let mut outcome = outcome::tests::outcome();
        judge(&outcome).expect("nothing is wrong");
        outcome.loads[1].report.breaches.lost = 1;
        let error = judge(&outcome).expect_err("a message was lost").to_string();
        assert!(error.contains("group: Breaches { lost: 1"), "{error}");
    }
}
