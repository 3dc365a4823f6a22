//! HAProxy before the services.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use messenger_backing::{Backend, find_haproxy, haproxy_servers};
use nix::sys::resource::{Resource, getrlimit};

use crate::console::Console;
use crate::system::services::Listeners;
use crate::system::{Addresses, Setup};

const CONNECTIONS_MAX: u64 = 20_000;
const FILES_ITSELF: u64 = 200;

/// The program, if this machine has it or can get it; the system also runs without.
pub(super) fn find_or_install(console: Console) -> Option<PathBuf> {
    let found = find_haproxy(&|line| console.step(line));
    found.inspect_err(|error| console.step(&format!("{error:#}; going on without it"))).ok()
}

/// The program's command line, in the foreground, as our child.
pub(super) fn command(program: &PathBuf, addresses: &Addresses, setup: &Setup) -> Result<Command> {
    let servers = &setup.proxy_servers;
    let backend = |listeners: &Listeners| Backend { http: listeners.http, admin: listeners.admin };
    let gateways: Vec<_> = addresses.gateways.iter().map(backend).collect();
    std::fs::write(servers, haproxy_servers(backend(&addresses.accounts), &gateways))
        .with_context(|| format!("write {}", servers.display()))?;
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(&setup.proxy_shared).arg("-f").arg(servers);
    command.args(["-n", &connections()?.to_string()]);
    command.env("MESSENGER_BIND", format!("127.0.0.1:{}", addresses.port));
    Ok(command)
}

/// As many as the limit of open files allows: HAProxy needs two for each connection and a few for itself.
fn connections() -> Result<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).context("read the limit of open files")?;
    Ok((most.saturating_sub(FILES_ITSELF) / 2).clamp(1, CONNECTIONS_MAX))
}
