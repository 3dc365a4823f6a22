//! `logins`: as many log-ins as come, beside pairs that write at a fixed rate.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use futures_util::future::join_all;
use messenger_client::rest::{Accounts, RestError};
use serde::Serialize;
use tokio::time::sleep;

use crate::figures::{Footer, Latencies, Latency, Rate, RateLine};
use crate::ledger::Breaches;
use crate::measure::{Errors, Meters, Phase, Timeline, add_errors, nanos};
use crate::open::Steady;
use crate::options::Scenario;
use crate::population::{self, Person};
use crate::processes::{self, Usage};
use crate::report::Report;
use crate::run::Run;
use crate::traffic::Traffic;

/// Wait after a failure: a service that refuses all must not be asked in a busy loop.
const AFTER_FAILURE: Duration = Duration::from_millis(10);

/// Log-ins beside an open loop: it is measured without them, then for as long again with them.
#[derive(Debug, Clone, Copy, Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Logins {
    /// Log-ins that wait for their answer at once.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub at_once: u32,
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
    /// Length of each of the two parts, in seconds.
    seconds: u64,
    /// Log-ins that succeeded.
    logins: Rate,
    /// Log-ins that the service had no time for.
    refused: Rate,
    /// How long those took that succeeded.
    login: Latency,
    ack_calm: Latency,
    ack_loaded: Latency,
    delivery_calm: Latency,
    delivery_loaded: Latency,
    unsent: u64,
    breaches: Breaches,
    errors: Errors,
    /// In the part with log-ins.
    processes: Vec<Usage>,
}

/// What those found who log in over and over.
#[derive(Default)]
struct Tally {
    done: Meters,
    refused: Meters,
    errors: Errors,
}

pub(crate) async fn run(run: &Run<'_>, logins: Logins) -> Result<Report> {
    let accounts = Accounts::new(&run.options.accounts)?;
    let callers = population::sign_up(run, "caller", logins.at_once).await?;
    let (members, conversations) = logins.steady.gather(run).await?;

    let (warm_up, seconds) = (run.options.warm_up, run.options.seconds);
    let [calm, loaded, end] = [0, 1, 2].map(|part| nanos(Duration::from_secs(warm_up + part * seconds)));
    let timeline = Timeline::start();
    timeline.mark(calm, Some(Phase::Calm));
    timeline.mark(loaded, Some(Phase::Loaded));
    timeline.mark(end, None);
    timeline.end_at(end);
    let in_flight = logins.steady.in_flight as usize;
    let traffic = Traffic::start(run, members, conversations, in_flight, timeline.clone());
    let calling = join_all(callers.iter().map(|caller| call(&accounts, caller, &timeline, loaded)));
    let used = processes::measure(&run.options.watch, &timeline, loaded..end);
    let (outcome, tallies, processes) = tokio::join!(traffic.finish(run), calling, used);
    let (outcome, tally) = (outcome?, tallies.into_iter().fold(Tally::default(), Tally::and));

    let [ack_calm, ack_loaded] = outcome.acks.latencies();
    let [delivery_calm, delivery_loaded] = outcome.deliveries.latencies();
    #[expect(clippy::cast_precision_loss, reason = "a number of seconds below a thousand")]
    let rate = |meters: &Meters| Rate::of(meters.of(Phase::Loaded).in_phase, seconds as f64);
    let mut errors = outcome.errors;
    add_errors(&mut errors, &tally.errors);
    let found = Found {
        run: run.name.clone(),
        scenario: run.scenario,
        gateways: run.options.gateway.len(),
        seconds,
        logins: rate(&tally.done),
        refused: rate(&tally.refused),
        login: Latency::of(&tally.done.of(Phase::Loaded).latency),
        ack_calm,
        ack_loaded,
        delivery_calm,
        delivery_loaded,
        unsent: outcome.unsent,
        breaches: outcome.breaches,
        errors,
        processes,
    };
    Report::of(&found, found.breaches == Breaches::default() && found.logins.count > 0)
}

/// Logs in again and again, from `from` on to the timeline's end.
async fn call(accounts: &Accounts, caller: &Person, timeline: &Timeline, from: u64) -> Tally {
    let mut tally = Tally::default();
    timeline.reach(from).await;
    loop {
        let started = timeline.now();
        if started >= timeline.end() {
            return tally;
        }
        let answer = accounts.log_in(&caller.email, &caller.password).await;
        let now = timeline.now();
        match answer {
            Ok(_) => {
                tally.done.note(timeline, started, now);
                continue;
            }
            Err(RestError::Refused { status: 429 | 503, .. }) => tally.refused.note(timeline, started, now),
            Err(error) => *tally.errors.entry(error.to_string()).or_default() += 1,
        }
        sleep(AFTER_FAILURE).await;
    }
}

impl Tally {
    fn and(mut self, other: Self) -> Self {
        self.done.add(&other.done);
        self.refused.add(&other.refused);
        add_errors(&mut self.errors, &other.errors);
        self
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, gateways, seconds, breaches, processes, errors, .. } = self;
        writeln!(f, "{scenario:?}, {gateways} gateway(s), {seconds} s without and {seconds} s with log-ins")?;
        write!(f, "{}", RateLine("logged in", self.logins, "users/s"))?;
        write!(f, "{}", RateLine("refused", self.refused, "users/s"))?;
        let rows = [
            ("log-in", &self.login),
            ("ack, calm", &self.ack_calm),
            ("ack, loaded", &self.ack_loaded),
            ("delivery, calm", &self.delivery_calm),
            ("delivery, loaded", &self.delivery_loaded),
        ];
        write!(f, "{}", Latencies(&rows))?;
        writeln!(f, "  unsent {}", self.unsent)?;
        write!(f, "{}", Footer { breaches: Some(*breaches), processes, errors })
    }
}
