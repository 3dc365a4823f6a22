//! The PostgreSQL pool and the classes of its errors.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolError, QueueMode, RecyclingMethod, Runtime};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::{LoadBalanceHosts, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};

use crate::env::Env;

/// How a service reaches its database.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port/database?options=-csearch_path%3Dschema`.
    pub url: SecretString,
    /// Connections at most.
    pub connections: usize,
    /// How long a caller waits for a free connection, and a connection for its server.
    pub wait: Duration,
    /// What the server allows one statement.
    pub statement: Duration,
}

impl PostgresConfig {
    /// Reads the keys whose names the service gives, since a key belongs to one service.
    pub fn read(env: &mut Env<'_>, keys: &PostgresKeys) -> Self {
        Self {
            url: SecretString::from(
                env.required(keys.url, "PostgreSQL URL; its search_path option names the schema"),
            ),
            connections: env.within(
                keys.connections,
                keys.connections_default,
                1..=1_000,
                "PostgreSQL connections at most",
            ),
            wait: env.millis(
                keys.wait_ms,
                2_000,
                10..=60_000,
                "wait for a PostgreSQL connection, milliseconds",
            ),
            statement: env.millis(
                keys.statement_ms,
                2_000,
                10..=600_000,
                "time limit of a statement, milliseconds",
            ),
        }
    }
}

/// Names of the environment keys of a [`PostgresConfig`].
#[derive(Debug, Clone, Copy)]
pub struct PostgresKeys {
    /// Key of [`PostgresConfig::url`].
    pub url: &'static str,
    /// Key of [`PostgresConfig::connections`].
    pub connections: &'static str,
    /// Default of [`PostgresConfig::connections`].
    pub connections_default: usize,
    /// Key of [`PostgresConfig::wait`].
    pub wait_ms: &'static str,
    /// Key of [`PostgresConfig::statement`].
    pub statement_ms: &'static str,
}

/// The URL is not one of PostgreSQL's. Its text is not repeated: it holds a password.
#[derive(Debug, thiserror::Error)]
#[error("the database URL cannot be read")]
pub struct BadUrl;

/// Parses a URL and sets what every connection of ours has: time-outs on the server's side, a live-check on TCP, and one
/// plan for each statement, whatever its parameters: the plan that is tested, and no time spent on another.
///
/// Of several hosts only the one that takes writes is used. They are tried in random order: one that accepts and then
/// says nothing would use up the time of those behind it every time.
///
/// # Errors
/// [`BadUrl`].
pub fn connection_config(config: &PostgresConfig) -> Result<Config, BadUrl> {
    let mut parsed: Config = config.url.expose_secret().parse().map_err(|_| BadUrl)?;
    let options = format!(
        "{} -c statement_timeout={} -c idle_in_transaction_session_timeout=5000 -c lock_timeout=5000 \
         -c plan_cache_mode=force_generic_plan",
        parsed.get_options().unwrap_or_default(),
        config.statement.as_millis()
    );
    let hosts = u32::try_from(parsed.get_hosts().len()).unwrap_or(u32::MAX).max(1);
    if hosts > 1 {
        parsed
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .load_balance_hosts(LoadBalanceHosts::Random);
    }
    parsed
        .options(options.trim())
        .connect_timeout(config.wait / hosts)
        .keepalives_idle(Duration::from_secs(10))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(20));
    Ok(parsed)
}

/// A bounded pool; nothing is connected yet.
///
/// # Errors
/// [`BadUrl`].
pub fn pool(config: &PostgresConfig) -> Result<Pool, BadUrl> {
    let manager = Manager::from_config(
        connection_config(config)?,
        NoTls,
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    Pool::builder(manager)
        .max_size(config.connections)
        .wait_timeout(Some(config.wait))
        .create_timeout(Some(config.wait))
        .recycle_timeout(Some(config.wait))
        // The connection used last has the warmest caches on the server's side.
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|_| BadUrl)
}

/// A readiness check: a statement goes through.
///
/// # Errors
/// The reason in one line, without anything secret.
pub async fn check(pool: &Pool) -> Result<(), String> {
    let client = pool.get().await.map_err(|error| pool_reason(&error).to_owned())?;
    client.simple_query("SELECT 1").await.map(drop).map_err(|_| "the statement failed".to_owned())
}

fn pool_reason(error: &PoolError) -> &'static str {
    match error {
        PoolError::Timeout(_) => "no connection in time",
        PoolError::Closed => "the pool is closed",
        _ => "cannot connect",
    }
}

/// Whether the same statement may succeed later: the connection broke, the server is starting, stopping, read-only,
/// out of a resource, or gave up waiting. What the data or the statement itself caused is not temporary.
pub fn is_temporary(error: &tokio_postgres::Error) -> bool {
    let Some(state) = error.code() else { return true };
    let class = &state.code()[..2];
    matches!(class, "08" | "40" | "53" | "55" | "57" | "58") || *state == SqlState::READ_ONLY_SQL_TRANSACTION
}

/// The name of the constraint that the statement violated.
pub fn violated_constraint(error: &tokio_postgres::Error) -> Option<&str> {
    error.as_db_error().and_then(|db| db.constraint())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Config {
        let wait = Duration::from_secs(2);
        let config = PostgresConfig { url: url.into(), connections: 1, wait, statement: wait };
        connection_config(&config).expect("a URL of PostgreSQL's")
    }

    #[test]
    fn of_several_hosts_the_one_that_takes_writes_is_used_and_each_has_its_share_of_the_time() {
        let several = config("postgres://u:p@a:1,b:2/messenger");
        assert_eq!(several.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(several.get_load_balance_hosts(), LoadBalanceHosts::Random);
        assert_eq!(several.get_connect_timeout(), Some(&Duration::from_secs(1)));
        let one = config("postgres://u:p@a:1/messenger");
        assert_eq!(one.get_target_session_attrs(), TargetSessionAttrs::Any);
        assert_eq!(one.get_connect_timeout(), Some(&Duration::from_secs(2)));
    }
}
