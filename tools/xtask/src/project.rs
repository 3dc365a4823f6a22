//! Where things are, and how cargo is called.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use messenger_backing::{Home, Process};
use nix::sys::signal::Signal;

use crate::interrupt::Interrupt;

/// How often a running command and the signals are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long an interrupted command may take to end.
const STOP: Duration = Duration::from_secs(5);

/// How the services are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// Optimised
    Up,
    /// As it is shipped: takes long to build
    Release,
    /// With debug assertions, quicker to build
    Dev,
}

impl Profile {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }

    /// Cargo's folder of it.
    fn folder(self) -> &'static str {
        if self == Self::Dev { "debug" } else { self.name() }
    }
}

/// The working copy that this program was built from.
#[derive(Debug)]
pub(crate) struct Project {
    root: PathBuf,
    target: PathBuf,
}

impl Project {
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().context("find the working copy")?;
        // Cargo put us into `<target>/<profile>/xtask`; the services go beside.
        let program = std::env::current_exe().context("find the target folder")?;
        let target = program.ancestors().nth(2).context("find the target folder")?.to_owned();
        Ok(Self { root, target })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What `up` keeps between runs.
    pub(crate) fn dev(&self) -> PathBuf {
        self.root.join("target/dev")
    }

    /// What `bench` keeps between runs.
    pub(crate) fn bench(&self) -> PathBuf {
        self.root.join("target/bench")
    }

    /// Where `chaos` leaves its histories.
    pub(crate) fn chaos(&self) -> PathBuf {
        self.root.join("target/chaos")
    }

    /// Working trees of earlier revisions, and what `skew` writes.
    pub(crate) fn skew(&self) -> PathBuf {
        self.root.join("target/skew")
    }

    /// What `conformance` needs and writes.
    pub(crate) fn conformance(&self) -> PathBuf {
        self.root.join("target/conformance")
    }

    /// What `fuzz` needs beside its targets.
    pub(crate) fn fuzz(&self) -> PathBuf {
        self.root.join("target/fuzz")
    }

    /// What `sbom` writes.
    pub(crate) fn sbom(&self) -> PathBuf {
        self.root.join("target/sbom")
    }

    /// The folder of all private servers.
    pub(crate) fn home(&self) -> Result<Home> {
        Home::open(&self.dev().join("servers"))
    }

    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(&self.root);
        command
    }

    /// Builds packages together: one by one they might want their dependencies with different features.
    pub(crate) fn build(&self, profile: Profile, packages: &[&str], interrupt: &Interrupt) -> Result<()> {
        let mut cargo = self.cargo();
        cargo.args(["build", "--profile", profile.name()]);
        cargo.args(packages.iter().flat_map(|package| ["--package", package]));
        succeed(&mut cargo, interrupt)
    }

    /// A program that cargo built with `profile`.
    pub(crate) fn binary(&self, profile: Profile, name: &str) -> PathBuf {
        self.target.join(profile.folder()).join(name)
    }
}

/// A variable of our own environment.
pub(crate) fn variable(key: &str) -> Option<String> {
    std::env::var_os(key)?.into_string().ok()
}

/// Runs a command to its successful end, its output on our terminal.
pub(crate) fn succeed(command: &mut Command, interrupt: &Interrupt) -> Result<()> {
    let status = finish(command, interrupt, || Ok(()))?;
    if !status.success() {
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        bail!("`{} {}` failed ({status})", command.get_program().to_string_lossy(), words.join(" "));
    }
    Ok(())
}

/// Runs a command to its end, or until `check` fails, which is called all the while.
pub(crate) fn finish(
    command: &mut Command,
    interrupt: &Interrupt,
    mut check: impl FnMut() -> Result<()>,
) -> Result<ExitStatus> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut process = Process::spawn(&name, command, Signal::SIGTERM)?;
    loop {
        if interrupt.is_asked() {
            process.stop(&[(Signal::SIGINT, STOP)])?;
        }
        interrupt.check()?;
        check()?;
        if let Some(status) = process.wait(LOOK)? {
            return Ok(status);
        }
    }
}
