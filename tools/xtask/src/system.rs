//! The system on this machine: all parts started in order, watched, stopped in the opposite order.

mod part;
mod proxy;
mod servers;
mod services;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use messenger_backing::random_secret;
use nix::sys::signal::Signal;

use crate::console::Console;
use crate::interrupt::Interrupt;
use crate::project::{Profile, Project};

use part::Part;
pub(crate) use servers::{Needs, Servers, prepare};
pub(crate) use services::Addresses;
pub(crate) use services::Listeners;

/// How long migrations may take: a large table may need its while.
const MIGRATE: Duration = Duration::from_secs(600);
const READY: Duration = Duration::from_secs(60);
/// How long a gateway may say good-bye to its clients, or accounts finish its requests.
const STOP: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(200);

/// What the services say of themselves on our terminal, and that they stop at once: all stop together.
const MANNERS: [(&str, &str); 3] =
    [("RUST_LOG", "warn"), ("ACCOUNTS_LEAVE_MS", "0"), ("GATEWAY_LEAVE_MS", "0")];

/// The packages of the services.
pub(crate) const PACKAGES: [&str; 2] = ["messenger-accounts", "messenger-gateway"];

/// How the services are started: programs, files, variables.
#[derive(Debug)]
pub(crate) struct Setup {
    accounts: PathBuf,
    gateway: PathBuf,
    signing_key: PathBuf,
    proxy_shared: PathBuf,
    proxy_servers: PathBuf,
    /// What accounts knows the gateways by, drawn anew for each run.
    token: String,
    /// Further variables of the services; one that our own environment has is left alone.
    variables: Vec<(&'static str, &'static str)>,
}

/// Everything that runs, in the order of its start.
#[derive(Debug)]
pub(crate) struct System {
    addresses: Addresses,
    setup: Setup,
    servers: Servers,
    accounts: Option<Part>,
    gateways: Vec<Part>,
    proxy: Option<Part>,
    console: Console,
}

impl Setup {
    /// The services as `profile` built them, with their files in `folder`.
    pub(crate) fn new(project: &Project, profile: Profile, folder: &Path) -> Result<Self> {
        Ok(Self {
            accounts: project.binary(profile, "accounts"),
            gateway: project.binary(profile, "gateway"),
            signing_key: folder.join("signing-key.pem"),
            proxy_shared: project.root().join("deploy/haproxy/haproxy.cfg"),
            proxy_servers: folder.join("haproxy-servers.cfg"),
            token: random_secret()?,
            variables: MANNERS.to_vec(),
        })
    }
}

impl System {
    pub(crate) fn new(servers: Servers, addresses: Addresses, setup: Setup, console: Console) -> Self {
        Self { addresses, setup, servers, accounts: None, gateways: Vec::new(), proxy: None, console }
    }

    pub(crate) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Names and process ids of everything that serves, but HAProxy.
    pub(crate) fn processes(&mut self) -> Vec<(String, u32)> {
        let services = self.accounts.iter().chain(&self.gateways);
        let mut all: Vec<_> = services.map(|part| (part.name().to_owned(), part.pid())).collect();
        all.extend(self.servers.postgres.server().map(|server| ("postgres".to_owned(), server.pid())));
        all.extend(self.servers.redis.server().map(|server| ("redis".to_owned(), server.pid())));
        all
    }

    /// URL of the database whose connections see the gateways' schema.
    pub(crate) fn messaging_url(&self) -> String {
        self.servers.database_url("messaging")
    }

    /// The same for accounts' schema.
    pub(crate) fn accounts_url(&self) -> String {
        self.servers.database_url("accounts")
    }

    pub(crate) fn redis_url(&self) -> String {
        self.servers.redis.url()
    }

    /// Starts the services with variables of their own.
    pub(crate) fn start_with(
        &mut self,
        variables: &[(&'static str, &'static str)],
        interrupt: &Interrupt,
    ) -> Result<()> {
        self.setup.variables = MANNERS.iter().chain(variables).copied().collect();
        self.start(interrupt)
    }

    /// Starts accounts, the gateways and HAProxy, each when the one before it is ready.
    pub(crate) fn start(&mut self, interrupt: &Interrupt) -> Result<()> {
        let Self { addresses, setup, servers, .. } = self;
        self.console.step(&format!("starting accounts and {} gateways", addresses.gateways.len()));
        let command = services::accounts("serve", addresses, setup, servers);
        let accounts = self.accounts.insert(Part::start("accounts", command, self.console)?);
        accounts.ready(addresses.accounts.admin, "/readyz", READY, interrupt)?;
        for (number, listeners) in (1..).zip(&addresses.gateways) {
            let command = services::gateway("serve", number, *listeners, addresses, setup, servers);
            self.gateways.push(Part::start(&format!("gateway-{number}"), command, self.console)?);
        }
        for (gateway, listeners) in self.gateways.iter_mut().zip(&addresses.gateways) {
            gateway.ready(listeners.admin, "/readyz", READY, interrupt)?;
        }
        if let Some(program) = &servers.proxy {
            let command = proxy::command(program, addresses, setup)?;
            let proxy = self.proxy.insert(Part::start("haproxy", command, self.console)?);
            proxy.ready(addresses.port, "/.well-known/jwks.json", READY, interrupt)?;
        }
        Ok(())
    }

    /// Brings the database up to date.
    pub(crate) fn migrate(&self, interrupt: &Interrupt) -> Result<()> {
        self.console.step("migrating the database");
        let Self { addresses, setup, servers, .. } = self;
        let first = addresses.gateways.first().context("a gateway")?;
        let accounts = services::accounts("migrate", addresses, setup, servers);
        let gateway = services::gateway("migrate", 1, *first, addresses, setup, servers);
        for (name, command) in [("accounts migrate", accounts), ("gateway migrate", gateway)] {
            Part::start(name, command, self.console)?.finish(MIGRATE, interrupt)?;
        }
        Ok(())
    }

    /// Until Ctrl-C.
    ///
    /// # Errors
    /// When a part ends by itself.
    pub(crate) fn watch(&mut self, interrupt: &Interrupt) -> Result<()> {
        while !interrupt.is_asked() {
            self.check()?;
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// # Errors
    /// When a part has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
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
    pub(crate) fn stop(mut self) -> Result<()> {
        let outcomes = [self.stop_services(), self.servers.redis.stop(), self.servers.postgres.stop()];
        outcomes.into_iter().collect()
    }

    /// Stops all but PostgreSQL and Redis; they can be started again.
    pub(crate) fn stop_services(&mut self) -> Result<()> {
        // HAProxy takes no new clients, but those that are there hear the gateways' good-byes through it.
        let outcomes = [
            self.proxy.as_mut().map_or(Ok(()), |proxy| proxy.signal(Signal::SIGUSR1)),
            self.stop_gateways(),
            self.accounts.take().map_or(Ok(()), |mut accounts| accounts.stop(STOP)),
            self.proxy.take().map_or(Ok(()), |mut proxy| proxy.stop(STOP)),
        ];
        outcomes.into_iter().collect()
    }

    /// All at once, so that their good-byes take the time of one; each is asked once, because a second time means now.
    fn stop_gateways(&mut self) -> Result<()> {
        std::thread::scope(|scope| {
            let gateways = self.gateways.drain(..);
            let stopping: Vec<_> =
                gateways.map(|mut gateway| scope.spawn(move || gateway.stop(STOP))).collect();
            let stopped =
                stopping.into_iter().map(|stop| stop.join().map_err(|_| anyhow!("a stop panicked"))?);
            stopped.collect()
        })
    }
}
