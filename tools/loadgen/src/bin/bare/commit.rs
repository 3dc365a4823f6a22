//! How long a commit of one row takes, one after the other over one connection.

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::copy::{self, Copy};
use crate::pace::{Steps, Window};
use crate::postgres::{ONE, TABLE};
use crate::rows::{Dialog, Source};

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The messenger's migrated database, with the schema of the messages in its search path; nobody else may
    /// be connected to it [env: DATABASE_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// How long to measure, in seconds
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Bytes of each message's text
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=16_384))]
    bytes: u16,
}

pub(crate) async fn run(database_url: &str, options: &Options) -> Result<Steps> {
    copy::within(database_url, async |copy| measure(copy, options).await).await
}

async fn measure(copy: &mut Copy, options: &Options) -> Result<Steps> {
    let client = copy.connect().await?;
    client.batch_execute(TABLE).await.context("make the table")?;
    let statement = client.prepare(ONE).await?;
    let mut source = Source::new(&[Dialog::of_pair(0)], options.bytes.into());
    let window = Window::open(options.seconds);
    let mut steps = Steps::new(window)?;
    loop {
        let (Dialog { conversation, sender, recipient }, seq) = source.next();
        let (uuid, body) = (Uuid::now_v7(), source.body());
        let row: [&(dyn ToSql + Sync); 6] = [&conversation, &seq, &uuid, &sender, &recipient, &body];
        let started = Instant::now();
        client.execute(&statement, &row).await.context("insert a row")?;
        if steps.note(started, Instant::now()) {
            return Ok(steps);
        }
    }
}
