//! Runs the load generator against the system.

use std::fs::File;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::Bench;
use super::batches::Batches;
use super::plan::{STEP_PAIRS, STEP_SECONDS, STEPS, Scenario, THROUGHPUT_OVER_LOAD};
use super::report::Report;

/// File with what `bare seed` has made.
const SEEDED: &str = "seeded.json";

/// A scenario's result.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Load {
    pub(super) name: String,
    /// Messages that a gateway stored with one statement, on average, warm-up included.
    pub(super) rows_per_statement: Option<f64>,
    pub(super) report: Report,
}

/// A step of the series.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Step {
    /// Messages in flight, of all pairs together.
    pub(super) in_flight: u32,
    pub(super) load: Load,
}

impl Load {
    /// With the database and the services as the scenario wants them.
    pub(super) fn measure(bench: &mut Bench<'_>, scenario: &Scenario) -> Result<Self> {
        let seeded = scenario.seed.map(|arguments| seed(bench, arguments)).transpose()?;
        bench.provide(scenario.as_shipped)?;
        Self::run(bench, scenario.name, scenario.arguments, bench.seconds, seeded)
    }

    /// Whatever the load generator is to read goes to its standard input.
    fn run(
        bench: &mut Bench<'_>,
        name: &str,
        arguments: &[&str],
        seconds: u64,
        input: Option<File>,
    ) -> Result<Self> {
        bench.console.step(name);
        let mut command = bench.program("loadgen");
        let addresses = bench.system.addresses();
        let url = |scheme, port| format!("{scheme}://127.0.0.1:{port}");
        command.stdin(input.map_or_else(Stdio::null, Stdio::from));
        command.args(arguments).args(["--json", "--accounts", &url("http", addresses.accounts.http)]);
        for gateway in &addresses.gateways {
            command.args(["--gateway", &url("ws", gateway.http)]);
        }
        command.args(["--seconds", &seconds.to_string()]);
        let admin: Vec<u16> = addresses.gateways.iter().map(|gateway| gateway.admin).collect();
        for (name, pid) in bench.system.processes() {
            command.args(["--watch", &format!("{name}={pid}")]);
        }
        let before = Batches::read(&admin)?;
        let report = Report::read(&bench.result(&mut command)?)?;
        let rows_per_statement = Batches::read(&admin)?.since(&before).rows_per_statement();
        Ok(Self { name: name.to_owned(), rows_per_statement, report })
    }
}

impl Step {
    /// The same pairs with more and more in flight.
    pub(super) fn series(bench: &mut Bench<'_>) -> Result<Vec<Self>> {
        bench.provide(None)?;
        let seconds = bench.seconds.min(STEP_SECONDS);
        let step = |in_flight: u32| {
            let name = format!("{THROUGHPUT_OVER_LOAD}, {STEP_PAIRS} pairs x {in_flight} in flight");
            let (pairs, each) = (STEP_PAIRS.to_string(), in_flight.to_string());
            let arguments = ["private", "--pairs", &*pairs, "--in-flight", &*each];
            let load = Load::run(bench, &name, &arguments, seconds, None)?;
            Ok(Self { in_flight: STEP_PAIRS * in_flight, load })
        };
        STEPS.into_iter().map(step).collect::<Result<_>>().context(THROUGHPUT_OVER_LOAD)
    }
}

/// Fills the database; what the load generator must know of it is in the file.
fn seed(bench: &mut Bench<'_>, arguments: &[&str]) -> Result<File> {
    bench.withdraw()?;
    bench.console.step(&format!("filling the database ({})", arguments.join(" ")));
    let mut command = bench.program("bare");
    command.arg("seed").args(arguments);
    command.env("DATABASE_URL", bench.system.messaging_url());
    command.env("ACCOUNTS_DATABASE_URL", bench.system.accounts_url());
    let seeded = bench.result(&mut command).context("fill the database")?;
    let file = bench.output.with_file_name(SEEDED);
    std::fs::write(&file, serde_json::to_vec(&seeded)?)
        .with_context(|| format!("write {}", file.display()))?;
    File::open(&file).with_context(|| format!("read {}", file.display()))
}
