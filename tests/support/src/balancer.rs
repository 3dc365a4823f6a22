//! HAProxy before a cluster, with the configuration of the deployment; only the list of servers is the cluster's own.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use messenger_backing::haproxy::{self, Backend, Server};
use messenger_backing::{Process, find_or_install, free_port};
use nix::sys::signal::Signal;
use tokio::time::Instant;

use crate::dice::Dice;
use crate::http;
use crate::log::Log;
use crate::servers::quiet;
use crate::service::{PATIENCE, Service};

/// What is deployed.
const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/haproxy/haproxy.cfg");
/// What is asked for to see whether it has a way to accounts.
const PROBE: &str = "/.well-known/jwks.json";
/// How often.
const LOOK: std::time::Duration = std::time::Duration::from_millis(20);

/// A running HAProxy. Dropping it kills it.
#[derive(Debug)]
pub struct Balancer {
    address: String,
    _process: Process,
}

impl Balancer {
    /// Starts it before these services, which are ready, with `variables` for its configuration; the list of servers goes
    /// into `folder`.
    pub(crate) async fn start(
        folder: &Path,
        accounts: &[Service],
        gateways: &[Service],
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let found = tokio::task::spawn_blocking(|| find_or_install("haproxy", "haproxy", &quiet)).await?;
        let program = found?;
        let backends = [
            Backend { name: "accounts", defaults: "http", servers: servers("accounts", accounts)? },
            Backend { name: "gateways", defaults: "websocket", servers: servers("gateway", gateways)? },
        ];
        let port = free_port(Dice::any_seed())?;
        let list = folder.join(format!("haproxy-{port}.cfg"));
        let mut command = haproxy::command(&program, Path::new(SHARED), &list, &backends, port)?;
        command.envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = Process::spawn("haproxy", &mut command, Signal::SIGKILL)?;
        let log = Log::read(process.take_stderr().context("standard error is no pipe")?);
        let address = format!("127.0.0.1:{port}");
        let deadline = Instant::now() + PATIENCE;
        while !matches!(http::get(&address, PROBE).await, Ok((200, _))) {
            if Instant::now() >= deadline || process.exited()?.is_some() {
                bail!("haproxy has no way to accounts:\n{}", log.text());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(Self { address, _process: process })
    }

    /// `host:port` at which clients find everything.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn servers(name: &str, services: &[Service]) -> Result<Vec<Server>> {
    let server = |(number, service): (usize, &Service)| {
        Ok(Server {
            name: format!("{name}-{number}"),
            port: port(service.http())?,
            check: port(service.admin())?,
        })
    };
    services.iter().enumerate().map(server).collect()
}

fn port(address: &str) -> Result<u16> {
    let (_, port) = address.rsplit_once(':').with_context(|| format!("no port in {address}"))?;
    port.parse().with_context(|| format!("no port in {address}"))
}
