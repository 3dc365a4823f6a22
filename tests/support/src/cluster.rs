//! The whole system as a client meets it: one accounts service and several gateways, as real processes on a database
//! and channels of their own.

mod restore;
mod settings;

use std::io::Write as _;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Result;
use messenger_backing::{Postgres, PostgresServer, Redis, RedisServer};
use nix::sys::signal::Signal;
use tokio_postgres::Client;

use self::settings::{SETTINGS, mutual_tls, own_settings};
use crate::certificates::Authority;
use crate::database::{TestDatabase, connect, database, with_schema};
use crate::key_folder::KeyFolder;
use crate::links::{Backing, Links};
use crate::roles::{self, Role};
use crate::servers::servers;
use crate::service::{Launch, PATIENCE, Service};

/// Log lines of each process that a failed test shows.
const SHOWN_LINES: usize = 40;

/// Database of a cluster on a PostgreSQL of its own.
const OWN_DATABASE: &str = "cluster";

/// What a cluster is made of.
#[derive(Debug, Default)]
pub struct ClusterOptions<'a> {
    /// Number of gateways.
    pub gateways: usize,
    /// Environment of all processes, over the cluster's own.
    pub settings: &'a [(&'a str, &'a str)],
    /// A PostgreSQL of the cluster's own; without it, a fresh database on the shared one.
    pub postgres: Option<Postgres>,
    /// A server that follows that PostgreSQL; the services know both.
    pub standby: Option<PostgresServer>,
    /// A Redis of the cluster's own; without it, channels of its own on the shared one.
    pub redis: Option<Redis>,
    /// URL of Redis servers that the caller runs, instead of one; no link leads to them.
    pub redis_url: Option<&'a str>,
    /// Accounts and the gateways show each other certificates. Not together with `links`.
    pub mutual_tls: bool,
    /// Every link of every gateway goes through a proxy that can misbehave.
    pub links: bool,
}

/// A running system. Dropping it kills it, and shows the processes' logs when the test has failed.
#[derive(Debug)]
pub struct Cluster {
    links: Vec<Links>,
    gateways: Vec<Service>,
    accounts: Service,
    _keys: KeyFolder,
    _authority: Option<Authority>,
    database: Database,
    roles: [Role; 2],
    redis: Option<Redis>,
}

#[derive(Debug)]
enum Database {
    Shared(TestDatabase),
    Own(Box<Postgres>, Option<Box<PostgresServer>>),
}

impl Cluster {
    /// Migrates, starts everything and waits until all are ready.
    ///
    /// # Panics
    /// When something does not start; the message has its log.
    pub async fn start(options: ClusterOptions<'_>) -> Self {
        start(options).await.unwrap_or_else(|error| panic!("start the system: {error:#}"))
    }

    /// Base address of REST.
    #[must_use]
    pub fn rest(&self) -> String {
        format!("http://{}", self.accounts.http())
    }

    /// WebSocket address of gateway `index`; it stays the same when the gateway is restarted.
    #[must_use]
    pub fn url(&self, index: usize) -> String {
        format!("ws://{}/", self.gateways[index].http())
    }

    /// The links of gateway `index`.
    ///
    /// # Panics
    /// When the cluster was started without.
    #[must_use]
    pub fn links(&self, index: usize) -> &Links {
        &self.links[index]
    }

    /// WebSocket address of gateway `index` behind its link.
    ///
    /// # Panics
    /// When the cluster was started without links.
    #[must_use]
    pub fn linked_url(&self, index: usize) -> String {
        format!("ws://{}/", self.links[index].clients.address())
    }

    /// The accounts service.
    #[must_use]
    pub fn accounts(&self) -> &Service {
        &self.accounts
    }

    /// A gateway.
    #[must_use]
    pub fn gateway(&self, index: usize) -> &Service {
        &self.gateways[index]
    }

    /// A connection to the log's tables.
    pub async fn messages(&self) -> Client {
        let url = self.database.url_for("messaging");
        connect(&url).await.unwrap_or_else(|error| panic!("connect to the log: {error:#}"))
    }

    /// The cluster's own PostgreSQL.
    ///
    /// # Panics
    /// When it has none.
    pub fn postgres(&mut self) -> &mut PostgresServer {
        let Database::Own(postgres, _) = &mut self.database else { panic!("the cluster shares PostgreSQL") };
        postgres.server().unwrap_or_else(|| panic!("PostgreSQL was given by URL"))
    }

