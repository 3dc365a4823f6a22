//! `idle`: sockets that are opened as fast as they come, held, and asked at the end whether they live.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tokio::time::sleep;

use crate::figures::{Footer, Latencies, Latency, Rate, RateLine};
use crate::measure::{Errors, add_errors};
use crate::options::Scenario;
use crate::population;
use crate::processes::{self, Memory};
use crate::report::Report;
use crate::run::Run;
use crate::squad::{Dialect, Order, Squad};

/// Samples of memory on the way to all sockets.
const SAMPLES: u64 = 20;
/// How often it is looked whether the next sample is due.
const LOOK: Duration = Duration::from_millis(20);
/// How the gateways' processes are called.
pub(crate) const GATEWAYS: &str = "gateway";

/// Sockets that do nothing.
#[derive(Debug, Clone, Copy, Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Idle {
    /// Sockets, each of a user of its own.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub sockets: u32,
    /// Sockets that open, or ask, at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub at_once: u32,
    /// What they speak.
    #[arg(long, value_enum, default_value_t = Dialect::Documented)]
    pub dialect: Dialect,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    run: String,
    scenario: Scenario,
    gateways: usize,
    /// Sockets that were opened.
    opened: Rate,
    /// From the first packet to the answer of the handshake.
    handshake: Latency,
    /// How long they were held, in seconds.
    held: u64,
    samples: Vec<Sample>,
    /// What all gateways' memory grew by, a socket.
    resident_bytes_per_socket: u64,
    /// Sockets that answered a request at the end.
    alive: u64,
    errors: Errors,
}

/// Memory while so many sockets were open.
#[derive(Debug, Clone, Serialize)]
struct Sample {
    sockets: u64,
    processes: Vec<Memory>,
}

pub(crate) async fn run(run: &Run<'_>, idle: Idle) -> Result<Report> {
    let people = population::sign_up(run, "", idle.sockets).await?;
    let mut squad = Squad::gather(run, &people, idle.dialect, idle.at_once).await?;
    let all = u64::from(idle.sockets);
    let done = squad.done();
    let count = || done.load(Ordering::Relaxed);

    let mut samples = vec![sample(run, 0)];
    let started = Instant::now();
    let opening = run.show(|| format!("{} of {all} sockets are open", count()), squad.order(&Order::Open));
    let opened = tokio::select! {
        opened = opening => opened?,
        never = watch(run, &done, all, &mut samples) => match never {},
    };
    let rate = Rate::of(opened.done, started.elapsed().as_secs_f64());
    samples.push(sample(run, opened.done));

    let hold = Duration::from_secs(run.options.seconds);
    let since = Instant::now();
    run.show(|| format!("holding for {} s", since.elapsed().as_secs()), sleep(hold)).await;
    samples.push(sample(run, opened.done));

    let asking = squad.order(&Order::Ask);
    let asked = run.show(|| format!("{} of {all} have answered", count()), asking).await?;
    let mut errors = opened.errors;
    add_errors(&mut errors, &asked.errors);
    let found = Found {
        run: run.name.clone(),
        scenario: run.scenario,
        gateways: run.options.gateway.len(),
        opened: rate,
        handshake: Latency::of(&opened.latency),
        held: run.options.seconds,
        resident_bytes_per_socket: growth(&samples),
        samples,
        alive: asked.done,
        errors,
    };
    Report::of(&found, found.alive == all)
}

/// Takes a sample each time when another part of all sockets has been opened.
async fn watch(
    run: &Run<'_>,
    done: &AtomicU64,
    all: u64,
    samples: &mut Vec<Sample>,
) -> std::convert::Infallible {
    let mut next = 1;
    loop {
        sleep(LOOK).await;
        let sockets = done.load(Ordering::Relaxed);
        if sockets * SAMPLES >= next * all {
            samples.push(sample(run, sockets));
            next = sockets * SAMPLES / all + 1;
        }
    }
}

fn sample(run: &Run<'_>, sockets: u64) -> Sample {
    Sample { sockets, processes: processes::memory(&run.options.watch) }
}

/// What the gateways' memory has grown by from the first sample to the last one, a socket.
fn growth(samples: &[Sample]) -> u64 {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return 0 };
    let grown =
        processes::sum(&last.processes, GATEWAYS).saturating_sub(processes::sum(&first.processes, GATEWAYS));
    grown.checked_div(last.sockets).unwrap_or(0)
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}, {} gateway(s), held for {} s", self.scenario, self.gateways, self.held)?;
        write!(f, "{}", RateLine("opened", self.opened, "sockets/s"))?;
        write!(f, "{}", Latencies(&[("handshake", &self.handshake)]))?;
        for Sample { sockets, processes } in &self.samples {
            write!(f, "  {sockets:>8} sockets")?;
            for Memory { name, resident_bytes } in processes {
                write!(f, "   {name} {} MiB", resident_bytes / (1024 * 1024))?;
            }
            writeln!(f)?;
        }
        writeln!(f, "  {} bytes of the gateways a socket", self.resident_bytes_per_socket)?;
        writeln!(f, "  {} sockets answered at the end", self.alive)?;
        write!(f, "{}", Footer { breaches: None, processes: &[], errors: &self.errors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(sockets: u64, memory: &[(&str, u64)]) -> Sample {
        let memory =
            memory.iter().map(|(name, bytes)| Memory { name: (*name).to_owned(), resident_bytes: *bytes });
        Sample { sockets, processes: memory.collect() }
    }

    #[test]
    fn only_the_gateways_memory_counts() {
        let first = sample(0, &[("gateway-1", 1000), ("gateway-2", 2000), ("postgres", 5000)]);
        let last = sample(10, &[("gateway-1", 1600), ("gateway-2", 2400), ("postgres", 9000)]);
        assert_eq!(growth(&[first.clone(), sample(5, &[]), last]), 100);
        assert_eq!(growth(&[first]), 0, "no socket was opened");
    }
}
