//! HAProxy: found or installed, and configured.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use nix::sys::resource::{Resource, getrlimit};

use crate::console::Console;
use crate::debian;
use crate::system::{Addresses, Setup};

const CONNECTIONS_MAX: u64 = 20_000;
const FILES_ITSELF: u64 = 200;

/// The program, if this machine has it or can get it; the system also runs without.
pub(super) fn find_or_install(console: Console) -> Option<PathBuf> {
    debian::find_or_install("haproxy", "haproxy", console)
}

/// The program's command line, in the foreground, as our child.
pub(super) fn command(program: &PathBuf, addresses: &Addresses, setup: &Setup) -> Result<Command> {
    let servers = &setup.proxy_servers;
    std::fs::write(servers, server_list(addresses)?)
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

/// The second half of the configuration: which servers there are.
fn server_list(addresses: &Addresses) -> Result<String> {
    let mut text = String::from("# Written by `cargo xtask up`.\n\nbackend accounts from http\n");
    let accounts = &addresses.accounts;
    writeln!(text, "    server accounts 127.0.0.1:{} check port {}", accounts.http, accounts.admin)?;
    text.push_str("\nbackend gateways from websocket\n");
    for (number, gateway) in (1..).zip(&addresses.gateways) {
        writeln!(
            text,
            "    server gateway-{number} 127.0.0.1:{} check port {}",
            gateway.http, gateway.admin
        )?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Listeners;

    #[test]
    fn every_gateway_is_listed_with_its_health_check() {
        let accounts = Listeners { http: 1, admin: 2 };
        let gateways = vec![Listeners { http: 11, admin: 12 }, Listeners { http: 21, admin: 22 }];
        let addresses = Addresses { port: 3000, proxied: true, grpc: 3, accounts, gateways };
        let text = server_list(&addresses).expect("text");
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
