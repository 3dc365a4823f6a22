//! The cluster on another server, into which its database was restored.

use anyhow::{Context as _, Result};
use messenger_backing::Postgres;

use super::Cluster;
use super::database::{Database, OWN_DATABASE};
use crate::database::{connect, with_schema};
use crate::roles::{self, Role};
use crate::service::PATIENCE;

impl Cluster {
    /// Name of the cluster's database on a PostgreSQL of its own.
    pub const DATABASE: &'static str = OWN_DATABASE;

    /// Stops all services in order.
    pub async fn stop(&mut self) {
        for index in 0..self.gateways.len() {
            self.terminate(index, PATIENCE).await;
        }
        for index in 0..self.accounts.len() {
            self.terminate_accounts(index, PATIENCE).await;
        }
    }

    /// Makes the cluster's database and roles on a server that has neither, to restore into.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn prepare(&self, postgres: &Postgres) {
        create(postgres, &self.roles).await.unwrap_or_else(|error| panic!("prepare a server: {error:#}"));
    }

    /// From their next start on the services, which must have been stopped, are on this server, which has the database
    /// and the roles. Their subcommands may do what the owner may. Returns the server before.
    ///
    /// # Panics
    /// When the cluster shares its server with others.
    pub fn move_to(&mut self, postgres: Postgres) -> Postgres {
        let next = Database::Own(Box::new(postgres), None);
        let [accounts, messaging] = ["accounts", "messaging"].map(|schema| next.url_for(schema));
        let url = |role: &Role, url: &str| role.url(url).unwrap_or_else(|error| panic!("{error:#}"));
        let [for_accounts, for_gateways] = &self.roles;
        for service in &mut self.accounts {
            service.set("ACCOUNTS_DATABASE_URL", &url(for_accounts, &accounts));
            service.set("ACCOUNTS_MIGRATE_DATABASE_URL", &accounts);
            service.set("ACCOUNTS_DATABASE_ROLE", &for_accounts.name);
        }
        for gateway in &mut self.gateways {
            gateway.set("GATEWAY_DATABASE_URL", &url(for_gateways, &messaging));
            gateway.set("GATEWAY_MIGRATE_DATABASE_URL", &messaging);
            gateway.set("GATEWAY_DATABASE_ROLE", &for_gateways.name);
        }
        match std::mem::replace(&mut self.database, next) {
            Database::Own(before, _) => *before,
            Database::Shared(_) => panic!("the cluster shares PostgreSQL"),
        }
    }

    /// Starts all services again after their end, on the same addresses, and waits until they are ready.
    ///
    /// # Panics
    /// When one does not start.
    pub async fn start_all(&mut self) {
        for index in 0..self.accounts.len() {
            self.restart_accounts_at(index).await;
        }
        for index in 0..self.gateways.len() {
            self.restart(index).await;
        }
    }

    /// Waits until gateway `index` has ended by itself; whether it called that a failure.
    ///
    /// # Panics
    /// When it still runs after a while.
    pub async fn gives_up(&mut self, index: usize) -> bool {
        !self.gateways[index].exit(PATIENCE).await.success()
    }
}

/// The database, and the roles of accounts and the gateways.
pub(super) async fn create(postgres: &Postgres, roles: &[Role; 2]) -> Result<()> {
    let admin = connect(&postgres.admin_url()).await?;
    admin.batch_execute(&format!("CREATE DATABASE {OWN_DATABASE}")).await.context("create the database")?;
    let client = connect(&with_schema(&postgres.url(OWN_DATABASE), "public")).await?;
    roles::make(&client, OWN_DATABASE, [&roles[0], &roles[1]]).await
}
