//! Rows a second into PostgreSQL: one a commit, many a commit, and the function that the gateways call.
//!
//! All of it happens in a copy of the messenger's database that is dropped at the end.

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use futures_util::future::try_join_all;
use serde::Serialize;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::copy::{self, Copy};
use crate::pace::{Window, repeat};
use crate::rows::{Columns, Dialog, Source};

/// Dialogs that the rows belong to.
const DIALOGS: i64 = 64;
/// Connections that insert single rows at once.
const CONNECTIONS: usize = 8;
/// Connections that store batches at once: as many as a gateway has lanes.
const LANES: usize = 2;
/// More than these 64 dialogs need: what `open_dialog` allows a user.
const CONVERSATIONS_MAX: i64 = 1_000;

/// Keys, indexes and defaults of the messenger's own table.
pub(crate) const TABLE: &str = "CREATE TABLE bare_entries (LIKE entries INCLUDING ALL)";
pub(crate) const ONE: &str = "INSERT INTO bare_entries (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, \
    client_id, body, created_at) VALUES ($1, $2, $3, nextval('entry_ids'), 0, $4, $5, $3, $6, clock_timestamp())";
const MANY: &str = "INSERT INTO bare_entries (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, \
    client_id, body, created_at) SELECT c, q, u, nextval('entry_ids'), 0, s, r, u, b, clock_timestamp() \
    FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::bigint[], $5::bigint[], $6::text[]) AS x (c, q, u, s, r, b)";
const OPEN_DIALOG: &str = "SELECT id FROM open_dialog($1, $2, $3)";
const SEND_BATCH: &str = "SELECT status FROM send_batch($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], \
    $4::uuid[], $5::text[])";

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The messenger's migrated database, with the schema of the messages in its search path; nobody else may
    /// be connected to it [env: DATABASE_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// How long to measure each way, in seconds
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Bytes of each message's text
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=16_384))]
    bytes: u16,
    /// Rows of a batch
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rows: u16,
}

/// Rows a second that were committed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// One row a commit, one connection.
    single_one_connection: f64,
    /// One row a commit, eight connections.
    single_eight_connections: f64,
    /// Many rows a commit, two connections.
    batched: f64,
    /// The gateways' function, as many rows a call, two connections.
    send_batch: f64,
}

pub(crate) async fn run(database_url: &str, options: &Options) -> Result<Report> {
    copy::within(database_url, async |copy| measure(copy, options).await).await
}

async fn measure(copy: &mut Copy, options: &Options) -> Result<Report> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(copy.connect().await?);
    }
    clients[0].batch_execute(TABLE).await.context("make the table")?;
    let pairs: Vec<_> = (0..DIALOGS).map(Dialog::of_pair).collect();
    let single_one_connection = single(&clients[..1], &pairs, options).await?;
    clients[0].batch_execute("TRUNCATE bare_entries").await?;
    let single_eight_connections = single(&clients, &pairs, options).await?;
    clients[0].batch_execute("TRUNCATE bare_entries").await?;
    let batched = batched(&clients[..LANES], &pairs, options).await?;
    clients[0].batch_execute("DROP TABLE bare_entries").await?;
    let dialogs = open(&clients[0], &pairs).await?;
    let send_batch = send_batch(&clients[..LANES], &dialogs, options).await?;
    Ok(Report { single_one_connection, single_eight_connections, batched, send_batch })
}

async fn single(clients: &[Client], dialogs: &[Dialog], options: &Options) -> Result<f64> {
    let window = Window::open(options.seconds);
    let work = sources(clients, dialogs, options).map(async |(client, mut source)| {
        let statement = client.prepare(ONE).await?;
        repeat(window, async || {
            let (dialog, seq) = source.next();
            let Dialog { conversation, sender, recipient } = dialog;
            let uuid = Uuid::now_v7();
            let row: [&(dyn ToSql + Sync); 6] =
                [&conversation, &seq, &uuid, &sender, &recipient, &source.body()];
            Ok(client.execute(&statement, &row).await?)
        })
        .await
    });
    total(window, try_join_all(work).await.context("insert single rows")?)
}

async fn batched(clients: &[Client], dialogs: &[Dialog], options: &Options) -> Result<f64> {
    let window = Window::open(options.seconds);
    let work = sources(clients, dialogs, options).map(async |(client, mut source)| {
        let statement = client.prepare(MANY).await?;
        repeat(window, async || {
            let Columns { conversations, seqs, uuids, senders, recipients, bodies } =
                source.batch(options.rows.into());
            let columns: [&(dyn ToSql + Sync); 6] =
                [&conversations, &seqs, &uuids, &senders, &recipients, &bodies];
            Ok(client.execute(&statement, &columns).await?)
        })
        .await
    });
    total(window, try_join_all(work).await.context("insert batches")?)
}

async fn send_batch(clients: &[Client], dialogs: &[Dialog], options: &Options) -> Result<f64> {
    let window = Window::open(options.seconds);
    let work = sources(clients, dialogs, options).map(async |(client, mut source)| {
        let statement = client.prepare(SEND_BATCH).await?;
        repeat(window, async || {
            let Columns { conversations, uuids, senders, recipients, bodies, .. } =
                source.batch(options.rows.into());
            let answers =
                client.query(&statement, &[&conversations, &senders, &recipients, &uuids, &bodies]).await?;
            ensure!(answers.iter().all(|row| row.get::<_, i16>(0) == 0), "send_batch refused a row");
            Ok(answers.len() as u64)
        })
        .await
    });
    total(window, try_join_all(work).await.context("call send_batch")?)
}

/// Each client with dialogs of its own, as each lane has.
fn sources<'a>(
    clients: &'a [Client],
    dialogs: &'a [Dialog],
    options: &Options,
) -> impl Iterator<Item = (&'a Client, Source)> {
    let bytes = options.bytes.into();
    let share = dialogs.chunks(dialogs.len() / clients.len());
    clients.iter().zip(share).map(move |(client, dialogs)| (client, Source::new(dialogs, bytes)))
}

async fn open(client: &Client, pairs: &[Dialog]) -> Result<Vec<Dialog>> {
    let mut dialogs = Vec::new();
    for pair in pairs {
        let row = client.query_one(OPEN_DIALOG, &[&pair.sender, &pair.recipient, &CONVERSATIONS_MAX]).await?;
        dialogs.push(Dialog { conversation: row.try_get(0).context("open a dialog")?, ..*pair });
    }
    Ok(dialogs)
}

fn total(window: Window, counts: Vec<u64>) -> Result<f64> {
    let count = counts.into_iter().sum();
    ensure!(count > 0, "nothing was stored in time");
    Ok(window.per_second(count))
}
