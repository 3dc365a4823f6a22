//! `slow`: sockets that read nothing, in groups that are written to, beside pairs that write at a fixed rate.
//!
//! Writing so much takes processors, whoever reads it. So others are measured three times: alone, beside
//! stalled readers, and beside the same users in the same groups reading. What it costs others that readers stall is the
//! difference of the last two. They read last: memory that the gateways took for them must not hide what stalling takes.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tokio::time::sleep;

use crate::figures::{Footer, Latencies, Latency};
use crate::ledger::Breaches;
use crate::measure::{Errors, Phase, Timeline, add_errors, nanos};
use crate::open::Steady;
use crate::options::Scenario;
use crate::processes::{self, GATEWAYS, Usage};
use crate::report::Report;
use crate::run::Run;
use crate::squad::{Dialect, Order};
use crate::stalled::{Audience, Found as Stalled};
use crate::traffic::Traffic;

/// How often the gateways' memory is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Readers that stall beside an open loop: it is measured without them, then for as long again while they stall,
/// then while they read.
#[derive(Debug, Clone, Copy, Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Slow {
    /// Sockets that read nothing, each of a user of its own.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub stalled: u32,
    /// What they speak: `documented` is closed when its outbox is full, `v2` is told of gaps first.
    #[arg(long, value_enum, default_value_t = Dialect::Documented)]
    pub dialect: Dialect,
    /// Bytes that the client's kernel may hold for each of them.
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub receive_buffer: u32,
    /// Bytes that are written to each of them, spread over each part with readers: more than its outbox and the kernels
    /// hold.
    #[arg(long, default_value_t = 8_388_608, value_parser = clap::value_parser!(u64).range(1..=1_073_741_824))]
    pub flood: u64,
    /// The loop.
    #[command(flatten)]
    #[serde(flatten)]
    pub steady: Steady,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    run: String,
    scenario: Scenario,
    gateways: usize,
    /// Length of each of the three parts, in seconds.
    seconds: u64,
    #[serde(flatten)]
    readers: Stalled,
    /// What all gateways' memory grew by at most, a stalled socket; that of the socket itself included.
    resident_bytes_per_stalled: u64,
    ack_calm: Latency,
    /// While the same readers read the same.
    ack_reading: Latency,
    ack_slow: Latency,
    delivery_calm: Latency,
    delivery_reading: Latency,
    delivery_slow: Latency,
    unsent: u64,
    breaches: Breaches,
    errors: Errors,
    /// In the part with stalled readers.
    processes: Vec<Usage>,
}

/// What the part with stalled readers came to.
struct Stall {
    readers: Stalled,
    grown: u64,
    processes: Vec<Usage>,
    errors: Errors,
}

pub(crate) async fn run(run: &Run<'_>, slow: Slow) -> Result<Report> {
    let audience = Audience::gather(run, slow.stalled, slow.dialect).await?;
    let (members, conversations) = slow.steady.gather(run).await?;
    let timeline = Timeline::start();
    let in_flight = slow.steady.in_flight as usize;
    let traffic = Traffic::start(run, members, conversations, in_flight, timeline.clone());
    let stalling = async {
        let stalled = course(run, slow, audience, &timeline).await;
        // Also when something fails: the traffic goes on until it is told to end.
        timeline.end_at(timeline.now());
        stalled
    };
    let (outcome, stall) = tokio::join!(traffic.finish(run), stalling);
    let (outcome, stall) = (outcome?, stall?);

    let [ack_calm, ack_slow] = outcome.acks.latencies();
    let [delivery_calm, delivery_slow] = outcome.deliveries.latencies();
    let mut errors = outcome.errors;
    add_errors(&mut errors, &stall.errors);
    let found = Found {
        run: run.name.clone(),
        scenario: run.scenario,
        gateways: run.options.gateway.len(),
        seconds: run.options.seconds,
        resident_bytes_per_stalled: stall.grown / u64::from(slow.stalled),
        readers: stall.readers,
        ack_calm,
        ack_reading: outcome.acks.latency(Phase::Control),
        ack_slow,
        delivery_calm,
        delivery_reading: outcome.deliveries.latency(Phase::Control),
        delivery_slow,
        unsent: outcome.unsent,
        breaches: outcome.breaches,
        errors,
        processes: stall.processes,
    };
    Report::of(&found, found.breaches == Breaches::default() && found.delivery_slow.count > 0)
}

