//! HAProxy: found on this machine, or installed where that is possible, and told of the servers behind it.

use std::fmt::Write as _;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use nix::unistd::geteuid;

use crate::Progress;
use crate::search::program;

const INSTALL: [&[&str]; 2] = [&["update"], &["install", "--yes", "--no-install-recommends", "haproxy"]];
/// Whoever holds it installs; the others wait, and find the program.
const LOCK: &str = "/tmp/messenger-apt.lock";

/// A server behind HAProxy: where it serves, and where it says whether it is ready.
#[derive(Debug, Clone, Copy)]
pub struct Backend {
    /// Port of its public listener on 127.0.0.1.
    pub http: u16,
    /// Port of its admin listener there.
    pub admin: u16,
}

/// The program, installed with `apt-get` where it is missing and we are root.
///
/// # Errors
/// There is none, and it cannot be installed.
pub fn find_haproxy(progress: Progress<'_>) -> Result<PathBuf> {
    if let Some(found) = program("haproxy") {
        return Ok(found);
    }
    ensure!(geteuid().is_root() && program("apt-get").is_some(), "HAProxy is not installed");
    let lock = File::create(LOCK).with_context(|| format!("create {LOCK}"))?;
    lock.lock().with_context(|| format!("lock {LOCK}"))?;
    if let Some(found) = program("haproxy") {
        return Ok(found);
    }
    progress("installing HAProxy with apt-get");
    for arguments in INSTALL {
        apt_get(arguments).context("install HAProxy")?;
    }
    program("haproxy").context("apt-get has installed HAProxy, and it is not there")
}

/// The second half of the configuration: which servers there are.
#[must_use]
pub fn haproxy_servers(accounts: Backend, gateways: &[Backend]) -> String {
    let mut text = String::from("# Written for this run.\n\nbackend accounts from http\n");
    let server = |text: &mut String, name: &str, backend: Backend| {
        let _ = writeln!(text, "    server {name} 127.0.0.1:{} check port {}", backend.http, backend.admin);
    };
    server(&mut text, "accounts", accounts);
    text.push_str("\nbackend gateways from websocket\n");
    for (number, gateway) in (1..).zip(gateways) {
        server(&mut text, &format!("gateway-{number}"), *gateway);
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_is_listed_with_its_health_check() {
        let backend = |http, admin| Backend { http, admin };
        let text = haproxy_servers(backend(1, 2), &[backend(11, 12), backend(21, 22)]);
        let servers: Vec<_> =
            text.lines().map(str::trim).filter(|line| line.starts_with("server ")).collect();
        let expected = [
            "server accounts 127.0.0.1:1 check port 2",
            "server gateway-1 127.0.0.1:11 check port 12",
            "server gateway-2 127.0.0.1:21 check port 22",
        ];
        assert_eq!(servers, expected);
    }
}
