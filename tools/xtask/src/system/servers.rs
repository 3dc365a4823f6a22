//! What the services stand on, made ready while they are compiled: PostgreSQL, Redis, the program HAProxy.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context as _, Result};
use messenger_backing::{Durability, Place, Postgres, PostgresOptions, Redis, RedisOptions, find_or_install};

use crate::console::Console;
use crate::interrupt::Interrupt;

const DATABASE: &str = "messenger";
/// Whom the services log in as, at a server of ours: its owner migrates, and grants them what they need.
const ROLES: [(&str, &str); 2] = [("accounts", "messenger_accounts"), ("messaging", "messenger_gateway")];
const LOOK: Duration = Duration::from_millis(100);

/// What is wanted besides the services.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// A PostgreSQL database to use instead of a private server.
    pub(crate) database_url: Option<String>,
    /// A Redis to use instead of a private server.
    pub(crate) redis_url: Option<String>,
    /// Whether HAProxy is to stand in front, if it can be had.
    pub(crate) proxy: bool,
    /// Settings of a private PostgreSQL, beside the usual ones.
    pub(crate) postgres: &'static [(&'static str, &'static str)],
}

/// Running servers, and the load balancer's program if there is one.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(super) postgres: Postgres,
    pub(super) redis: Redis,
    pub(crate) proxy: Option<PathBuf>,
    /// Whether one of them is not ours.
    pub(super) given: bool,
    database_url: String,
}

impl Servers {
    /// URL of the owner, whose connections see one schema alone.
    pub(super) fn database_url(&self, schema: &str) -> String {
        with_schema(&self.database_url, schema)
    }

    /// The role that serves from a schema, and the same URL for it; without one the owner serves.
    pub(super) fn role(&self, schema: &str) -> Option<(&'static str, String)> {
        let (_, role) = ROLES.into_iter().find(|(its, _)| *its == schema)?;
        Some((role, with_schema(&self.postgres.role_url(role, DATABASE)?, schema)))
    }
}

fn with_schema(url: &str, schema: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-csearch_path%3D{schema}")
}

/// The servers of a thread that is still at work.
#[derive(Debug)]
pub(crate) struct Preparing(Receiver<Result<Servers>>);

/// Starts the servers in `place` while the caller goes on.
pub(crate) fn prepare(place: Place, needs: Needs, console: Console) -> Preparing {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        // Nobody listens any more when the build failed; the servers then stop here.
        let _ = sender.send(start(&place, needs, console));
    });
    Preparing(receiver)
}

impl Preparing {
    pub(crate) fn wait(self, interrupt: &Interrupt) -> Result<Servers> {
        loop {
            interrupt.check()?;
            match self.0.recv_timeout(LOOK) {
                Ok(servers) => return servers,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the servers' preparation broke off"),
            }
        }
    }
}

fn start(place: &Place, needs: Needs, console: Console) -> Result<Servers> {
    let progress = |text: &str| console.step(text);
    let given = needs.database_url.is_some() || needs.redis_url.is_some();
    let mut options = PostgresOptions::new(place, Durability::Durable);
    options.databases = &[DATABASE];
    let roles = ROLES.map(|(_, role)| role);
    options.roles = &roles;
    options.url.clone_from(&needs.database_url);
    options.settings = needs.postgres;
    let mut postgres = Postgres::start(options, &progress).context("PostgreSQL")?;
    if let Some(server) = postgres.server() {
        console.step(&format!("PostgreSQL runs on port {}", server.port()));
    }
    let mut options = RedisOptions::new(place);
    options.url = needs.redis_url;
    let mut redis = Redis::start(options, &progress).context("Redis")?;
    if let Some(server) = redis.server() {
        console.step(&format!("Redis runs on port {}", server.port()));
    }
    let database_url = needs.database_url.unwrap_or_else(|| postgres.url(DATABASE));
    let proxy = if needs.proxy { find_proxy(console) } else { None };
    Ok(Servers { database_url, postgres, redis, proxy, given })
}

/// The system also runs without.
fn find_proxy(console: Console) -> Option<PathBuf> {
    let found = find_or_install("haproxy", "haproxy", &|text| console.step(text));
    found.inspect_err(|error| console.step(&format!("{error:#}; going on without it"))).ok()
}
