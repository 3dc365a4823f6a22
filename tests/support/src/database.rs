//! A database for each test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

use crate::roles::{self, Role};
use crate::servers::{Servers, servers};

/// How long one connection or statement of the test support may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Databases of killed test runs are dropped when they are older than this, in seconds.
const LEFTOVER_SECONDS: i64 = 3600;
/// Names are `t_<seconds since 1970>_<process id>_<number>`.
const LEFTOVERS: &str = "SELECT datname FROM pg_database WHERE datname ~ '^t_[0-9]{10}_[0-9]+_[0-9]+$' \
     AND split_part(datname, '_', 2)::bigint < extract(epoch FROM now()) - $1::bigint";
/// Their roles are named after them.
const LEFTOVER_ROLES: &str = "SELECT rolname FROM pg_roles WHERE rolname ~ '^t_[0-9]{10}_[0-9]+_[0-9]+_(accounts|gateway)$' \
     AND split_part(rolname, '_', 2)::bigint < extract(epoch FROM now()) - $1::bigint";

/// A new, empty database that nobody else uses. Dropping it drops the database and cuts its connections.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
}

/// Creates a database on the shared server.
///
/// # Panics
/// When there is no server, or it refuses.
pub async fn database() -> TestDatabase {
    create(servers()).await.unwrap_or_else(|error| panic!("a database for the test: {error:#}"))
}

impl TestDatabase {
    /// URL of the database, with the server's default schema `public`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// URL of the database whose connections see `schema` alone, as each service's own URL does. The services'
    /// migrations create the schema.
    #[must_use]
    pub fn url_for(&self, schema: &str) -> String {
        with_schema(&self.url, schema)
    }

    /// A connection that sees `schema` alone.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn connect(&self, schema: &str) -> Client {
        let client = connect(&self.url_for(schema)).await;
        client.unwrap_or_else(|error| panic!("connect to {}: {error:#}", self.name))
    }

    /// The roles of accounts and of the gateways, for this database alone. They go with it. Once a database.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn roles(&self) -> [Role; 2] {
        let make = async {
            let [accounts, gateway] = self.role_names();
            let (accounts, gateway) = (Role::new(accounts)?, Role::new(gateway)?);
            roles::make(&connect(&self.url).await?, &self.name, [&accounts, &gateway]).await?;
            anyhow::Ok([accounts, gateway])
        };
        make.await.unwrap_or_else(|error| panic!("roles for {}: {error:#}", self.name))
    }

    /// URL as [`TestDatabase::url_for`], for a role.
    ///
    /// # Panics
    /// When the URL of the server is none.
    #[must_use]
    pub fn url_as(&self, role: &Role, schema: &str) -> String {
        role.url(&self.url_for(schema)).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// A connection that sees `schema` alone, as this role.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn connect_as(&self, role: &Role, schema: &str) -> Client {
        let client = connect(&self.url_as(role, schema)).await;
        client.unwrap_or_else(|error| panic!("connect to {} as {}: {error:#}", self.name, role.name))
    }

    fn role_names(&self) -> [String; 2] {
        ["accounts", "gateway"].map(|service| format!("{}_{service}", self.name))
    }

    /// Name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.name);
        let roles = format!("DROP ROLE IF EXISTS \"{}\"", self.role_names().join("\", \""));
        // On a thread of its own, because the test's runtime may be ending. What fails here is swept later.
        let dropped = std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let admin = connect(&servers().admin_url()).await?;
                admin.batch_execute(&statement).await?;
                Ok(admin.batch_execute(&roles).await?)
            })
        });
        let _ = dropped.join();
    }
}

pub(crate) fn with_schema(url: &str, schema: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-csearch_path%3D{schema}")
}

