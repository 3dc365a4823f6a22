//! The PostgreSQL pool and the classes of its errors.

mod pool;
mod pooler;
mod standby;
mod statement;

use std::path::PathBuf;
use std::time::Duration;

use deadpool_postgres::PoolError;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::env::Env;
use crate::secrets::weakness_of_password;
use crate::tls;

pub use pool::{Pool, gauges, pool};
use pooler::Setting;
pub use pooler::{MissingSettings, Pooler};
pub use standby::{StandbyConfig, StandbyKeys};
pub use statement::{Session, Value};

/// How a service reaches its database.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port/database?options=-csearch_path%3Dschema`.
    pub url: SecretString,
    /// Root of the server's certificate, a PEM file. With it nothing but TLS is spoken, and the server proves its name.
    pub ca: Option<PathBuf>,
    /// What stands between.
    pub pooler: Pooler,
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
        let url = env.required(keys.url, "PostgreSQL URL; its search_path option names the schema");
        let ca = env.optional(
            keys.ca,
            "PEM file with the root of PostgreSQL's certificate, which must then be shown",
        );
        judge(env, keys.url, &url, ca.is_some());
        Self {
            url: SecretString::from(url),
            ca: ca.map(PathBuf::from),
            pooler: env.parsed(
                keys.pooler,
                Pooler::None,
                "none, or transaction: a pooler like PgBouncer in between, which lends a connection for a transaction",
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

/// Reports a URL whose password is none, unless it is that of a socket of this machine, and one that asks for more than it
/// says how to do. One that cannot be read is told of when it is used.
fn judge(env: &mut Env<'_>, key: &'static str, url: &str, has_ca: bool) {
    let Ok((config, verifies)) = parse(url) else { return };
    let over_network = !config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    if env.is_strict() && over_network {
        let password = String::from_utf8_lossy(config.get_password().unwrap_or_default()).into_owned();
        let weakness = weakness_of_password(config.get_user().unwrap_or_default(), &password);
        weakness.into_iter().for_each(|reason| env.problem(format!("{key}: its user {reason}")));
    }
    if verifies && !has_ca {
        env.problem(format!("{key}: sslmode=verify-full needs the root of the server's certificate"));
    }
    if has_ca && url.contains("sslmode=") && config.get_ssl_mode() != SslMode::Require {
        env.problem(format!("{key}: sslmode must be require or verify-full when a root is given"));
    }
}

/// The driver knows no `verify-full`: it is `require`, and the rest is the connector's.
fn parse(url: &str) -> Result<(Config, bool), BadUrl> {
    const VERIFY: &str = "sslmode=verify-full";
    let config = url.replace(VERIFY, "sslmode=require").parse().map_err(|_| BadUrl::Url)?;
    Ok((config, url.contains(VERIFY)))
}

/// Names of the environment keys of a [`PostgresConfig`].
#[derive(Debug, Clone, Copy)]
pub struct PostgresKeys {
    /// Key of [`PostgresConfig::url`].
    pub url: &'static str,
    /// Key of [`PostgresConfig::ca`].
    pub ca: &'static str,
    /// Key of [`PostgresConfig::pooler`].
    pub pooler: &'static str,
    /// Key of [`PostgresConfig::connections`].
    pub connections: &'static str,
    /// Default of [`PostgresConfig::connections`].
    pub connections_default: usize,
    /// Key of [`PostgresConfig::wait`].
    pub wait_ms: &'static str,
    /// Key of [`PostgresConfig::statement`].
    pub statement_ms: &'static str,
}

/// How the database cannot be reached. The URL's text is not repeated: it holds a password.
#[derive(Debug, thiserror::Error)]
pub enum BadUrl {
    /// It is not one of PostgreSQL's.
    #[error("the database URL cannot be read")]
    Url,
    /// The root of its certificate.
    #[error(transparent)]
    Ca(#[from] tls::BadCa),
}

/// All that a connection needs, TLS included. Nothing is connected yet.
#[derive(Clone)]
pub struct ConnectionConfig {
    parameters: Config,
    connector: MakeRustlsConnect,
    /// What stands between.
    pub(crate) pooler: Pooler,
    /// What a session must have.
    settings: Vec<Setting>,
}

impl std::fmt::Debug for ConnectionConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionConfig")
            .field("hosts", &self.parameters.get_hosts())
            .finish_non_exhaustive()
    }
}

impl ConnectionConfig {
    /// A connection outside of any pool, driven by a task that ends with it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the connection's driver ends with the client that owns it"
    )]
    pub(crate) async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.parameters.connect(self.connector.clone()).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "a connection outside of the pool broke");
            }
        });
        Ok(client)
    }

    /// Checks that a session has by itself what a pooler does not let us ask for.
    pub(crate) async fn check_settings(&self, client: &Client) -> Result<(), MissingSettings> {
        match self.pooler {
            Pooler::None => Ok(()),
            Pooler::Transaction => pooler::check(client, &self.settings).await,
        }
    }
}