/// Some time of calm, then with readers that stall, then with the same ones reading.
async fn course(run: &Run<'_>, slow: Slow, mut audience: Audience, timeline: &Timeline) -> Result<Stall> {
    let [begin, part] = [run.options.warm_up, run.options.seconds].map(|at| nanos(Duration::from_secs(at)));
    timeline.mark(begin, Some(Phase::Calm));
    timeline.mark(begin + part, None);
    timeline.reach(begin + part).await;
    let part = Duration::from_nanos(part);
    let mut stall = stall(run, slow, part, &mut audience, timeline).await?;
    let reading = read(run, slow.flood, part, &mut audience, timeline).await?;
    add_errors(&mut stall.errors, &reading);
    Ok(stall)
}

/// The flood with readers that stall.
async fn stall(
    run: &Run<'_>,
    slow: Slow,
    part: Duration,
    audience: &mut Audience,
    timeline: &Timeline,
) -> Result<Stall> {
    let memory = || processes::sum(&processes::memory(&run.options.watch), GATEWAYS);
    let before = memory();
    run.say(&format!("opening {} sockets that will not be read", slow.stalled));
    let stalled = audience.stalling(run, slow.receive_buffer).await?;

    let processes_before = processes::processes();
    timeline.mark(timeline.now(), Some(Phase::Loaded));
    let mut highest = before;
    let watching = async {
        loop {
            sleep(LOOK).await;
            highest = highest.max(memory());
        }
    };
    let mut errors = tokio::select! {
        errors = audience.flood(slow.flood, part) => errors,
        () = watching => Errors::new(),
    };
    timeline.mark(timeline.now(), None);
    let processes = processes::used_since(&processes_before, &run.options.watch);
    run.say("reading what the stalled sockets still get");
    let readers = stalled.wake().await;
    if readers.kept_up > 0 {
        *errors.entry("a stalled socket whose outbox was never full".to_owned()).or_default() +=
            readers.kept_up;
    }
    Ok(Stall { readers, grown: highest.saturating_sub(before), processes, errors })
}

/// The flood with readers that read; what went wrong.
async fn read(
    run: &Run<'_>,
    flood: u64,
    part: Duration,
    audience: &mut Audience,
    timeline: &Timeline,
) -> Result<Errors> {
    run.say("opening the sockets in processes that read them");
    let mut squad = audience.reading(run).await?;
    let opened = squad.order(&Order::Open).await?;
    timeline.mark(timeline.now(), Some(Phase::Control));
    let mut errors = audience.flood(flood, part).await;
    timeline.mark(timeline.now(), None);
    let dropped = squad.order(&Order::Drop).await?;
    for tally in [opened, dropped] {
        add_errors(&mut errors, &tally.errors);
    }
    Ok(errors)
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, gateways, seconds, breaches, processes, errors, .. } = self;
        writeln!(
            f,
            "{scenario:?}, {gateways} gateway(s), {seconds} s each: alone, readers that stall, that read"
        )?;
        let Stalled { stalled, closed, told, kept_up } = self.readers;
        writeln!(f, "  {stalled} stalled: {closed} closed, {told} told of gaps, {kept_up} never full")?;
        writeln!(f, "  {} bytes of the gateways a stalled socket", self.resident_bytes_per_stalled)?;
        let rows = [
            ("ack, calm", &self.ack_calm),
            ("ack, slow", &self.ack_slow),
            ("ack, reading", &self.ack_reading),
            ("delivery, calm", &self.delivery_calm),
            ("delivery, slow", &self.delivery_slow),
            ("delivery, reading", &self.delivery_reading),
        ];
        write!(f, "{}", Latencies(&rows))?;
        writeln!(f, "  unsent {}", self.unsent)?;
        write!(f, "{}", Footer { breaches: Some(*breaches), processes, errors })
    }
}
