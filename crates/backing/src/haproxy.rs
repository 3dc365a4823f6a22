//! HAProxy's command line, and which servers there are. What it does with them stands in a configuration of the caller's.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use nix::sys::resource::{Resource, getrlimit};

/// Connections that the program is asked to hold at most.
const CONNECTIONS_MAX: u64 = 20_000;
/// Files that it needs beside them.
const FILES_ITSELF: u64 = 200;

/// Servers behind it that do the same.
#[derive(Debug)]
pub struct Backend<'a> {
    /// Name of the section.
    pub name: &'a str,
    /// Name of the `defaults` section that it follows.
    pub defaults: &'a str,
    /// Its servers, all on 127.0.0.1.
    pub servers: Vec<Server>,
}

/// One of them.
#[derive(Debug)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Where it serves.
    pub port: u16,
    /// Where it tells whether it is ready.
    pub check: u16,
}

/// The command line, in the foreground: the configuration `shared`, and the list of servers, which is written to `list`.
/// Listens on `port` of 127.0.0.1, as the configuration's `MESSENGER_BIND`.
///
/// # Errors
/// When the list cannot be written.
pub fn command(
    program: &Path,
    shared: &Path,
    list: &Path,
    backends: &[Backend<'_>],
    port: u16,
) -> Result<Command> {
    std::fs::write(list, server_list(backends)?).with_context(|| format!("write {}", list.display()))?;
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(shared).arg("-f").arg(list);
    command.args(["-n", &connections()?.to_string()]);
    command.env("MESSENGER_BIND", format!("127.0.0.1:{port}"));
    Ok(command)
}

/// As many as the limit of open files allows: HAProxy needs two for each connection and a few for itself.
fn connections() -> Result<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).context("read the limit of open files")?;
    Ok((most.saturating_sub(FILES_ITSELF) / 2).clamp(1, CONNECTIONS_MAX))
}

fn server_list(backends: &[Backend<'_>]) -> Result<String> {
    let mut text = String::from("# Written anew at each start.\n");
    for Backend { name, defaults, servers } in backends {
        writeln!(text, "\nbackend {name} from {defaults}")?;
        for Server { name, port, check } in servers {
            writeln!(text, "    server {name} 127.0.0.1:{port} check port {check}")?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_is_listed_with_its_health_check() {
        let server = |name: &str, port, check| Server { name: name.to_owned(), port, check };
        let accounts =
            Backend { name: "accounts", defaults: "http", servers: vec![server("accounts", 1, 2)] };
        let servers = vec![server("gateway-1", 11, 12), server("gateway-2", 21, 22)];
        let gateways = Backend { name: "gateways", defaults: "websocket", servers };
        let expected = "# Written anew at each start.\n\n\
            backend accounts from http\n    server accounts 127.0.0.1:1 check port 2\n\n\
            backend gateways from websocket\n    server gateway-1 127.0.0.1:11 check port 12\n    \
            server gateway-2 127.0.0.1:21 check port 22\n";
        assert_eq!(server_list(&[accounts, gateways]).expect("text"), expected);
    }
}