/// What a connection needs.
///
/// # Errors
/// [`BadUrl`].
pub fn connection_config(config: &PostgresConfig) -> Result<ConnectionConfig, BadUrl> {
    let connector = MakeRustlsConnect::new(tls::client(config.ca.as_deref())?);
    let (parameters, settings) = parameters(config)?;
    Ok(ConnectionConfig { parameters, connector, pooler: config.pooler, settings })
}

/// What every session of ours has beside what the URL says: time-outs on the server's side, and one plan for each
/// statement, whatever its parameters: the plan that is tested, and no time spent on another. None is compiled: that
/// takes a server a second where its guess of the rows is too high, and statements that touch a few win nothing.
fn settings(config: &PostgresConfig, options: &str) -> Vec<Setting> {
    let statement = config.statement.as_millis().to_string();
    let ours = [
        ("statement_timeout", statement.as_str()),
        ("idle_in_transaction_session_timeout", "5000"),
        ("lock_timeout", "5000"),
        ("plan_cache_mode", "force_generic_plan"),
        ("jit", "off"),
    ];
    pooler::settings_in(options).chain(ours.map(|(name, value)| Setting::new(name, value))).collect()
}

/// Parses a URL and sets what every connection of ours has: a live-check on TCP, and the settings of its session, unless a
/// pooler keeps them from getting there.
///
/// Of several hosts only the one that takes writes is used, unless the URL wants another. They are tried in random order: one that accepts and then
/// says nothing would use up the time of those behind it every time.
fn parameters(config: &PostgresConfig) -> Result<(Config, Vec<Setting>), BadUrl> {
    let url = config.url.expose_secret();
    let (mut parsed, _) = parse(url)?;
    let settings = settings(config, parsed.get_options().unwrap_or_default());
    match config.pooler {
        Pooler::None => drop(parsed.options(pooler::options(&settings))),
        Pooler::Transaction => (parsed, _) = parse(&pooler::without_options(url))?,
    }
    if config.ca.is_some() {
        parsed.ssl_mode(SslMode::Require);
    }
    let hosts = u32::try_from(parsed.get_hosts().len()).unwrap_or(u32::MAX).max(1);
    if hosts > 1 {
        parsed.load_balance_hosts(LoadBalanceHosts::Random);
        if parsed.get_target_session_attrs() == TargetSessionAttrs::Any {
            parsed.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
    }
    parsed
        .connect_timeout(config.wait / hosts)
        .keepalives_idle(Duration::from_secs(10))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(20));
    Ok((parsed, settings))
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
        let pooler = Pooler::None;
        let config =
            PostgresConfig { url: url.into(), ca: None, pooler, connections: 1, wait, statement: wait };
        parameters(&config).expect("a URL of PostgreSQL's").0
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

    fn problems(url: &'static str, ca: Option<&'static str>) -> String {
        let lookup = move |key: &str| match key {
            "URL" => Some(url.to_owned()),
            "CA" => ca.map(str::to_owned),
            _ => None,
        };
        let keys = PostgresKeys {
            url: "URL",
            ca: "CA",
            pooler: "POOLER",
            connections: "CONNECTIONS",
            connections_default: 1,
            wait_ms: "WAIT_MS",
            statement_ms: "STATEMENT_MS",
        };
        let mut env = Env::new(&lookup);
        PostgresConfig::read(&mut env, &keys);
        env.finish().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_password_that_is_none_is_refused_unless_the_server_is_on_a_socket_of_this_machine() {
        for url in [
            "postgres://u@h/d",
            "postgres://u:u@h/d",
            "postgres://u:postgres@h/d",
            "postgres://u:changeme-soon@127.0.0.1/d?sslmode=require",
            "host=/run/postgresql,h user=u",
        ] {
            let problems = problems(url, None);
            assert!(problems.starts_with("URL: its user has"), "{url}: {problems}");
            assert!(!problems.contains("changeme"), "{problems}");
        }
        for url in ["postgres://u:blue-lantern-42@h/d", "host=/run/postgresql user=u", "postgres://["] {
            assert_eq!(problems(url, None), "", "{url}");
        }
    }

    #[test]
    fn a_root_and_what_is_asked_of_it_go_together() {
        let (full, plain) =
            ("postgres://u:blue-lantern-42@h/d?sslmode=verify-full", "postgres://u:blue-lantern-42@h/d");
        assert!(problems(full, None).contains("verify-full"));
        assert_eq!((problems(full, Some("ca.pem")), problems(plain, Some("ca.pem"))), Default::default());
        let disabled = "postgres://u:blue-lantern-42@h/d?sslmode=disable";
        assert!(problems(disabled, Some("ca.pem")).contains("sslmode"));
        assert_eq!(config(full).get_ssl_mode(), SslMode::Require);
    }
}
