//! `cargo xtask bench`: what the messenger does on this machine, beside what its parts do there alone.
//!
//! Everything runs in one go on a private, durable PostgreSQL that is made anew, so that the figures of a run can be
//! compared with each other; with those of another run only as far as the machine had nothing else to do.

mod batches;
#[cfg(test)]
mod fixture;
mod limits;
mod load;
mod origin;
mod outcome;
mod page;
mod plan;
mod plot;
mod report;
mod summary;
mod table;
mod targets;
mod unit;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::console::Console;
use crate::interrupt::{Interrupt, Interrupted};
use crate::project::{self, Profile, Project};
use crate::system::{self, Addresses, Needs, Setup, System};
use crate::up::GATEWAYS_MAX;

use limits::Limits;
use load::{Load, Step};
use origin::Origin;
use outcome::{Conditions, Name, Outcome};
use plan::{Choice, Work};

const PROGRAMS: &str = "messenger-loadgen";
/// The page for people.
const PAGE: &str = "report.html";
/// Open files of one process that the scenarios with many sockets need: half of the sockets, and more.
const FILES: u64 = 16_384;

/// A PostgreSQL that has run for a while has files of its log to use again, and seldom writes a checkpoint. A new one makes
/// each file first, at the cost of the first loads.
const STEADY: [(&str, &str); 3] =
    [("min_wal_size", "2GB"), ("max_wal_size", "4GB"), ("checkpoint_timeout", "30min")];

/// What is measured.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Also measures large groups, many sockets, throughput over load, reads and log-ins: takes long
    #[arg(long)]
    full: bool,
    /// Only the scenarios whose name contains the word; the result is shown, but is not the latest one
    #[arg(long, value_name = "WORD")]
    only: Option<String>,
    /// How long each scenario is measured, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Number of gateways
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=i64::from(GATEWAYS_MAX)))]
    gateways: u16,
    /// How everything is compiled
    #[arg(long, value_enum, default_value_t = Profile::Up)]
    profile: Profile,
    /// Keeps the result under a name too: target/bench/kept/NAME.json
    #[arg(long, value_name = "NAME")]
    keep: Option<Name>,
    /// Compares with the result that was kept under the name, instead of the latest one
    #[arg(long, value_name = "NAME")]
    against: Option<Name>,
}

/// Measures, shows and keeps the result.
///
/// # Errors
/// When something fails, or a message was lost, came twice or out of order.
pub(crate) fn run(options: &Options, project: &Project, console: &Console) -> Result<()> {
    let interrupt = Interrupt::listen()?;
    let choice = Choice { full: options.full, only: options.only.clone() };
    choice.check()?;
    let folder = project.bench();
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let against = options.against.as_ref().map(|name| Outcome::kept(&folder, name)).transpose()?;
    allow_files(console)?;
    let place = project.home()?.claim("bench").context("another `cargo xtask bench` is running")?;
    place.clear()?;
    let needs = Needs { postgres: &STEADY, ..Needs::default() };
    let preparing = system::prepare(place, needs, *console);
    console.step("building the services and the load generator (a first build takes minutes)");
    let [accounts, gateway] = system::PACKAGES;
    project.build(options.profile, &[accounts, gateway, PROGRAMS], &interrupt)?;
    let servers = preparing.wait(&interrupt)?;
    let setup = Setup::new(project, options.profile, &folder)?;
    let addresses = Addresses::anywhere(options.gateways)?;
    let mut bench = Bench {
        choice,
        seconds: options.seconds,
        profile: options.profile,
        project,
        output: folder.join("output.json"),
        system: System::new(servers, addresses, setup, *console),
        serving: None,
        console,
        interrupt,
    };
    let measured = bench.measure();
    console.step("stopping");
    let stopped = bench.system.stop();
    let outcome = measured?;
    stopped?;
    let before = against.or_else(|| outcome.before(&folder));
    if let Some(name) = &options.keep {
        let file = outcome.keep_as(&folder, name)?;
        console.step(&format!("kept in {}", file.display()));
    }
    if outcome.conditions.only.is_none() {
        outcome.keep(&folder)?;
    }
    conclude(&outcome, before.as_ref(), &folder, console)
}

fn conclude(outcome: &Outcome, before: Option<&Outcome>, folder: &Path, console: &Console) -> Result<()> {
    let like = before.filter(|before| outcome.is_like(before));
    if like.is_none() && before.is_some() {
        console.line("\nThe other result was measured in another way: it is not compared.");
    }
    summary::text(outcome, like).lines().for_each(|line| console.line(line));
    let page = folder.join(PAGE);
    std::fs::write(&page, page::html(outcome, like)).with_context(|| format!("write {}", page.display()))?;
    console.line(&format!("\n  with plots: {}", page.display()));
    judge(outcome)
}

