//! `cargo xtask fuzz`: libFuzzer over the targets in `fuzz/`, one after the other.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::console::Console;
use crate::interrupt::Interrupt;
use crate::project::{Project, succeed};
use crate::python::{self, Programs};

/// Longest input, bytes: as long as a frame.
const INPUT_BYTES: u32 = 65_536;
/// The program, where it is not installed.
const CARGO_FUZZ: Programs = Programs { name: "cargo-fuzz", pins: include_str!("fuzz/requirements.txt") };
/// More memory than that for one input is a finding, MiB.
const MEMORY_MIB: u32 = 1_024;
/// Longer than that for one input is a finding, seconds.
const INPUT_SECONDS: u32 = 10;

/// What is searched, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only this target; all when missing
    target: Option<String>,
    /// How long each target is searched, in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// # Errors
/// When cargo-fuzz is missing and cannot be fetched, or an input was found that breaks a target; it lies in
/// `fuzz/artifacts` then.
pub(crate) fn run(options: &Options, project: &Project, console: &Console) -> Result<()> {
    let interrupt = Interrupt::listen()?;
    let cargo_fuzz = find_or_fetch(project, console, &interrupt)?;
    let folder = project.root().join("fuzz");
    let known = targets(&folder)?;
    let chosen: Vec<&String> =
        known.iter().filter(|name| options.target.as_ref().is_none_or(|only| only == *name)).collect();
    if chosen.is_empty() {
        bail!("there is no such target; there are {}", known.join(", "));
    }
    for target in chosen {
        console.step(&format!("{target}, {} s", options.seconds));
        let mut cargo_fuzz = Command::new(&cargo_fuzz);
        cargo_fuzz.current_dir(project.root());
        search(target, options, cargo_fuzz, &folder, &interrupt).with_context(|| target.clone())?;
    }
    Ok(())
}

/// The sanitizer's flags are for nightly compilers; the pinned one takes them too when it is told to.
fn search(
    target: &str,
    options: &Options,
    mut cargo: Command,
    folder: &Path,
    interrupt: &Interrupt,
) -> Result<()> {
    let corpus = folder.join("corpus").join(target);
    std::fs::create_dir_all(&corpus).with_context(|| format!("create {}", corpus.display()))?;
    cargo.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", "run", "--fuzz-dir"]).arg(folder).arg(target);
    // New finds go into the first folder, the seeds are only read.
    cargo.arg(&corpus).arg(folder.join("seeds").join(target)).arg("--");
    cargo.arg(format!("-max_total_time={}", options.seconds)).arg(format!("-max_len={INPUT_BYTES}"));
    cargo.arg(format!("-rss_limit_mb={MEMORY_MIB}")).arg(format!("-timeout={INPUT_SECONDS}"));
    cargo.arg("-print_final_stats=1");
    succeed(&mut cargo, interrupt)
}

/// The installed program, or the one of the wheel.
fn find_or_fetch(project: &Project, console: &Console, interrupt: &Interrupt) -> Result<PathBuf> {
    let installed = PathBuf::from("cargo-fuzz");
    let mut version = Command::new(&installed);
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    if version.status().is_ok_and(|status| status.success()) {
        return Ok(installed);
    }
    let programs = python::environment(&project.fuzz(), CARGO_FUZZ, console, interrupt).context(
        "cargo-fuzz is not installed (`cargo install --locked cargo-fuzz`), and cannot be fetched",
    )?;
    Ok(programs.join("cargo-fuzz"))
}

fn targets(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder.join("targets")).context("read the targets")?;
    let name =
        |entry: std::io::Result<std::fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let names: Vec<String> = entries.map(name).collect::<Result<_>>()?;
    let mut names: Vec<String> =
        names.iter().filter_map(|name| name.strip_suffix(".rs")).map(str::to_owned).collect();
    names.sort();
    Ok(names)
}
