//! The bus over Redis pub/sub: what its handles and its links share.
//!
//! A link is one server and two connections to it, one that listens and one that rings. There is one link, or, where the
//! URL asks to follow the slots of a cluster, one for each node.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use messenger_chassis::lifecycle::Tasks;
use messenger_chassis::redis::{BadUrl, Servers};
use messenger_chassis::telemetry::{TRACED, set_parent, traceparent};
use messenger_proto::gateway::Ring;
use prost::Message as _;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError, RedisResult};
use secrecy::ExposeSecret as _;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Span;
use tracing::field::Empty;
use uuid::Uuid;

use super::bundle::Outgoing;
use super::channel::Channel;
use super::config::RedisConfig;
use super::interest::Interests;
use super::links::{Server, serve};
use super::partition::{Layout, Partitions};
use super::ring::{to_ring, watermark_to_ring};
use super::{Bus, Listener};
use crate::domain::event::{Event, Watermark};

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: RedisConfig,
    pub(super) layout: Layout,
    pub(super) servers: Servers,
    /// What tells our own rings.
    pub(super) origin: u64,
    interests: Mutex<Interests>,
    /// Interest has changed.
    pub(super) changed: watch::Sender<()>,
    /// By partition where its rings go.
    pub(super) routes: RwLock<Vec<Option<mpsc::Sender<Outgoing>>>>,
    /// Perhaps the slots are not where we believe.
    pub(super) doubt: Notify,
    /// The partitions in which this replica hears itself.
    heard: Mutex<Partitions>,
    /// It does in all of them.
    healthy: AtomicBool,
}

/// The handle that rings and counts interest. When it drops, the queued rings leave and the links end.
#[derive(Debug)]
pub struct RedisBus {
    shared: Arc<Shared>,
    _gone: DropGuard,
}

/// The task behind a [`RedisBus`], not yet running.
#[derive(Debug)]
pub struct Driver {
    shared: Arc<Shared>,
    gone: CancellationToken,
}

impl RedisBus {
    /// A bus, and the driver that is to be started once there is a listener.
    ///
    /// # Errors
    /// [`BadUrl`]. A Redis that does not answer is no error: it is tried again for ever.
    pub fn new(config: RedisConfig) -> Result<(Self, Driver), BadUrl> {
        let servers = Servers::parse(config.url.expose_secret())?;
        let layout = match servers.is_sharded() {
            true => Layout::sharded(&config.prefix, &config.node),
            false => Layout::whole(&config.prefix, &config.node),
        };
        let partitions: Vec<_> = layout.partitions().collect();
        let mut interests = Interests::new(partitions.len(), config.linger);
        for partition in &partitions {
            interests.of(*partition).join(Channel::Own(*partition));
        }
        interests.of(layout.partition(Channel::Accounts)).join(Channel::Accounts);
        let shared = Arc::new(Shared {
            config,
            servers,
            origin: Uuid::new_v4().as_u64_pair().0,
            interests: Mutex::new(interests),
            changed: watch::Sender::new(()),
            routes: RwLock::new(vec![None; partitions.len()]),
            doubt: Notify::new(),
            heard: Mutex::default(),
            healthy: AtomicBool::new(false),
            layout,
        });
        let gone = CancellationToken::new();
        let driver = Driver { shared: Arc::clone(&shared), gone: gone.clone() };
        Ok((Self { shared, _gone: gone.drop_guard() }, driver))
    }

    fn enqueue(&self, channels: &[Channel], ring: &Ring, span: &Span) {
        let ring = Bytes::from(ring.encode_to_vec());
        for channel in channels {
            self.shared.send(Outgoing { channel: *channel, ring: ring.clone(), span: span.clone() });
        }
    }
}

impl Bus for RedisBus {
    fn ring(&self, channels: &[Channel], event: &Event, trace: Option<&str>) {
        let span = ring_span(event, trace);
        // Whoever hears it goes on from its way through Redis.
        let trace = traceparent(&span);
        self.enqueue(channels, &to_ring(event, trace.as_deref(), self.shared.origin), &span);
    }

