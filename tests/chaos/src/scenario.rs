//! One run: the system starts, people talk, the nemesis strikes, everything is healed, and the history is judged.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use crate::checker::{Limits, Verdict, check_file};
use crate::dump;
use crate::history::Writer;
use crate::load::Crowd;
use crate::nemesis::Nemesis;
use crate::stack;
pub use crate::stack::{GATEWAYS, Servers, Size};

/// How often it is looked whether everybody has everything.
const LOOK: Duration = Duration::from_millis(50);
/// Devices that a report names one by one.
const NAMED: usize = 10;

/// What a run is made of.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The load.
    pub size: Size,
    /// Chooses what is left to chance.
    pub seed: u64,
    /// Environment of all processes, over the defaults.
    pub settings: &'a [(&'a str, &'a str)],
    /// Clients come through the load balancer as it is deployed, to three gateways and two accounts services, and not through
    /// links that can be broken.
    pub balanced: bool,
    /// Folder with the programs of another build, with which the run begins.
    pub programs: Option<&'a Path>,
    /// URL of Redis servers that the caller runs; without it, the system has one of its own, behind links.
    pub redis: Option<&'a str>,
    /// Talk before the first fault.
    pub before: Duration,
    /// Talk after the last one.
    pub after: Duration,
    /// How long everything may take to reach everybody once nobody talks any more.
    pub settle: Duration,
    /// What counts as late.
    pub limits: Limits,
}

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// The checker's.
    pub verdict: Verdict,
    /// Messages that were never acknowledged.
    pub unsent: usize,
    /// Devices that were not shown all in the end.
    pub behind: Vec<String>,
    /// Logs that devices took for restored.
    pub resets: u64,
    /// The history.
    pub file: PathBuf,
}

/// Runs a plan with whatever `disturb` does to the system meanwhile; the history goes to `file`.
///
/// # Errors
/// When the system cannot be started, disturbed or read. A broken promise is no error but in the report.
pub async fn run(
    plan: Plan<'_>,
    servers: Servers,
    file: &Path,
    disturb: impl AsyncFnOnce(&mut Nemesis) -> Result<()>,
) -> Result<Report> {
    let (writer, handle) = Writer::create(file)?;
    let (cluster, crowd) = stack::start(&plan, servers, &writer).await?;
    let crowd = Arc::new(crowd);
    let quiet = CancellationToken::new();
    let mut load = JoinSet::new();
    let (talkers, hush) = (Arc::clone(&crowd), quiet.clone());
    load.spawn(async move { talkers.run(plan.size.rate, plan.seed, &hush).await });

    let mut nemesis = Nemesis::new(cluster, writer.clone(), plan.seed);
    sleep(plan.before).await;
    disturb(&mut nemesis).await?;
    sleep(plan.after).await;
    quiet.cancel();
    load.join_next().await.context("the load")?.context("the load")?;

    let log = nemesis.cluster().messages().await;
    let deadline = Instant::now() + plan.settle;
    let unsent = crowd.sent(deadline).await;
    let behind = all_shown(&crowd, &log, deadline).await?;
    let resets = crowd.devices.iter().map(|device| device.resets()).sum();
    dump::dump(&log, &writer).await?;
    let Crowd { devices, observers, groups, writer: of_crowd, .. } =
        Arc::into_inner(crowd).context("the load still runs")?;
    drop((groups, of_crowd, writer));
    for observer in observers {
        observer.stop().await;
    }
    for device in devices {
        Arc::into_inner(device).context("a device is still in use")?.stop().await;
    }
    if !behind.is_empty() {
        nemesis.cluster().show_logs();
    }
    drop(nemesis);
    handle.finish().await?;
    let verdict = check_file(file, plan.limits)?;
    Ok(Report { verdict, unsent, behind, resets, file: file.to_owned() })
}

/// Waits until every device was shown all; at the deadline, who was not.
async fn all_shown(crowd: &Crowd, log: &Client, deadline: Instant) -> Result<Vec<String>> {
    loop {
        let heads = dump::heads(log).await?;
        let devices = crowd.devices.iter().flat_map(|device| device.behind(&heads));
        let behind: Vec<_> =
            devices.chain(crowd.observers.iter().flat_map(|observer| observer.behind(&heads))).collect();
        if behind.is_empty() || Instant::now() >= deadline {
            return Ok(behind);
        }
        sleep(LOOK).await;
    }
}

impl Report {
    /// Whether every promise was kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.verdict.is_clean() && self.unsent == 0 && self.behind.is_empty() && self.resets == 0
    }

    /// Panics with the report when a promise was broken, and leaves the history for a closer look; else deletes it.
    ///
    /// # Panics
    /// As said.
    pub fn assert_kept(&self) {
        assert!(self.is_kept(), "{self}");
        // What cannot be deleted does no harm.
        let _ = std::fs::remove_file(&self.file);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = &self.verdict.totals;
        writeln!(
            f,
            "{} sent, {} acknowledged, {} refused, {} unknown; {} shown from {} rows on {GATEWAYS} gateways; {} faults",
            totals.sent,
            totals.acknowledged,
            totals.refused,
            totals.unknown,
            totals.received,
            totals.rows,
            totals.faults
        )?;
        for (name, latency) in [("send", &self.verdict.send), ("delivery", &self.verdict.delivery)] {
            for (when, histogram) in [("quiet", &latency.quiet), ("disturbed", &latency.disturbed)] {
                let ms = |quantile| histogram.value_at_quantile(quantile) / 1000;
                let (p50, p99, max) = (ms(0.5), ms(0.99), histogram.max() / 1000);
                writeln!(f, "{name:>8}, {when:<9}: p50 {p50} ms, p99 {p99} ms, max {max} ms")?;
            }
        }
        for (class, count) in &self.verdict.counts {
            writeln!(f, "{count} {class}")?;
        }
        for violation in self.verdict.violations.iter().take(NAMED) {
            writeln!(f, "  {violation}")?;
        }
        if self.unsent > 0 || self.resets > 0 {
            writeln!(f, "{} never acknowledged, {} logs taken for restored", self.unsent, self.resets)?;
        }
        for behind in self.behind.iter().take(NAMED) {
            writeln!(f, "  {behind}")?;
        }
        write!(f, "history: {}", self.file.display())
    }
}
