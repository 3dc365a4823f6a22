//! Runs a service's migrations: one at a time, whoever else starts at the same moment.

use refinery::{Report, Runner};
use tokio_postgres::{Client, Config, NoTls};

/// Why the schema is not as the code needs it.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The server cannot be reached or refused a statement.
    #[error("connect to the database")]
    Postgres(#[from] tokio_postgres::Error),
    /// A migration failed, or an applied one was changed afterwards.
    #[error("apply the migrations")]
    Refinery(#[from] refinery::Error),
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
pub async fn run(config: &Config, runner: Runner) -> Result<Report, MigrateError> {
    let mut client = connect(config).await?;
    client.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0").await?;
    client.batch_execute(LOCK).await?;
    client.batch_execute(CREATE_SCHEMA).await?;
    Ok(runner.run_async(&mut client).await?)
}

/// Refuses a schema that is behind the code. A schema that is ahead is fine: migrations only ever expand first.
///
/// # Errors
/// [`MigrateError::Pending`], or the server cannot be reached.
pub async fn verify(config: &Config, runner: &Runner) -> Result<(), MigrateError> {
    let client = connect(config).await?;
    let known = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    let applied: i64 = if client.query_one(known, &[]).await?.get(0) {
        client
            .query_one("SELECT coalesce(max(version), 0)::bigint FROM refinery_schema_history", &[])
            .await?
            .get(0)
    } else {
        0
    };
    let pending = runner.get_migrations().iter().filter(|m| i64::from(m.version()) > applied).count();
    if pending == 0 { Ok(()) } else { Err(MigrateError::Pending(pending)) }
}

#[expect(clippy::disallowed_methods, reason = "the connection's driver ends with the client that owns it")]
async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "migration connection broke");
        }
    });
    Ok(client)
}