    fn ring_watermark(&self, channels: &[Channel], watermark: &Watermark) {
        self.enqueue(channels, &watermark_to_ring(watermark, self.shared.origin), &Span::none());
    }

    fn join(&self, channel: Channel) {
        let partition = self.shared.layout.partition(channel);
        if self.shared.interests().of(partition).join(channel) {
            self.shared.changed.send_replace(());
        }
    }

    fn leave(&self, channel: Channel) {
        let partition = self.shared.layout.partition(channel);
        self.shared.interests().of(partition).leave(channel, Instant::now());
    }

    fn is_healthy(&self) -> bool {
        self.shared.is_healthy()
    }
}

impl Driver {
    /// Starts to ring and to listen, until the stop.
    pub fn start(self, listener: Arc<dyn Listener>, tasks: &Tasks) {
        let stop = tasks.stop().clone();
        tasks.spawn_essential("redis", serve(self.shared, listener, stop, self.gone));
    }
}

impl Shared {
    pub(super) fn interests(&self) -> MutexGuard<'_, Interests> {
        self.interests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a ring to the link of its partition. Without one, or when that has no room, it is dropped.
    pub(super) fn send(&self, ring: Outgoing) {
        let partition = self.layout.partition(ring.channel);
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let refused = match routes.get(partition.index()) {
            Some(Some(link)) => link.try_send(ring).err().map(mpsc::error::TrySendError::into_inner),
            _ => Some(ring),
        };
        if let Some(ring) = refused {
            dropped(std::iter::once(&ring));
        }
    }

    /// A connection for a link's subscriptions.
    pub(super) async fn connect(
        &self,
        server: &Server,
        settings: AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        match server {
            Server::Node(node) => self.servers.connect_to(node, settings, self.config.timeout).await,
            Server::Any => self.servers.connect(settings, self.config.timeout).await,
        }
    }

    /// Some commands of a pipeline were for slots that the node has not got: the places of these.
    pub(super) fn elsewhere(&self, error: RedisError) -> Vec<usize> {
        tracing::debug!(%error, "slots are elsewhere");
        self.doubt.notify_one();
        let refused = error.into_server_errors();
        refused.iter().flat_map(|all| all.iter()).map(|(place, _)| *place).collect()
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// The partitions in which this replica hears itself.
    pub(super) fn heard(&self) -> Partitions {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The replica hears itself in these partitions, too.
    pub(super) fn hears(&self, partitions: Partitions) {
        self.update_heard(|heard| *heard = heard.with(partitions));
    }

    /// The replica does not hear itself in these partitions any more.
    pub(super) fn loses(&self, partitions: Partitions) {
        self.update_heard(|heard| *heard = heard.without(partitions));
    }

    fn update_heard(&self, update: impl FnOnce(&mut Partitions)) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        update(&mut heard);
        let healthy = self.layout.partitions().all(|partition| heard.contains(partition));
        if self.healthy.swap(healthy, Ordering::Relaxed) != healthy {
            tracing::info!(healthy, "redis subscriptions");
            metrics::gauge!("gateway_bus_healthy").set(if healthy { 1.0 } else { 0.0 });
        }
    }
}

/// The way of a ring from here to Redis, if its cause is traced.
fn ring_span(event: &Event, trace: Option<&str>) -> Span {
    let Some(trace) = trace else { return Span::none() };
    let span = tracing::info_span!(
        target: TRACED, parent: None, "ring.publish", otel.kind = "producer", otel.status_code = Empty,
        messaging.system = "redis", messaging.operation.name = "publish", messaging.operation.type = "send",
        conversation = event.entry.conversation.0, seq = event.entry.seq.0,
    );
    set_parent(&span, trace);
    span
}

/// Counts rings that were not sent.
pub(super) fn dropped<'a>(rings: impl Iterator<Item = &'a Outgoing>) {
    let mut count = 0;
    for ring in rings {
        ring.span.record("otel.status_code", "ERROR");
        count += 1;
    }
    metrics::counter!("gateway_rings_dropped_total").increment(count);
}
