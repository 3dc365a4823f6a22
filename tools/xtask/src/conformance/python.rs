//! The suites' Python environment: made once for each set of pins, by pip, which compares the hashes.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::console::Console;
use crate::interrupt::Interrupt;
use crate::project::succeed;

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The folder of its programs.
///
/// # Errors
/// When there is no Python 3.10 or newer with `venv`, or PyPI cannot be reached.
pub(super) fn environment(folder: &Path, console: &Console, interrupt: &Interrupt) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    REQUIREMENTS.hash(&mut hasher);
    let made = folder.join(format!("python-{:016x}", hasher.finish()));
    let complete = made.join("complete");
    if complete.is_file() {
        return Ok(made.join("bin"));
    }
    console.step("fetching schemathesis and kosoku from PyPI (only this once)");
    let create = succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&made), interrupt);
    create.context("make a Python environment: Python 3.10 or newer with `venv` is needed (Debian: apt-get install python3-venv)")?;
    let requirements = made.join("requirements.txt");
    std::fs::write(&requirements, REQUIREMENTS).context("write the pins")?;
    let mut pip = Command::new(made.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    pip.args(["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r"]).arg(&requirements);
    succeed(&mut pip, interrupt).context("install the suites from PyPI: it must be reachable once")?;
    std::fs::write(&complete, "").context("mark the environment as complete")?;
    Ok(made.join("bin"))
}
