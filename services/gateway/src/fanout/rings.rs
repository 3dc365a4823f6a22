//! Sends the rings of one link.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisResult};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::bundle::{Outgoing, bundle};
use super::channel::Channel;
use super::links::Server;
use super::redis::{Shared, dropped};

/// Rings sent in one pipeline.
const RING_BATCH: usize = 256;
/// Pause before connecting again.
const PAUSE: Duration = Duration::from_secs(1);

/// One link's way out.
#[derive(Debug)]
pub(super) struct Rings {
    pub(super) shared: Arc<Shared>,
    pub(super) server: Server,
    pub(super) queue: mpsc::Receiver<Outgoing>,
    /// How often the link's subscriptions heard nothing although their connection was open.
    pub(super) silences: Arc<AtomicU64>,
}

impl Rings {
    /// Sends rings in pipelines until the end, and then what is queued. Without a connection they are dropped: late rings
    /// are noise.
    ///
    /// After a silence the rings take another connection too: perhaps not the subscriptions' server is cut off, but this
    /// one.
    pub(super) async fn send(mut self, end: CancellationToken) {
        let mut ended = pin!(end.cancelled());
        let mut batch = Vec::with_capacity(RING_BATCH);
        let mut connection = None;
        let mut retry_at = Instant::now();
        let mut silences = 0;
        loop {
            tokio::select! {
                count = self.queue.recv_many(&mut batch, RING_BATCH) => if count == 0 { return },
                () = &mut ended, if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
            }
            let known = std::mem::replace(&mut silences, self.silences.load(Ordering::Relaxed));
            if silences != known {
                connection = None;
            }
            if connection.is_none() && Instant::now() >= retry_at {
                connection = self.connect().await.ok();
                retry_at = Instant::now() + PAUSE;
            }
            connection = match connection {
                Some(connection) => self.publish(connection, &batch).await,
                None => {
                    dropped(batch.iter());
                    None
                }
            };
            batch.clear();
        }
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        match &self.server {
            Server::Node(_) => self.shared.connect(&self.server, AsyncConnectionConfig::new()).await,
            Server::Any => self.shared.servers.connect_any(self.shared.config.timeout).await,
        }
    }

    /// Gives the connection back if it works. What a node refuses because it has not got the slot is lost.
    async fn publish(
        &self,
        mut connection: MultiplexedConnection,
        batch: &[Outgoing],
    ) -> Option<MultiplexedConnection> {
        let bundles = bundle(batch);
        let mut pipeline = redis::pipe();
        for (channel, rings) in &bundles {
            let command = if self.shared.layout.is_sharded(*channel) { "SPUBLISH" } else { "PUBLISH" };
            pipeline.cmd(command).arg(self.shared.layout.name(*channel)).arg(&**rings).ignore();
        }
        let error = match pipeline.exec_async(&mut connection).await {
            Ok(()) => return Some(connection),
            Err(error) => error,
        };
        if !error.is_cluster_error() {
            tracing::warn!(%error, rings = batch.len(), "rings were not sent");
            dropped(batch.iter());
            return None;
        }
        let places = self.shared.elsewhere(error).into_iter();
        let refused: HashSet<Channel> = places.filter_map(|at| Some(bundles.get(at)?.0)).collect();
        dropped(batch.iter().filter(|ring| refused.contains(&ring.channel)));
        Some(connection)
    }
}
