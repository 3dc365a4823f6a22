//! Programs that are no part of the messenger and have a package of Debian's: found, or installed where that is possible.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use nix::unistd::geteuid;

use crate::console::Console;

/// Folders of system programs that the `PATH` of a normal user often lacks.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

/// The program, if this machine has it or can get it from `package`. It is left to the caller what to do without.
pub(crate) fn find_or_install(program: &str, package: &str, console: Console) -> Option<PathBuf> {
    if let Some(found) = which(program) {
        return Some(found);
    }
    if !geteuid().is_root() || which("apt-get").is_none() {
        return None;
    }
    console.step(&format!("installing {program} with apt-get"));
    let install = ["install", "--yes", "--no-install-recommends", package];
    for arguments in [&["update"][..], &install] {
        if let Err(error) = apt_get(arguments) {
            console.step(&format!("{program} could not be installed ({error:#}); going on without it"));
            return None;
        }
    }
    which(program)
}

fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
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
    anyhow::bail!("{}", text.lines().last().unwrap_or("apt-get failed"))
}
