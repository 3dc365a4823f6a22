//! Runs a service's migrations: one at a time, whoever else starts at the same moment.

use refinery::{Report, Runner};
use secrecy::SecretString;

use crate::env::Env;
use crate::postgres::{ConnectionConfig, MissingSettings, Pooler, PostgresConfig};

/// Who migrates, and for whom.
#[derive(Debug, Clone)]
pub struct MigrateConfig {
    /// As [`PostgresConfig::url`], of the owner of the schema; absent when the role that serves owns it.
    pub url: Option<SecretString>,
    /// The role that serves. Absent: nothing is granted to anybody.
    pub role: Option<String>,
}

/// Names of the environment keys of a [`MigrateConfig`].
#[derive(Debug, Clone, Copy)]
pub struct MigrateKeys {
    /// Key of [`MigrateConfig::url`].
    pub url: &'static str,
    /// Key of [`MigrateConfig::role`].
    pub role: &'static str,
}

impl MigrateConfig {
    /// Reads the keys whose names the service gives.
    pub fn read(env: &mut Env<'_>, keys: &MigrateKeys) -> Self {
        Self {
            url: env.secret(
                keys.url,
                "PostgreSQL URL of the role that owns the schema and migrates it; that of the service without it",
            ),
            role: env.optional(
                keys.role,
                "PostgreSQL role that serves, to which migrating grants what it needs; nothing is granted without it",
            ),
        }
    }

    /// The database as the one who migrates reaches it: past any pooler.
    pub fn database(&self, serving: &PostgresConfig) -> PostgresConfig {
        match &self.url {
            Some(url) => PostgresConfig { url: url.clone(), pooler: Pooler::None, ..serving.clone() },
            None => serving.clone(),
        }
    }
}

/// Why the schema is not as the code needs it.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The server cannot be reached or refused a statement.
    #[error("connect to the database")]
    Postgres(#[from] tokio_postgres::Error),
    /// A migration failed, or an applied one was changed afterwards.
    #[error("apply the migrations")]
    Refinery(#[from] refinery::Error),
    /// A migration is more than a transaction: it holds a lock of its session.
    #[error("a pooler is in between: the URL of the one who migrates must lead to PostgreSQL itself")]
    Pooler,
    /// A session behind a pooler is not as the code needs it.
    #[error(transparent)]
    Settings(#[from] MissingSettings),
    /// `serve` never migrates; it says what is missing.
    #[error("the schema is behind by {0} migrations: run the `migrate` subcommand first")]
    Pending(usize),
}

/// All replicas take this lock while they migrate; the schema's name is part of it.
const LOCK: &str = "SELECT pg_advisory_lock(hashtext('migrate ' || current_setting('search_path')))";

/// Creates the schema that the URL's search path names first, unless that is the default path.
const CREATE_SCHEMA: &str = "DO $$ DECLARE name text := trim(split_part(current_setting('search_path'), ',', 1), ' \"'); \
     BEGIN IF name <> '$user' AND to_regnamespace(quote_ident(name)) IS NULL \
     THEN EXECUTE format('CREATE SCHEMA %I', name); END IF; END $$";

/// Applies what is missing, under an advisory lock, on a connection of its own without time limits.
///
/// # Errors
/// [`MigrateError`]; what was applied before the failure stays.
pub async fn run(config: &ConnectionConfig, runner: Runner) -> Result<Report, MigrateError> {
    if config.pooler != Pooler::None {
        return Err(MigrateError::Pooler);
    }
    let mut client = config.connect().await?;
    client.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0").await?;
    client.batch_execute(LOCK).await?;
    client.batch_execute(CREATE_SCHEMA).await?;
    Ok(runner.run_async(&mut client).await?)
}

/// What every role that serves may do.
const GRANTS: &str = include_str!("migrate/grants.sql");

/// Grants a role what it needs to serve, but for `exceptions`, all of it or nothing, in the place of what it had: SQL that
/// finds the role's name in the setting `messenger.role`.
///
/// # Errors
/// The server cannot be reached, there is no such role, or it is the one that migrates, which owns everything.
pub async fn grant(config: &ConnectionConfig, role: &str, exceptions: &str) -> Result<(), MigrateError> {
    apply(config, &[("messenger.role", role)], &[GRANTS, exceptions]).await
}

/// Runs SQL that the history of migrations does not tell of, because it may come again or not at all: all of it or nothing,
/// while nobody migrates, without a time limit, with these settings.
///
/// # Errors
/// The server cannot be reached, or refused a statement.
pub async fn apply(
    config: &ConnectionConfig,
    settings: &[(&str, &str)],
    scripts: &[&str],
) -> Result<(), MigrateError> {
    let mut client = config.connect().await?;
    client.batch_execute("SET statement_timeout = 0").await?;
    client.batch_execute(LOCK).await?;
    let transaction = client.transaction().await?;
    for (name, value) in settings {
        transaction.execute("SELECT set_config($1, $2, true)", &[name, value]).await?;
    }
    for script in scripts {
        transaction.batch_execute(script).await?;
    }
    Ok(transaction.commit().await?)
}

/// Refuses a schema that is behind the code. A schema that is ahead is fine: migrations only ever expand first.
///
/// # Errors
/// [`MigrateError::Pending`], or the server cannot be reached.
pub async fn verify(config: &ConnectionConfig, runner: &Runner) -> Result<(), MigrateError> {
    let client = config.connect().await?;
    config.check_settings(&client).await?;
    let known = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    let applied: i64 = if client.query_typed_one(known, &[]).await?.get(0) {
        let version = "SELECT coalesce(max(version), 0)::bigint FROM refinery_schema_history";
        client.query_typed_one(version, &[]).await?.get(0)
    } else {
        0
    };
    let pending = runner.get_migrations().iter().filter(|m| i64::from(m.version()) > applied).count();
    if pending == 0 { Ok(()) } else { Err(MigrateError::Pending(pending)) }
}
