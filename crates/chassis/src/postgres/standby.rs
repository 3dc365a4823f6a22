//! How a service reaches a standby of its database, to read there.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{PostgresConfig, judge};
use crate::env::Env;

/// A standby to read from.
#[derive(Debug, Clone)]
pub struct StandbyConfig {
    /// As [`PostgresConfig::url`]; of several hosts one that takes no writes is used.
    pub url: SecretString,
    /// Connections at most.
    pub connections: usize,
    /// How far behind it may be, and how long it may take to answer.
    pub lag: Duration,
}

/// Names of the environment keys of a [`StandbyConfig`].
#[derive(Debug, Clone, Copy)]
pub struct StandbyKeys {
    /// Key of its URL.
    pub url: &'static str,
    /// Key of its connections at most.
    pub connections: &'static str,
    /// Default of these.
    pub connections_default: usize,
    /// Key of [`StandbyConfig::lag`].
    pub lag_ms: &'static str,
}

impl StandbyConfig {
    /// Reads the keys whose names the service gives; none without a URL.
    pub fn read(env: &mut Env<'_>, keys: &StandbyKeys) -> Option<Self> {
        let url = env.secret(
            keys.url,
            "PostgreSQL URL of a standby, from which histories, holes and sweeps are read; the primary serves all without it",
        );
        let connections = env.within(
            keys.connections,
            keys.connections_default,
            1..=1_000,
            "connections to the standby at most",
        );
        let lag = env.millis(
            keys.lag_ms,
            1_000,
            50..=60_000,
            "how far behind the standby may be, and how long it may take to answer, milliseconds; beyond it the primary is read",
        );
        Some(Self { url: url?, connections, lag })
    }

    /// Reports a URL that may not be used beside that of the primary.
    pub fn judge(&self, env: &mut Env<'_>, key: &'static str, primary: &PostgresConfig) {
        judge(env, key, self.url.expose_secret(), primary.ca.is_some());
    }

    /// The standby's database, which is reached as the primary but for what is said here.
    pub fn database(&self, primary: &PostgresConfig) -> PostgresConfig {
        let url = SecretString::from(read_only(self.url.expose_secret()));
        let wait = primary.wait.min(self.lag);
        PostgresConfig { url, connections: self.connections, wait, ..primary.clone() }
    }
}

/// The URL of a server that takes no writes, unless it says what it wants itself.
fn read_only(url: &str) -> String {
    const WANTED: &str = "target_session_attrs";
    let separator = match (url.contains("://"), url.contains('?')) {
        _ if url.contains(WANTED) => return url.to_owned(),
        (false, _) => ' ',
        (true, false) => '?',
        (true, true) => '&',
    };
    format!("{url}{separator}{WANTED}=read-only")
}

#[cfg(test)]
mod tests {
    use tokio_postgres::Config;
    use tokio_postgres::config::TargetSessionAttrs;

    use super::*;

    #[test]
    fn a_standby_is_one_that_takes_no_writes() {
        for url in ["postgres://u:p@h/d", "postgres://u:p@h,i/d?options=-c", "host=h user=u"] {
            let config: Config = read_only(url).parse().unwrap();
            assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadOnly, "{url}");
        }
        let any = "postgres://u:p@h/d?target_session_attrs=any";
        assert_eq!(read_only(any), any);
    }
}
