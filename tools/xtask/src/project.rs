//! Where things are, and how cargo is called.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use messenger_backing::{Home, Process};
use nix::sys::signal::Signal;

use crate::interrupt::Interrupt;

/// How often a running command and the signals are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long an interrupted command may take to end.
const STOP: Duration = Duration::from_secs(5);

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

    pub(crate) fn home(&self) -> Result<Home> {
        Home::open(&self.dev().join("servers"))
    }

    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(&self.root);
        command
    }

    /// A program that cargo built with `profile`.
    pub(crate) fn binary(&self, profile: &str, name: &str) -> PathBuf {
        let folder = if profile == "dev" { "debug" } else { profile };
        self.target.join(folder).join(name)
    }
}

/// A variable of our own environment.
pub(crate) fn variable(key: &str) -> Option<String> {
    std::env::var_os(key)?.into_string().ok()
}

/// Runs a command to its successful end, its output on our terminal.
pub(crate) fn succeed(command: &mut Command, interrupt: &Interrupt) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut process = Process::spawn(&name, command, Signal::SIGTERM)?;
    loop {
        if interrupt.is_asked() {
            process.stop(&[(Signal::SIGINT, STOP)])?;
        }
        interrupt.check()?;
        match process.wait(LOOK)? {
            None => {}
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("`{name} {}` failed ({status})", words.join(" ")),
        }
    }
}
