//! The commands beside `serve`: what is done once, from the command line.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use messenger_chassis::clock::SystemClock;
use messenger_chassis::postgres::PostgresConfig;
use messenger_chassis::report::Report;
use messenger_chassis::{migrate, postgres};

use super::open;
use crate::care::{Care, Task};
use crate::cli::EpochVerb;
use crate::config::Config;
use crate::directory::Accounts;
use crate::fanout::RedisBus;
use crate::store::{Begun, GRANTS, Life, Rows, Store, StoreConfig, migrations, partition};

/// Rows that one statement of `epoch advance` changes at most.
const EPOCH_BATCH: i64 = 10_000;
/// What such a statement may take.
const EPOCH_STEP: Duration = Duration::from_secs(60);

/// Brings the schema up to date.
///
/// # Errors
/// The database cannot be reached, a migration failed, or `entries` has rows that would have to move.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    let database = config.migrate.database(&config.postgres);
    let connection = postgres::connection_config(&database).context("GATEWAY_MIGRATE_DATABASE_URL")?;
    let report = migrate::run(&connection, migrations::runner()).await.context("migrate")?;
    tracing::info!(applied = report.applied_migrations().len(), "the schema is up to date");
    if config.partitions > 0 {
        let made = partition(&connection, config.partitions, Rows::Stay).await;
        made.context("GATEWAY_ENTRIES_PARTITIONS")?;
        tracing::info!(partitions = config.partitions, "the log is partitioned");
    }
    if let Some(role) = &config.migrate.role {
        migrate::grant(&connection, role, GRANTS)
            .await
            .context("grant the role that serves what it needs")?;
        tracing::info!(role, "granted");
    }
    Ok(())
}

/// Brings the schema up to date and moves a log that has grown into partitions.
///
/// # Errors
/// As [`migrate()`]; or no number of partitions is given.
pub async fn repartition(config: &Config) -> anyhow::Result<()> {
    anyhow::ensure!(config.partitions > 0, "GATEWAY_ENTRIES_PARTITIONS: how many are wanted?");
    let database = config.migrate.database(&config.postgres);
    let connection = postgres::connection_config(&database).context("GATEWAY_MIGRATE_DATABASE_URL")?;
    migrate::verify(&connection, &migrations::runner()).await.context("check the schema")?;
    tracing::info!(partitions = config.partitions, "moving the log: nothing can be sent or read meanwhile");
    partition(&connection, config.partitions, Rows::Move).await.context("move the log into partitions")?;
    migrate(config).await
}

/// Shows the life of the log, or begins another one, as whoever migrates. To be done after the log was restored to an
/// earlier moment, and before anybody serves it.
///
/// # Errors
/// The database cannot be reached; what was done stays, and is gone on with by the next call.
pub async fn epoch(config: &Config, verb: EpochVerb) -> anyhow::Result<String> {
    let database = PostgresConfig { statement: EPOCH_STEP, ..config.migrate.database(&config.postgres) };
    let connection = postgres::connection_config(&database).context("GATEWAY_MIGRATE_DATABASE_URL")?;
    migrate::verify(&connection, &migrations::runner()).await.context("check the schema")?;
    let pool = postgres::pool(&database).context("GATEWAY_MIGRATE_DATABASE_URL")?;
    let store = Store::new(pool, StoreConfig { call: EPOCH_STEP * 2 });
    match verb {
        EpochVerb::Show => {
            let Life { number, id, began_at, is_unfinished } =
                store.epoch().await.context("read the epoch")?;
            let rest = if is_unfinished { ", not finished: run `gateway epoch advance` again" } else { "" };
            Ok(format!("epoch {number}, {id}, since {began_at}{rest}"))
        }
        EpochVerb::Advance => {
            let Begun { number, id, mended } =
                store.begin_epoch(EPOCH_BATCH).await.context("run `gateway epoch advance` again")?;
            Ok(format!("epoch {number}, {id}, has begun; {mended} entries had labels of another server"))
        }
    }
}

/// Checks what `serve` would stumble over without connecting to anything.
///
/// # Errors
/// A URL or a file that cannot be read.
pub fn check(config: &Config) -> anyhow::Result<()> {
    open(config)?;
    let migrating = config.migrate.database(&config.postgres);
    postgres::connection_config(&migrating).context("GATEWAY_MIGRATE_DATABASE_URL")?;
    RedisBus::new(config.redis.clone()).context("GATEWAY_REDIS_URL")?;
    Accounts::check(&config.directory)?;
    Ok(())
}

/// Does what an operator asks about conversations. What only looks does so as the role that serves; what removes needs the
/// owner of the schema, as migrating does.
///
/// # Errors
/// [`Failure`](messenger_chassis::command::Failure); the configuration.
pub async fn care(config: &Config, task: Task, report: Report<impl Write>) -> anyhow::Result<()> {
    let pool = if task.removes() {
        postgres::pool(&config.migrate.database(&config.postgres)).context("GATEWAY_MIGRATE_DATABASE_URL")?
    } else {
        postgres::pool(&config.postgres).context("GATEWAY_DATABASE_URL")?
    };
    let mut care = Care { store: Store::new(pool, config.store), clock: Arc::new(SystemClock), report };
    Ok(care.run(task).await?)
}
