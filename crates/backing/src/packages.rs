//! Programs of the system that no wheel has: found, or installed as a package where that is possible.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use nix::unistd::geteuid;

use crate::search::program as find;
use crate::{Progress, wheels};

/// Where nobody but root writes.
const LOCK: &str = "/var/lib/apt/messenger.lock";

/// The program, if this machine has it or can get its package.
///
/// # Errors
/// It has neither; the message says what to install.
pub fn find_or_install(program: &str, package: &str, progress: Progress<'_>) -> Result<PathBuf> {
    if let Some(found) = find(program) {
        return Ok(found);
    }
    if !geteuid().is_root() || find("apt-get").is_none() {
        bail!(
            "{program} is not installed (Debian: apt-get install {package}; macOS: brew install {package})"
        );
    }
    // Tests are processes of their own: one installs, the others find it.
    let _turn = wheels::lock(Path::new(LOCK))?;
    if let Some(found) = find(program) {
        return Ok(found);
    }
    progress(&format!("installing {program} with apt-get"));
    apt_get(&["update"]).and_then(|()| apt_get(&["install", "--yes", "--no-install-recommends", package]))?;
    find(program).with_context(|| format!("the package {package} has no program {program}"))
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(["-o", "Acquire::http::Timeout=20", "-o", "DPkg::Lock::Timeout=60", "--quiet"])
        .args(arguments)
        // The package would start a server of its own; in this run level it does not.
        .envs([("DEBIAN_FRONTEND", "noninteractive"), ("RUNLEVEL", "1")])
        .stdin(Stdio::null())
        .output()
        .context("run apt-get")?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    bail!("{}", text.lines().last().unwrap_or("apt-get failed"))
}
