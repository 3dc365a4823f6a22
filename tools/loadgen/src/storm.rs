//! `storm`: sockets that drop all at once and come back, beside pairs that write at a fixed rate.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::figures::{Footer, Latencies, Latency};
use crate::ledger::Breaches;
use crate::measure::{Errors, Phase, Timeline, add_errors, nanos};
use crate::open::Steady;
use crate::options::Scenario;
use crate::population;
use crate::processes::{self, Usage};
use crate::report::Report;
use crate::run::Run;
use crate::squad::{Dialect, Order, Squad};
use crate::traffic::Traffic;

/// Storms of reconnects beside an open loop.
#[derive(Debug, Clone, Copy, Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Storm {
    /// Sockets that drop, each of a user of its own.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub sockets: u32,
    /// Sockets that open at once, the first time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub at_once: u32,
    /// From one storm to the next, and of calm before the first one, in seconds; longer when not all are back then.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub every: u64,
    /// Storms.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub times: u32,
    /// Longest wait of a client before its first new attempt, in milliseconds; each waits a random part of it.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub spread_ms: u64,
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
    sockets: u64,
    storms: Vec<Passed>,
    /// Of what was due before the first storm.
    ack_calm: Latency,
    /// Of what was due while not all were back.
    ack_storm: Latency,
    delivery_calm: Latency,
    delivery_storm: Latency,
    unsent: u64,
    breaches: Breaches,
    errors: Errors,
    /// From the end of the warm-up to the end of the last storm.
    processes: Vec<Usage>,
}

/// One storm.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Passed {
    /// Until all were back and had what they had missed.
    back_seconds: f64,
    /// Sockets that came back.
    back: u64,
    /// The same for each socket, from when it was dropped.
    reconnect: Latency,
}

pub(crate) async fn run(run: &Run<'_>, storm: Storm) -> Result<Report> {
    let people = population::sign_up(run, "drop", storm.sockets).await?;
    let (members, conversations) = storm.steady.gather(run).await?;
    let mut squad = Squad::gather(run, &people, Dialect::V2, storm.at_once).await?;
    run.say("opening the sockets");
    let mut errors = squad.order(&Order::Open).await?.errors;

    let timeline = Timeline::start();
    let in_flight = storm.steady.in_flight as usize;
    let traffic = Traffic::start(run, members, conversations, in_flight, timeline.clone());
    let raging = rage(run, storm, &mut squad, &timeline, &mut errors);
    let (outcome, raged) = tokio::join!(traffic.finish(run), raging);
    let (outcome, (storms, processes)) = (outcome?, raged?);

    let [ack_calm, ack_storm] = outcome.acks.latencies();
    let [delivery_calm, delivery_storm] = outcome.deliveries.latencies();
    add_errors(&mut errors, &outcome.errors);
    let found = Found {
        run: run.name.clone(),
        scenario: run.scenario,
        gateways: run.options.gateway.len(),
        sockets: storm.sockets.into(),
        storms,
        ack_calm,
        ack_storm,
        delivery_calm,
        delivery_storm,
        unsent: outcome.unsent,
        breaches: outcome.breaches,
        errors,
        processes,
    };
    let all_back = found.storms.iter().all(|passed| passed.back == found.sockets);
    Report::of(&found, found.breaches == Breaches::default() && all_back)
}

/// Lets the storms pass and ends the timeline, also when something fails.
async fn rage(
    run: &Run<'_>,
    storm: Storm,
    squad: &mut Squad,
    timeline: &Timeline,
    errors: &mut Errors,
) -> Result<(Vec<Passed>, Vec<Usage>)> {
    let passed = pass(run, storm, squad, timeline, errors).await;
    timeline.end_at(timeline.now());
    passed
}

async fn pass(
    run: &Run<'_>,
    storm: Storm,
    squad: &mut Squad,
    timeline: &Timeline,
    errors: &mut Errors,
) -> Result<(Vec<Passed>, Vec<Usage>)> {
    let begin = nanos(Duration::from_secs(run.options.warm_up));
    let every = nanos(Duration::from_secs(storm.every));
    timeline.mark(begin, Some(Phase::Calm));
    timeline.reach(begin).await;
    let before = processes::processes();
    let mut storms = Vec::new();
    let mut due = begin + every;
    for number in 1..=storm.times {
        timeline.reach(due).await;
        let dropped = timeline.now();
        timeline.mark(dropped, Some(Phase::Loaded));
        let lost = squad.order(&Order::Drop).await?;
        run.say(&format!("storm {number}: {} sockets dropped", storm.sockets));
        let returned = squad.order(&Order::Return { spread_ms: storm.spread_ms }).await?;
        let back = timeline.now();
        timeline.mark(back, None);
        let back_seconds = Duration::from_nanos(back - dropped).as_secs_f64();
        run.say(&format!("storm {number}: {} back after {back_seconds:.2} s", returned.done));
        add_errors(errors, &lost.errors);
        add_errors(errors, &returned.errors);
        storms.push(Passed { back_seconds, back: returned.done, reconnect: Latency::of(&returned.latency) });
        due = back.max(dropped + every);
    }
    Ok((storms, processes::used_since(&before, &run.options.watch)))
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, gateways, breaches, processes, errors, .. } = self;
        writeln!(f, "{scenario:?}, {gateways} gateway(s)")?;
        for Passed { back_seconds, back, .. } in &self.storms {
            writeln!(f, "  {back} of {} sockets were back after {back_seconds:.2} s", self.sockets)?;
        }
        let reconnects = self.storms.iter().map(|passed| ("reconnect", &passed.reconnect));
        let rows = [
            ("ack, calm", &self.ack_calm),
            ("ack, storm", &self.ack_storm),
            ("delivery, calm", &self.delivery_calm),
            ("delivery, storm", &self.delivery_storm),
        ];
        write!(f, "{}", Latencies(&reconnects.chain(rows).collect::<Vec<_>>()))?;
        writeln!(f, "  unsent {}", self.unsent)?;
        write!(f, "{}", Footer { breaches: Some(*breaches), processes, errors })
    }
}
