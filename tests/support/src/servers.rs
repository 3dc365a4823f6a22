//! The servers behind the tests: given by the environment, or started once a process.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use messenger_backing::{
    Durability, Home, Place, Postgres, PostgresOptions, PostgresServer, Redis, RedisOptions, random_secret,
};

use crate::certificates::Certificate;

/// The users that a deployment has, with the names of their passwords in the place of these.
const USERS: &str = include_str!("../../../deploy/redis/users.acl");

/// Below the workspace's target folder, shared with `cargo xtask`.
const HOME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/dev/servers");

/// The PostgreSQL and the Redis that all tests of a process share.
#[derive(Debug)]
pub struct Servers {
    postgres: Postgres,
    redis: Redis,
}

impl Servers {
    /// URL from which databases can be created; use [`crate::database`] for one of your own.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.postgres.admin_url()
    }

    /// URL of another database on the same server.
    #[must_use]
    pub fn database_url(&self, database: &str) -> String {
        self.postgres.url(database)
    }

    /// URL of the shared Redis. Whoever publishes there is heard by every test: choose names of your own, or take a
    /// [`private_redis`].
    #[must_use]
    pub fn redis_url(&self) -> String {
        self.redis.url()
    }
}

/// The shared servers: `TEST_DATABASE_URL` and `TEST_REDIS_URL` where they are set, as `cargo xtask test` does, else
/// disposable ones that end with this process. The first call takes a second or two.
///
/// # Panics
/// When they cannot be started; the message says what to install.
#[must_use]
pub fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(|| start_shared().unwrap_or_else(|error| panic!("servers for the tests: {error:#}")))
}

/// A PostgreSQL of the test's own, to be killed, frozen and restarted; `settings` are added to the defaults.
///
/// With [`Durability::Durable`] committed data survive [`messenger_backing::PostgresServer::stop_immediate`].
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn private_postgres(durability: Durability, settings: &[(&str, &str)]) -> Postgres {
    let start = || {
        let place = place()?;
        Postgres::start(PostgresOptions { settings, ..PostgresOptions::new(&place, durability) }, &quiet)
    };
    start().unwrap_or_else(|error| panic!("a PostgreSQL of the test's own: {error:#}"))
}

/// A disposable PostgreSQL of the test's own that speaks TLS and shows this certificate.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn private_postgres_with_tls(shown: &Certificate) -> Postgres {
    let start = || {
        let place = place()?;
        let tls = Some([Path::new(&shown.certificate), Path::new(&shown.key)]);
        Postgres::start(
            PostgresOptions { tls, ..PostgresOptions::new(&place, Durability::Disposable) },
            &quiet,
        )
    };
    start().unwrap_or_else(|error| panic!("a PostgreSQL with TLS: {error:#}"))
}

/// A standby in a place of its own that follows `primary` from now on.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn standby_of(primary: &mut Postgres) -> PostgresServer {
    let mut start = || {
        let place = place()?;
        primary.server().context("PostgreSQL was given by URL")?.standby(&place)
    };
    start().unwrap_or_else(|error| panic!("a standby: {error:#}"))
}

/// A place of its own for a copy of a server.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn private_place() -> Place {
    place().unwrap_or_else(|error| panic!("a place for a server: {error:#}"))
}

/// A Redis of the test's own, to be killed, frozen and restarted.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn private_redis() -> Redis {
    let start = || Redis::start(RedisOptions::new(&place()?), &quiet);
    start().unwrap_or_else(|error| panic!("a Redis of the test's own: {error:#}"))
}

/// A Redis of the test's own with the users of the deployment and no others; their URLs, accounts' first.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn private_redis_with_users() -> (Redis, [String; 2]) {
    let start = || {
        let passwords = [random_secret()?, random_secret()?];
        let [accounts, gateway] = &passwords;
        let users =
            USERS.replace("REDIS_ACCOUNTS_PASSWORD", accounts).replace("REDIS_GATEWAY_PASSWORD", gateway);
        let lines: Vec<_> = users.lines().collect();
        let redis = Redis::start(RedisOptions { users: &lines, ..RedisOptions::new(&place()?) }, &quiet)?;
        let url = redis.url();
        let (_, host) = url.rsplit_once('@').context("a URL with a password")?;
        let names = ["messenger-accounts", "messenger-gateway"];
        let [accounts, gateway] = [0, 1].map(|n| format!("redis://{}:{}@{host}", names[n], passwords[n]));
        anyhow::Ok((redis, [accounts, gateway]))
    };
    start().unwrap_or_else(|error| panic!("a Redis with users: {error:#}"))
}

fn start_shared() -> Result<Servers> {
    let place = place()?;
    let mut postgres = PostgresOptions::new(&place, Durability::Disposable);
    postgres.url = variable("TEST_DATABASE_URL")?;
    let mut redis = RedisOptions::new(&place);
    redis.url = variable("TEST_REDIS_URL")?;
    Ok(Servers { postgres: Postgres::start(postgres, &quiet)?, redis: Redis::start(redis, &quiet)? })
}

pub(crate) fn place() -> Result<Place> {
    Home::open(Path::new(HOME))?.claim_any("test")
}

pub(crate) fn quiet(_: &str) {}

fn variable(key: &str) -> Result<Option<String>> {
    let text = std::env::var_os(key).map(std::ffi::OsString::into_string);
    text.transpose().ok().with_context(|| format!("{key} is not UTF-8"))
}