async fn create(servers: &Servers) -> Result<TestDatabase> {
    static SWEPT: OnceCell<()> = OnceCell::const_new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let admin = connect(&servers.admin_url()).await?;
    SWEPT.get_or_try_init(|| sweep(&admin)).await?;
    let now: i64 = admin.query_one("SELECT extract(epoch FROM now())::bigint", &[]).await?.get(0);
    let name = format!("t_{now}_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    admin.batch_execute(&format!("CREATE DATABASE \"{name}\"")).await.context("create the database")?;
    Ok(TestDatabase { url: servers.database_url(&name), name })
}

async fn sweep(admin: &Client) -> Result<()> {
    for row in admin.query(LEFTOVERS, &[&LEFTOVER_SECONDS]).await? {
        let name: String = row.get(0);
        admin.batch_execute(&format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)")).await?;
    }
    for row in admin.query(LEFTOVER_ROLES, &[&LEFTOVER_SECONDS]).await? {
        let name: String = row.get(0);
        admin.batch_execute(&format!("DROP ROLE IF EXISTS \"{name}\"")).await?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the connection's driver ends with the client that owns it")]
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let mut config: Config = url.parse().context("read the database URL")?;
    config.connect_timeout(PATIENCE);
    let (client, connection) = config.connect(NoTls).await.context("connect to PostgreSQL")?;
    // Errors of the connection reach the statements that run on it.
    tokio::spawn(async move { drop(connection.await) });
    client.batch_execute(&format!("SET statement_timeout = {}", PATIENCE.as_millis())).await?;
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn databases_are_apart_and_vanish() {
        let (first, second) = (database().await, database().await);
        assert_ne!(first.name(), second.name());
        let client = first.connect("room").await;
        client.batch_execute("CREATE SCHEMA room; CREATE TABLE things (id int)").await.expect("table");
        let there = "SELECT to_regclass('room.things') IS NOT NULL";
        let found = |row: tokio_postgres::Row| row.get::<_, bool>(0);
        assert!(first.connect("public").await.query_one(there, &[]).await.map(found).expect("look"));
        assert!(!second.connect("public").await.query_one(there, &[]).await.map(found).expect("look"));

        let name = first.name().to_owned();
        drop(first); // although `client` is still connected
        let known = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
        let admin = second.connect("public").await;
        assert!(!admin.query_one(known, &[&name]).await.map(found).expect("look"));
        client.batch_execute("SELECT 1").await.expect_err("the connection was cut");
    }

    #[tokio::test]
    async fn leftovers_of_killed_runs_are_swept_and_young_ones_are_not() {
        let here = database().await;
        let admin = here.connect("public").await;
        let (old, foreign) = ("t_1000000000_1_0", "t_keep");
        for name in [old, foreign] {
            admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await.expect("clean");
            admin.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("create");
        }
        sweep(&admin).await.expect("sweep");
        let names = "SELECT datname FROM pg_database";
        let left: Vec<String> =
            admin.query(names, &[]).await.expect("names").iter().map(|row| row.get(0)).collect();
        assert!(!left.iter().any(|name| name == old));
        assert!(left.iter().any(|name| name == foreign) && left.iter().any(|name| name == here.name()));
        admin.batch_execute(&format!("DROP DATABASE {foreign}")).await.expect("clean");
    }

    #[tokio::test]
    async fn committed_rows_survive_an_immediate_stop_of_a_durable_server() {
        let mut postgres =
            crate::private_postgres(messenger_backing::Durability::Durable, &[("work_mem", "7MB")]);
        let client = connect(&postgres.admin_url()).await.expect("connect");
        client.batch_execute("CREATE TABLE kept AS SELECT 42 AS answer").await.expect("commit");
        postgres.server().expect("our own").restart_immediate().expect("restart");
        let client = connect(&postgres.admin_url()).await.expect("connect again");
        let row =
            client.query_one("SELECT answer, current_setting('work_mem') FROM kept", &[]).await.expect("row");
        assert_eq!((row.get::<_, i32>(0), row.get::<_, &str>(1)), (42, "7MB"));
        let folding = client.query_one("SELECT lower('ÄЖ')", &[]).await.expect("fold");
        assert_eq!(folding.get::<_, &str>(0), "äж", "the locale folds all letters");
    }
}
