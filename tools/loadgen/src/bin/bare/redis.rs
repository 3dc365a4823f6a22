//! Messages a second that Redis passes on, sent as a gateway rings.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use redis::{AsyncConnectionConfig, Client, ProtocolVersion, PushInfo, PushKind};
use serde::Serialize;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::pace::{Window, repeat};

/// Messages of one pipeline: as many as a gateway sends with one.
const PIPELINE: u64 = 256;
/// Time for the last messages to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(10);

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server
    #[arg(long, value_name = "URL")]
    url: String,
    /// How long to measure, in seconds
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Bytes of a message
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..=16_384))]
    bytes: u16,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// Messages published, a second.
    per_second: f64,
}

/// One connection publishes, pipeline after pipeline, and one is subscribed. Both share this process.
pub(crate) async fn run(options: &Options) -> Result<Report> {
    let client = client(&options.url)?;
    let channel = format!("bare-{}", Uuid::new_v4().simple());
    let arrived = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&arrived);
    let listening = AsyncConnectionConfig::new().set_push_sender(move |push: PushInfo| {
        counter.fetch_add(u64::from(push.kind == PushKind::Message), Ordering::Relaxed);
        Ok::<_, redis::aio::SendError>(())
    });
    let listener = client.get_multiplexed_async_connection_with_config(&listening).await;
    let mut listener = listener.context("connect to Redis")?;
    listener.subscribe(&channel).await.context("subscribe")?;
    let mut publisher = client.get_multiplexed_async_connection().await?;
    let message = vec![b'x'; options.bytes.into()];
    let mut pipeline = redis::pipe();
    for _ in 0..PIPELINE {
        pipeline.cmd("PUBLISH").arg(&channel).arg(&message[..]).ignore();
    }
    let window = Window::open(options.seconds);
    let mut published = 0;
    let count = repeat(window, async || {
        pipeline.exec_async(&mut publisher).await.context("publish")?;
        published += PIPELINE;
        Ok(PIPELINE)
    });
    let count = count.await?;
    let deadline = Instant::now() + ARRIVAL;
    while arrived.load(Ordering::Relaxed) < published && Instant::now() < deadline {
        sleep(LOOK).await;
    }
    ensure!(arrived.load(Ordering::Relaxed) == published, "not every message arrived");
    Ok(Report { per_second: window.per_second(count) })
}

/// One whose connections hear what is published.
pub(crate) fn client(url: &str) -> Result<Client> {
    let client = Client::open(url).context("read the server's URL")?;
    let settings = client.get_connection_info().redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(Client::open(client.get_connection_info().clone().set_redis_settings(settings))?)
}
