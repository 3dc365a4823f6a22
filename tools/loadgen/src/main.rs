//! `loadgen`: measures a running messenger. `loadgen --help` tells how.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use messenger_loadgen::Report;
use messenger_loadgen::options::{Command, Options};

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads)
        .enable_all()
        .build()
        .context("start the runtime")?;
    // Progress that cannot be shown is no reason to stop measuring.
    let progress = |line: &str| drop(writeln!(std::io::stderr().lock(), "{line}"));
    let Command::Measure(scenario) = options.command else {
        runtime.block_on(messenger_loadgen::hold(std::io::stdin(), std::io::stdout()))?;
        return Ok(ExitCode::SUCCESS);
    };
    let report = runtime.block_on(messenger_loadgen::run(&options, scenario, &progress))?;
    print(&report, options.json).context("print the result")?;
    Ok(if report.kept_the_promise { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(report: &Report, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", report.json)?
    } else {
        write!(out, "{}", report.table)?
    }
    Ok(())
}