/// The load generator and the gateways hold many sockets.
fn allow_files(console: &Console) -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("read the limit of open files")?;
    let raise = |most: u64| setrlimit(Resource::RLIMIT_NOFILE, FILES.max(soft), most);
    // Only a privileged user raises the second limit.
    if soft < FILES && raise(hard.max(FILES)).is_err() {
        console.step(&format!("at most {hard} files can be open: scenarios with more sockets fail"));
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raise the limit of open files")?;
    }
    Ok(())
}

/// # Errors
/// When a load broke the promise, or could not be measured.
fn judge(outcome: &Outcome) -> Result<()> {
    let broken = outcome.all_loads().filter(|load| !load.report.kept_the_promise());
    let broken: Vec<_> = broken.map(|load| format!("{}: {:?}", load.name, load.report.breaches())).collect();
    if !broken.is_empty() {
        bail!("not every message arrived once and in order ({})", broken.join("; "));
    }
    if !outcome.failures.is_empty() {
        bail!("not everything could be measured ({})", outcome.failures.join("; "));
    }
    Ok(())
}

/// A benchmark under way.
struct Bench<'a> {
    choice: Choice,
    seconds: u64,
    profile: Profile,
    project: &'a Project,
    /// Where the measuring programs write their results.
    output: PathBuf,
    system: System,
    /// The variables of the services that run.
    serving: Option<Vec<(&'static str, &'static str)>>,
    console: &'a Console,
    interrupt: Interrupt,
}

impl Bench<'_> {
    /// The parts alone come first, because PostgreSQL's database is copied while nobody is connected to it.
    fn measure(&mut self) -> Result<Outcome> {
        self.system.migrate(&self.interrupt)?;
        let limits = Limits::measure(self)?;
        let choice = self.choice.clone();
        let (mut loads, mut series, mut failures) = (Vec::new(), Vec::new(), Vec::new());
        for work in choice.works() {
            match work {
                Work::Scenario(scenario) => {
                    let measured = Load::measure(self, scenario).context(scenario.name);
                    loads.extend(self.or_failure(measured, &mut failures)?);
                }
                Work::Series => {
                    let measured = Step::series(self);
                    series = self.or_failure(measured, &mut failures)?.unwrap_or_default();
                }
            }
        }
        let conditions = Conditions {
            profile: self.profile.name().to_owned(),
            seconds: self.seconds,
            gateways: self.system.addresses().gateways.len(),
            full: choice.full,
            only: choice.only,
        };
        Ok(Outcome { conditions, origin: Origin::here(self), limits, loads, series, failures })
    }

    /// One scenario that fails must not cost the figures of the others.
    ///
    /// # Errors
    /// When there is no going on: the end was asked for, or the system is broken.
    fn or_failure<T>(&mut self, measured: Result<T>, failures: &mut Vec<String>) -> Result<Option<T>> {
        match measured {
            Ok(measured) => Ok(Some(measured)),
            Err(error) if error.is::<Interrupted>() => Err(error),
            Err(error) => {
                self.system.check()?;
                self.console.failure(&format!("{error:#}"));
                failures.push(format!("{error:#}"));
                Ok(None)
            }
        }
    }

    /// Has the services run with the raised limits, but those whose keys begin with `as_shipped`.
    fn provide(&mut self, as_shipped: Option<&str>) -> Result<()> {
        let variables = plan::variables(as_shipped);
        if self.serving.as_ref() != Some(&variables) {
            self.withdraw()?;
            self.system.start_with(&variables, &self.interrupt)?;
            self.serving = Some(variables);
        }
        Ok(())
    }

    /// Has nobody but us at PostgreSQL.
    fn withdraw(&mut self) -> Result<()> {
        self.serving = None;
        self.system.stop_services()
    }

    fn program(&self, name: &str) -> Command {
        Command::new(self.project.binary(self.profile, name))
    }

    /// Runs a measuring program, its progress on our terminal, and reads its JSON.
    fn result(&mut self, command: &mut Command) -> Result<serde_json::Value> {
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
        let mut outcome = fixture::outcome();
        judge(&outcome).expect("nothing is wrong");
        let report::Report::Messages(messages) = &mut outcome.loads[1].report else { panic!("messages") };
        messages.breaches.lost = 1;
        let error = judge(&outcome).expect_err("a message was lost").to_string();
        assert!(error.contains("one in flight: Some(Breaches { lost: 1"), "{error}");
    }

    #[test]
    fn what_could_not_be_measured_fails_the_benchmark() {
        let mut outcome = fixture::outcome();
        outcome.failures.push("idle: too few files".to_owned());
        assert!(judge(&outcome).expect_err("a failure").to_string().contains("too few files"));
    }
}
