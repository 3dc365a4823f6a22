//! All parts together: started in order, watched, stopped in the opposite order.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;

use crate::console::Console;
use crate::interrupt::Interrupt;
use crate::up::part::Part;
use crate::up::servers::Servers;
use crate::up::services::{self, Addresses};
use crate::up::{Paths, proxy};

/// How long migrations may take: a large table may need its while.
const MIGRATE: Duration = Duration::from_secs(600);
const READY: Duration = Duration::from_secs(60);
/// How long a gateway may say good-bye to its clients, or accounts finish its requests.
const STOP: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(200);

/// Everything that runs, in the order of its start.
#[derive(Debug)]
pub(super) struct System {
    servers: Servers,
    accounts: Option<Part>,
    gateways: Vec<Part>,
    proxy: Option<Part>,
    console: Console,
}

impl System {
    pub(super) fn new(servers: Servers, console: Console) -> Self {
        Self { servers, accounts: None, gateways: Vec::new(), proxy: None, console }
    }

    /// Migrates, then starts accounts, the gateways and HAProxy, each when the one before it is ready.
    pub(super) fn start(
        &mut self,
        addresses: &Addresses,
        paths: &Paths,
        interrupt: &Interrupt,
    ) -> Result<()> {
        self.migrate(addresses, paths, interrupt)?;
        self.console.step(&format!("starting accounts and {} gateways", addresses.gateways.len()));
        let command = services::accounts("serve", addresses, paths, &self.servers);
        let accounts = self.accounts.insert(Part::start("accounts", command, self.console)?);
        accounts.ready(addresses.accounts.admin, "/readyz", READY, interrupt)?;
        for (number, listeners) in (1..).zip(&addresses.gateways) {
            let command = services::gateway("serve", number, *listeners, addresses, paths, &self.servers);
            self.gateways.push(Part::start(&format!("gateway-{number}"), command, self.console)?);
        }
        for (gateway, listeners) in self.gateways.iter_mut().zip(&addresses.gateways) {
            gateway.ready(listeners.admin, "/readyz", READY, interrupt)?;
        }
        if let Some(program) = &self.servers.proxy {
            let command = proxy::command(program, addresses, paths)?;
            let proxy = self.proxy.insert(Part::start("haproxy", command, self.console)?);
            proxy.ready(addresses.port, "/.well-known/jwks.json", READY, interrupt)?;
        }
        Ok(())
    }

    fn migrate(&self, addresses: &Addresses, paths: &Paths, interrupt: &Interrupt) -> Result<()> {
        self.console.step("migrating the database");
        let first = addresses.gateways.first().context("a gateway")?;
        let accounts = services::accounts("migrate", addresses, paths, &self.servers);
        let gateway = services::gateway("migrate", 1, *first, addresses, paths, &self.servers);
        for (name, command) in [("accounts migrate", accounts), ("gateway migrate", gateway)] {
            Part::start(name, command, self.console)?.finish(MIGRATE, interrupt)?;
        }
        Ok(())
    }

    /// Until Ctrl-C.
    ///
    /// # Errors
    /// When a part ends by itself.
    pub(super) fn watch(&mut self, interrupt: &Interrupt) -> Result<()> {
        while !interrupt.is_asked() {
            self.check()?;
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        let mut parts = self.accounts.iter_mut().chain(&mut self.gateways).chain(&mut self.proxy);
        parts.try_for_each(Part::check)?;
        if let Some(server) = self.servers.postgres.server()
            && let Some(status) = server.crashed()?
        {
            bail!("PostgreSQL ended by itself ({status}), its last lines were:\n{}", server.log_tail());
        }
        if let Some(server) = self.servers.redis.server()
            && let Some(status) = server.crashed()?
        {
            bail!("Redis ended by itself ({status}), its last lines were:\n{}", server.log_tail());
        }
        Ok(())
    }

    /// Stops everything, even when one part does not stop as it should; the first problem is reported.
    pub(super) fn stop(mut self) -> Result<()> {
        // HAProxy takes no new clients, but those that are there hear the gateways' good-byes through it.
        let outcomes = [
            self.proxy.as_mut().map_or(Ok(()), |proxy| proxy.signal(Signal::SIGUSR1)),
            self.stop_gateways(),
            self.accounts.as_mut().map_or(Ok(()), |accounts| accounts.stop(STOP)),
            self.proxy.as_mut().map_or(Ok(()), |proxy| proxy.stop(STOP)),
            self.servers.redis.stop(),
            self.servers.postgres.stop(),
        ];
        outcomes.into_iter().collect()
    }

    /// All at once, so that their good-byes take the time of one.
    fn stop_gateways(&mut self) -> Result<()> {
        let asked = self.gateways.iter_mut().try_for_each(|gateway| gateway.signal(Signal::SIGTERM));
        let stopped: Vec<Result<()>> = self.gateways.iter_mut().map(|gateway| gateway.stop(STOP)).collect();
        asked.and(stopped.into_iter().collect())
    }
}