    /// What follows the cluster's own PostgreSQL.
    ///
    /// # Panics
    /// When there is none.
    pub fn standby(&mut self) -> &mut PostgresServer {
        let Database::Own(_, Some(standby)) = &mut self.database else { panic!("there is no standby") };
        standby
    }

    /// The cluster's own Redis.
    ///
    /// # Panics
    /// When it has none.
    pub fn redis(&mut self) -> &mut RedisServer {
        let server = self.redis.as_mut().and_then(Redis::server);
        server.unwrap_or_else(|| panic!("the cluster shares Redis"))
    }

    /// URL of the cluster's own Redis.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn redis_url(&self) -> String {
        self.redis.as_ref().map_or_else(|| panic!("the cluster shares Redis"), Redis::url)
    }

    /// Kills gateway `index` where it stands.
    pub async fn kill(&mut self, index: usize) {
        self.gateways[index].signal(Signal::SIGKILL);
        self.gateways[index].exit(PATIENCE).await;
    }

    /// Asks gateway `index` to stop and waits until it has; meanwhile other tasks of the test go on.
    ///
    /// # Panics
    /// When it still runs after `limit`.
    pub async fn terminate(&mut self, index: usize, limit: Duration) -> ExitStatus {
        self.gateways[index].signal(Signal::SIGTERM);
        self.gateways[index].exit(limit).await
    }

    /// Starts gateway `index` again after its end, on the same address, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self, index: usize) {
        self.start_again(index).await;
        self.ready(index).await;
    }

    /// Starts gateway `index` again after its end, on the same address; it may not be ready.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self, index: usize) {
        let started = self.gateways[index].start_again(&[("GATEWAY_HTTP_ADDR", "http")]).await;
        started.unwrap_or_else(|error| panic!("start gateway {index} again: {error:#}"));
    }

    /// Waits until gateway `index` is ready.
    ///
    /// # Panics
    /// When it does not become so.
    pub async fn ready(&self, index: usize) {
        let ready = self.gateways[index].ready().await;
        ready.unwrap_or_else(|error| panic!("wait for gateway {index}: {error:#}"));
    }

    /// Kills the accounts service where it stands.
    pub async fn kill_accounts(&mut self) {
        self.accounts.signal(Signal::SIGKILL);
        self.accounts.exit(PATIENCE).await;
    }

    /// Starts the accounts service again after its end, on the same addresses, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart_accounts(&mut self) {
        let started = async {
            let addresses = [("ACCOUNTS_HTTP_ADDR", "http"), ("ACCOUNTS_GRPC_ADDR", "grpc")];
            self.accounts.start_again(&addresses).await?;
            self.accounts.ready().await
        };
        started.await.unwrap_or_else(|error| panic!("restart accounts: {error:#}"));
    }

    /// Stops gateway `index` where it is, connections open: a machine that hangs.
    pub fn freeze(&mut self, index: usize) {
        self.gateways[index].signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn thaw(&mut self, index: usize) {
        self.gateways[index].signal(Signal::SIGCONT);
    }

    /// What all processes have logged so far.
    #[must_use]
    pub fn logs(&self) -> String {
        self.services().map(Service::all_logs).collect::<Vec<_>>().join("\n")
    }

    /// Writes the ends of the logs to standard error, for a person who looks at a failed test.
    pub fn show_logs(&self) {
        let mut out = std::io::stderr().lock();
        for (number, service) in self.services().enumerate() {
            let name = if number == 0 { "accounts".to_owned() } else { format!("gateway {}", number - 1) };
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(out, "--- {name}\n{}", service.log().tail(SHOWN_LINES));
        }
    }

    fn services(&self) -> impl Iterator<Item = &Service> {
        std::iter::once(&self.accounts).chain(&self.gateways)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_logs();
        }
    }
}

impl Database {
    /// An empty database, and the roles of accounts and the gateways.
    async fn make(postgres: Option<Postgres>, standby: Option<PostgresServer>) -> Result<(Self, [Role; 2])> {
        let Some(postgres) = postgres else {
            let database = database().await;
            let roles = database.roles().await;
            return Ok((Self::Shared(database), roles));
        };
        let roles = empty(&postgres).await?;
        Ok((Self::Own(Box::new(postgres), standby.map(Box::new)), roles))
    }

