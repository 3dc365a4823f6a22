//! `cargo xtask check` and `cargo xtask test`: what must hold before a change is merged.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use messenger_backing::{Durability, Postgres, PostgresOptions, Redis, RedisOptions};

use crate::arrows;
use crate::console::Console;
use crate::interrupt::Interrupt;
use crate::migrations;
use crate::project::{Project, succeed, variable};
use crate::supply;
use crate::system;

/// What needs no server.
pub(crate) fn check(project: &Project, console: &Console) -> Result<()> {
    let mut steps = Steps::new(console)?;
    let outcome = steps.check(project);
    steps.finish(outcome)
}

/// Everything; with filters only the tests that they name, on private servers all the same.
pub(crate) fn test(project: &Project, console: &Console, filters: &[String]) -> Result<()> {
    let mut steps = Steps::new(console)?;
    let checked = if filters.is_empty() { steps.check(project) } else { Ok(()) };
    let outcome = checked.and_then(|()| steps.test(project, filters));
    steps.finish(outcome)
}

/// What is tested once more with a log in partitions: all that reads and writes it. Plans are tested with both.
const LOG: [&str; 9] = [
    "store::tests::alone",
    "store::tests::comeback",
    "store::tests::conversations",
    "store::tests::lag",
    "store::tests::lists",
    "store::tests::log",
    "store::tests::pages",
    "store::tests::resume",
    "store::tests::send",
];

/// Steps in a row, with the time that each took.
struct Steps<'a> {
    console: &'a Console,
    interrupt: Interrupt,
    done: Vec<(&'static str, Duration)>,
}

impl<'a> Steps<'a> {
    fn new(console: &'a Console) -> Result<Self> {
        Ok(Self { console, interrupt: Interrupt::listen()?, done: Vec::new() })
    }

    /// The quick ones first: a wrong space or arrow is told before minutes of compiling.
    fn check(&mut self, project: &Project) -> Result<()> {
        self.step("format", |interrupt| {
            succeed(project.cargo().args(["fmt", "--all", "--check"]), interrupt)
        })?;
        self.step("arrows", |_| arrows::check(project.root()))?;
        self.step("migrations", |_| migrations::check(project.root()))?;
        let console = self.console;
        self.step("supply chain", |interrupt| supply::check(project, console, interrupt))?;
        self.step("lints", |interrupt| {
            let lints = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
            succeed(project.cargo().args(lints), interrupt)
        })?;
        self.step("documentation", |interrupt| {
            let mut cargo = project.cargo();
            cargo.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
            succeed(&mut cargo, interrupt)
        })
    }

    /// The programs are built first, because the end-to-end tests run them.
    fn test(&mut self, project: &Project, filters: &[String]) -> Result<()> {
        self.step("build", |interrupt| succeed(project.cargo().args(["build", "--workspace"]), interrupt))?;
        self.step("build of the tests", |interrupt| {
            succeed(project.cargo().args(["test", "--workspace", "--no-run"]), interrupt)
        })?;
        let console = self.console;
        let [_, gateway] = system::PACKAGES;
        self.step("tests", |interrupt| {
            let place = project.home()?.claim_any("test")?;
            let say = |text: &str| console.step(text);
            let mut options = PostgresOptions::new(&place, Durability::Disposable);
            options.url = variable("TEST_DATABASE_URL");
            let postgres = Postgres::start(options, &say)?;
            let mut options = RedisOptions::new(&place);
            options.url = variable("TEST_REDIS_URL");
            let redis = Redis::start(options, &say)?;
            let test = |arguments: &[&str], filters: &[String], partitions: &str| {
                let mut cargo = project.cargo();
                cargo.arg("test").args(arguments).arg("--").args(filters);
                cargo.env("TEST_DATABASE_URL", postgres.admin_url()).env("TEST_REDIS_URL", redis.url());
                succeed(cargo.env("MESSENGER_TEST_PARTITIONS", partitions), interrupt)
            };
            test(&["--workspace", "--no-fail-fast"], filters, "0")?;
            if !filters.is_empty() {
                return Ok(());
            }
            console.step("tests of the log, now in partitions");
            test(&["--package", gateway, "--lib"], &LOG.map(str::to_owned), "4")
        })
    }

    fn step(&mut self, name: &'static str, work: impl FnOnce(&Interrupt) -> Result<()>) -> Result<()> {
        self.console.step(name);
        let started = Instant::now();
        work(&self.interrupt).context(name)?;
        self.done.push((name, started.elapsed()));
        Ok(())
    }

    fn finish(self, outcome: Result<()>) -> Result<()> {
        for (name, took) in &self.done {
            self.console.line(&format!("{:>8.1} s  {name}", took.as_secs_f32()));
        }
        match outcome {
            Ok(()) => self.console.step("all is well"),
            Err(error) if self.interrupt.is_asked() => return Err(error),
            Err(error) => bail!("failed: {error:#}"),
        }
        Ok(())
    }
}
