//! The whole system as a client meets it: one accounts service and several gateways, as real processes on a database
//! and channels of their own.

mod database;
mod restore;
mod settings;
mod start;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use messenger_backing::{PgBouncer, Postgres, PostgresServer, Redis, RedisServer};
use nix::sys::signal::Signal;
use tokio_postgres::Client;

use self::database::Database;
use crate::balancer::Balancer;
use crate::certificates::Authority;
use crate::database::connect;
use crate::key_folder::KeyFolder;
use crate::links::Links;
use crate::roles::Role;
use crate::service::{PATIENCE, Service, Told};

/// Log lines of each process that a failed test shows.
const SHOWN_LINES: usize = 40;

/// What a cluster is made of.
#[derive(Debug, Default)]
pub struct ClusterOptions<'a> {
    /// Number of gateways.
    pub gateways: usize,
    /// Accounts services beside the one that is always there. They share its keys; the gateways are spread over them all.
    pub more_accounts: usize,
    /// HAProxy stands in front, as it is deployed: with the configuration of the deployment.
    pub balanced: bool,
    /// Folder with the programs of another build, which migrate and serve until [`Cluster::change_gateway`]. They serve as the owner
    /// of the database: earlier builds know no roles.
    pub programs: Option<&'a Path>,
    /// Environment of all processes, over the cluster's own.
    pub settings: &'a [(&'a str, &'a str)],
    /// A PostgreSQL of the cluster's own; without it, a fresh database on the shared one.
    pub postgres: Option<Postgres>,
    /// A server that follows that PostgreSQL; the services know both.
    pub standby: Option<PostgresServer>,
    /// The gateways read from what follows.
    pub reads: bool,
    /// A PgBouncer stands before the cluster's own PostgreSQL. Not together with a standby.
    pub pooler: bool,
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
    balancer: Option<Balancer>,
    links: Vec<Links>,
    gateways: Vec<Service>,
    /// At least one.
    accounts: Vec<Service>,
    keys: KeyFolder,
    _authority: Option<Authority>,
    database: Database,
    pooler: Option<PgBouncer>,
    roles: [Role; 2],
    redis: Option<Redis>,
}

impl Cluster {
    /// Migrates, starts everything and waits until all are ready.
    ///
    /// # Panics
    /// When something does not start; the message has its log.
    pub async fn start(options: ClusterOptions<'_>) -> Self {
        start::start(options).await.unwrap_or_else(|error| panic!("start the system: {error:#}"))
    }

    /// Base address of REST: that of the load balancer, if there is one.
    #[must_use]
    pub fn rest(&self) -> String {
        let address = self.balancer.as_ref().map_or_else(|| self.accounts().http(), Balancer::address);
        format!("http://{address}")
    }

    /// WebSocket address of the load balancer.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn balanced_url(&self) -> String {
        let balancer = self.balancer.as_ref().unwrap_or_else(|| panic!("there is no load balancer"));
        format!("ws://{}/", balancer.address())
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

    /// The accounts service, the first if there are several.
    #[must_use]
    pub fn accounts(&self) -> &Service {
        &self.accounts[0]
    }