    fn url_for(&self, schema: &str) -> String {
        match self {
            Self::Shared(database) => database.url_for(schema),
            Self::Own(postgres, None) => with_schema(&postgres.url(OWN_DATABASE), schema),
            Self::Own(postgres, Some(standby)) => {
                let (primary, second) =
                    (postgres.url(OWN_DATABASE), format!(",127.0.0.1:{}/", standby.port()));
                let both =
                    primary.replacen(&format!("/{OWN_DATABASE}"), &format!("{second}{OWN_DATABASE}"), 1);
                with_schema(&format!("{both}?target_session_attrs=read-write"), schema)
            }
        }
    }
}

async fn start(options: ClusterOptions<'_>) -> Result<Cluster> {
    let (database, roles) = Database::make(options.postgres, options.standby).await?;
    let keys = KeyFolder::new()?;
    let own_redis_url = || options.redis.as_ref().map_or_else(|| servers().redis_url(), Redis::url);
    let redis_url = options.redis_url.map_or_else(own_redis_url, str::to_owned);
    let linked_redis = options.redis_url.is_none().then_some(redis_url.as_str());
    let mut environment = Launch { program: "accounts", environment: Vec::new() };
    let authority = options.mutual_tls.then(Authority::new);
    let own = own_settings(&keys, &redis_url)?;
    for (key, value) in own.into_iter().chain(authority.iter().flat_map(mutual_tls)) {
        environment.set(key, value);
    }
    for (key, value) in SETTINGS.iter().chain(options.settings) {
        environment.set(key, *value);
    }
    let mut accounts = environment.clone();
    accounts.set("ACCOUNTS_DATABASE_URL", roles[0].url(&database.url_for("accounts"))?);
    let mut gateway = Launch { program: "gateway", ..environment };
    let messaging_url = roles[1].url(&database.url_for("messaging"))?;
    gateway.set("GATEWAY_DATABASE_URL", messaging_url.as_str());
    migrate(&accounts, &gateway, &database, &roles).await?;

    let accounts = Service::start(accounts).await?;
    let grpc = accounts.listener("grpc").await?;
    let scheme = if authority.is_some() { "https" } else { "http" };
    gateway.set("GATEWAY_ACCOUNTS_URL", format!("{scheme}://{grpc}"));
    let (mut gateways, mut links) = (Vec::new(), Vec::new());
    for (index, seed) in (0..options.gateways).zip(0..) {
        let mut launch = gateway.clone();
        launch.set("GATEWAY_NODE", format!("gateway-{index}"));
        if options.links {
            let backing = Backing::start(linked_redis, &messaging_url, &grpc, seed).await?;
            for (key, value) in backing.environment(linked_redis, &messaging_url)? {
                launch.set(key, value);
            }
            gateways.push(Service::start(launch).await?);
            links.push(backing.complete(gateways[index].http()).await?);
        } else {
            gateways.push(Service::start(launch).await?);
        }
    }
    let cluster = Cluster {
        links,
        gateways,
        accounts,
        _keys: keys,
        _authority: authority,
        database,
        roles,
        redis: options.redis,
    };
    for service in cluster.services() {
        service.ready().await?;
    }
    Ok(cluster)
}

/// As the owner of the schemas, who grants the roles what they need.
async fn migrate(accounts: &Launch, gateway: &Launch, database: &Database, roles: &[Role; 2]) -> Result<()> {
    let (mut accounts, mut gateway) = (accounts.clone(), gateway.clone());
    accounts.set("ACCOUNTS_MIGRATE_DATABASE_URL", database.url_for("accounts"));
    accounts.set("ACCOUNTS_DATABASE_ROLE", roles[0].name.as_str());
    gateway.set("GATEWAY_MIGRATE_DATABASE_URL", database.url_for("messaging"));
    gateway.set("GATEWAY_DATABASE_ROLE", roles[1].name.as_str());
    tokio::try_join!(accounts.finish(&["migrate"]), gateway.finish(&["migrate"])).map(drop)
}

/// A durable server still has the data of the run before, and its roles.
async fn empty(postgres: &Postgres) -> Result<[Role; 2]> {
    let admin = connect(&postgres.admin_url()).await?;
    admin.batch_execute(&format!("DROP DATABASE IF EXISTS {OWN_DATABASE} WITH (FORCE)")).await?;
    admin.batch_execute(&format!("DROP ROLE IF EXISTS {}", roles::NAMES.join(", "))).await?;
    let [accounts, gateway] = roles::NAMES;
    let made = [Role::new(accounts.to_owned())?, Role::new(gateway.to_owned())?];
    restore::create(postgres, &made).await?;
    Ok(made)
}
