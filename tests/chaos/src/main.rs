//! A long, seeded mix of faults, by command: `cargo xtask chaos` builds everything and runs it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use clap::Parser;
use messenger_chaos::checker::{Limits, check_file};
use messenger_chaos::nemesis::{Fault, Nemesis};
use messenger_chaos::scenario::{GATEWAYS, Plan, Servers, Size, run};
use tokio::time::Instant;

const LIMITS: Limits = Limits { delivery: Duration::from_secs(3), grace: Duration::from_secs(5) };

/// Breaks a system of three gateways again and again and says whether it kept its promise.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long faults are drawn, in minutes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    /// Chooses the faults, how long they last and who says what
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// People
    #[arg(long, default_value_t = 50)]
    users: usize,
    /// Devices of each
    #[arg(long, default_value_t = 4)]
    devices: usize,
    /// Groups
    #[arg(long, default_value_t = 10)]
    groups: usize,
    /// People in a group at first
    #[arg(long, default_value_t = 20)]
    members: usize,
    /// Messages a second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Only these faults (a part of their names; may be repeated); without it, all
    #[arg(long)]
    fault: Vec<String>,
    /// `KEY=VALUE` for the environment of all services; may be repeated
    #[arg(long)]
    set: Vec<String>,
    /// Judges this history instead, and breaks nothing
    #[arg(long)]
    check: Option<PathBuf>,
    /// Where the history goes
    #[arg(long, default_value = "chaos.jsonl")]
    history: PathBuf,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(file) = &arguments.check {
        return judge(file);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(chaos(&arguments))
}

fn judge(file: &Path) -> Result<ExitCode> {
    let verdict = check_file(file, LIMITS)?;
    let mut out = std::io::stdout().lock();
    verdict.violations.iter().try_for_each(|violation| writeln!(out, "{violation}"))?;
    writeln!(out, "{} records, {} violations", verdict.totals.records, verdict.counts.values().sum::<u64>())?;
    Ok(if verdict.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn chaos(arguments: &Arguments) -> Result<ExitCode> {
    let wanted = |fault: &Fault| {
        arguments.fault.is_empty() || arguments.fault.iter().any(|part| fault.to_string().contains(part))
    };
    let faults: Vec<_> = Fault::ALL.into_iter().filter(wanted).collect();
    if faults.is_empty() {
        let names: Vec<_> = Fault::ALL.iter().map(ToString::to_string).collect();
        return Err(anyhow!("no such fault; there are: {}", names.join(", ")));
    }
    let settings: Vec<_> = arguments
        .set
        .iter()
        .map(|pair| pair.split_once('=').with_context(|| format!("{pair} is not KEY=VALUE")))
        .collect::<Result<_>>()?;
    let Arguments { users, devices, groups, members, rate, seed, .. } = *arguments;
    let plan = Plan {
        size: Size { users, devices, groups, members, rate },
        seed,
        settings: &settings,
        balanced: false,
        programs: None,
        redis: None,
        before: Duration::from_secs(10),
        after: Duration::from_secs(10),
        settle: Duration::from_secs(120),
        limits: LIMITS,
    };
    let mut drawn = Vec::new();
    let mut cost = Vec::new();
    let report = run(plan, Servers::default(), &arguments.history, async |nemesis| {
        let before = measure(nemesis);
        drawn = nemesis.mix(&faults, Instant::now() + Duration::from_secs(60 * arguments.minutes)).await?;
        cost = before.into_iter().zip(measure(nemesis)).collect();
        Ok(())
    })
    .await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "seed {seed}\n\n{:>6}  fault", "times")?;
    for (fault, times) in &drawn {
        writeln!(out, "{times:>6}  {fault}")?;
    }
    writeln!(out, "\n{:<10} {:>24} {:>22}", "", "resident KiB, then, now", "descriptors")?;
    for (index, (then, now)) in cost.iter().enumerate() {
        let memory = format!("{} {}", then.resident_kib, now.resident_kib);
        let descriptors = format!("{} {}", then.descriptors, now.descriptors);
        writeln!(out, "gateway {index:<2} {memory:>24} {descriptors:>22}")?;
    }
    writeln!(out, "\n{report}")?;
    writeln!(out, "{}", if report.is_kept() { "the promise was kept" } else { "THE PROMISE WAS BROKEN" })?;
    Ok(if report.is_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a gateway holds of the machine.
#[derive(Debug, Default)]
struct Cost {
    resident_kib: u64,
    descriptors: usize,
}

fn measure(nemesis: &mut Nemesis) -> Vec<Cost> {
    let cost = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let resident_kib = resident.trim().trim_end_matches(" kB").parse().ok()?;
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
        Some(Cost { resident_kib, descriptors })
    };
    (0..GATEWAYS).map(|index| cost(nemesis.cluster().gateway(index).pid()).unwrap_or_default()).collect()
}