    /// How many accounts services there are.
    #[must_use]
    pub fn accounts_count(&self) -> usize {
        self.accounts.len()
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

    /// A connection to the log's tables on what follows the cluster's own PostgreSQL.
    ///
    /// # Panics
    /// When there is none, or it does not answer.
    pub async fn followed(&self) -> Client {
        let url = self.database.standby_url("messaging").unwrap_or_else(|| panic!("there is no standby"));
        connect(&url).await.unwrap_or_else(|error| panic!("connect to the standby: {error:#}"))
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

    /// What stands before the cluster's own PostgreSQL.
    ///
    /// # Panics
    /// When there is nothing.
    pub fn pooler(&mut self) -> &mut PgBouncer {
        self.pooler.as_mut().unwrap_or_else(|| panic!("the cluster has no pooler"))
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

    /// Runs `accounts …` as an operator does.
    ///
    /// # Panics
    /// When it cannot be run.
    pub async fn ask_accounts(&self, arguments: &[&str]) -> Told {
        let told = self.accounts().ask(arguments, &[]).await;
        told.unwrap_or_else(|error| panic!("accounts {arguments:?}: {error:#}"))
    }

    /// Runs `gateway …` as an operator does who has the owner's URL.
    ///
    /// # Panics
    /// When it cannot be run.
    pub async fn ask_gateway(&self, arguments: &[&str]) -> Told {
        let owner = [("GATEWAY_MIGRATE_DATABASE_URL", self.database.url_for("messaging"))];
        let told = self.gateways[0].ask(arguments, &owner).await;
        told.unwrap_or_else(|error| panic!("gateway {arguments:?}: {error:#}"))
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
        self.begin_stop(index);
        self.stopped(index, limit).await
    }

    /// Asks gateway `index` to stop.
    pub fn begin_stop(&mut self, index: usize) {
        self.gateways[index].signal(Signal::SIGTERM);
    }

    /// Waits until gateway `index` has stopped.
    ///
    /// # Panics
    /// When it still runs after `limit`.
    pub async fn stopped(&mut self, index: usize, limit: Duration) -> ExitStatus {
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
        let addresses = [("GATEWAY_HTTP_ADDR", "http"), ("GATEWAY_ADMIN_ADDR", "admin")];
        let started = self.gateways[index].start_again(&addresses).await;
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
        self.accounts[0].signal(Signal::SIGKILL);
        self.accounts[0].exit(PATIENCE).await;
    }

    /// Asks accounts service `index` to stop and waits until it has.
    ///
    /// # Panics
    /// When it still runs after `limit`.
    pub async fn terminate_accounts(&mut self, index: usize, limit: Duration) -> ExitStatus {
        self.begin_stop_of_accounts(index);
        self.accounts_stopped(index, limit).await
    }

    /// Asks accounts service `index` to stop.
    pub fn begin_stop_of_accounts(&mut self, index: usize) {
        self.accounts[index].signal(Signal::SIGTERM);
    }

    /// Waits until accounts service `index` has stopped.
    ///
    /// # Panics
    /// When it still runs after `limit`.
    pub async fn accounts_stopped(&mut self, index: usize, limit: Duration) -> ExitStatus {
        self.accounts[index].exit(limit).await
    }

    /// Starts the accounts service again after its end, on the same addresses, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart_accounts(&mut self) {
        self.restart_accounts_at(0).await;
    }

    /// The same for accounts service `index`.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart_accounts_at(&mut self, index: usize) {
        let accounts = &mut self.accounts[index];
        let started = async {
            let addresses = [
                ("ACCOUNTS_HTTP_ADDR", "http"),
                ("ACCOUNTS_GRPC_ADDR", "grpc"),
                ("ACCOUNTS_ADMIN_ADDR", "admin"),
            ];
            accounts.start_again(&addresses).await?;
            accounts.ready().await
        };
        started.await.unwrap_or_else(|error| panic!("restart accounts: {error:#}"));
    }

    /// From the next start on, gateway `index` is the program in `folder`, or without one that of this build.
    pub fn change_gateway(&mut self, index: usize, folder: Option<&Path>) {
        self.gateways[index].change(folder);
    }

    /// The same for the accounts services.
    pub fn change_accounts(&mut self, folder: Option<&Path>) {
        self.accounts.iter_mut().for_each(|service| service.change(folder));
    }

    /// Migrates both schemas with the programs of this build, while everything runs.
    ///
    /// # Panics
    /// When it fails.
    pub async fn migrate(&self) {
        for service in [&self.accounts[0], &self.gateways[0]] {
            let migrated = service.of_this_build().finish(&["migrate"]).await;
            migrated.unwrap_or_else(|error| panic!("migrate: {error:#}"));
        }
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
        self.services().map(|(_, service)| service.all_logs()).collect::<Vec<_>>().join("\n")
    }

    /// Writes the ends of the logs to standard error, for a person who looks at a failed test.
    pub fn show_logs(&self) {
        let mut out = std::io::stderr().lock();
        for (name, service) in self.services() {
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(out, "--- {name}\n{}", service.log().tail(SHOWN_LINES));
        }
    }

    fn services(&self) -> impl Iterator<Item = (String, &Service)> {
        let accounts = self.accounts.iter().map(|service| ("accounts".to_owned(), service));
        let gateways = self.gateways.iter().enumerate();
        accounts.chain(gateways.map(|(number, service)| (format!("gateway {number}"), service)))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_logs();
        }
    }
}
