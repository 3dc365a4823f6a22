//! The bus over Redis pub/sub: one connection that listens, one that rings.
//!
//! A live TCP connection proves nothing, so the replica rings itself each second through the normal path; after
//! [`RedisConfig::silence`] without hearing itself it connects anew and subscribes to everything again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use messenger_chassis::lifecycle::Tasks;
use messenger_chassis::redis::{BadUrl, Servers};
use messenger_chassis::telemetry::{TRACED, set_parent, traceparent};
use messenger_proto::accounts::UserChanged;
use messenger_proto::accounts::user_changed::Kind;
use messenger_proto::gateway::Ring;
use prost::Message as _;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, Value};
use secrecy::ExposeSecret as _;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::Span;
use tracing::field::Empty;
use uuid::Uuid;

use super::bundle::{Outgoing, bundle};
use super::channel::Channel;
use super::config::RedisConfig;
use super::interest::Interest;
use super::ring::{Origin, from_ring, to_ring, watermark_to_ring};
use super::{Bus, Listener, UserChange};
use crate::domain::event::{Event, Watermark};
use crate::domain::ids::{SessionId, UserId};

/// Channels named in one SUBSCRIBE.
const SUBSCRIBE_BATCH: usize = 1_000;
/// Rings sent in one pipeline.
const RING_BATCH: usize = 256;
/// First and longest pause before connecting again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

#[derive(Debug)]
struct Shared {
    config: RedisConfig,
    servers: Servers,
    /// What tells our own rings.
    origin: u64,
    interest: Mutex<Interest>,
    changed: Notify,
    healthy: AtomicBool,
    /// How often nothing was heard although the connection was open.
    silences: AtomicU64,
}

/// The handle that rings and counts interest. When the last one drops, the queued rings leave and the sender ends.
#[derive(Debug)]
pub struct RedisBus {
    shared: Arc<Shared>,
    rings: mpsc::Sender<Outgoing>,
}

/// The two tasks behind a [`RedisBus`], not yet running.
#[derive(Debug)]
pub struct Driver {
    shared: Arc<Shared>,
    rings: mpsc::Sender<Outgoing>,
    outgoing: mpsc::Receiver<Outgoing>,
}

impl RedisBus {
    /// A bus, and the driver that is to be started once there is a listener.
    ///
    /// # Errors
    /// [`BadUrl`]. A Redis that does not answer is no error: it is tried again for ever.
    pub fn new(config: RedisConfig) -> Result<(Self, Driver), BadUrl> {
        let servers = Servers::parse(config.url.expose_secret())?;
        let mut interest = Interest::new(config.linger);
        interest.join(Channel::Own);
        interest.join(Channel::Accounts);
        let (rings, outgoing) = mpsc::channel(config.queue);
        let shared = Arc::new(Shared {
            config,
            servers,
            origin: Uuid::new_v4().as_u64_pair().0,
            interest: Mutex::new(interest),
            changed: Notify::new(),
            healthy: AtomicBool::new(false),
            silences: AtomicU64::new(0),
        });
        let driver = Driver { shared: Arc::clone(&shared), rings: rings.clone(), outgoing };
        Ok((Self { shared, rings }, driver))
    }
}

impl RedisBus {
    fn enqueue(&self, channels: &[Channel], ring: &Ring, span: &Span) {
        let ring = Bytes::from(ring.encode_to_vec());
        for channel in channels {
            let outgoing = Outgoing { channel: *channel, ring: ring.clone(), span: span.clone() };
            if let Err(refused) = self.rings.try_send(outgoing) {
                dropped(std::slice::from_ref(&refused.into_inner()));
            }
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
        if self.shared.interest().join(channel) {
            self.shared.changed.notify_one();
        }
    }

    fn leave(&self, channel: Channel) {
        self.shared.interest().leave(channel, Instant::now());
    }

    fn is_healthy(&self) -> bool {
        self.shared.healthy.load(Ordering::Relaxed)
    }
}

impl Driver {
    /// Starts to ring and to listen, until the stop.
    pub fn start(self, listener: Arc<dyn Listener>, tasks: &Tasks) {
        tasks.spawn_essential("redis rings", send_rings(Arc::clone(&self.shared), self.outgoing));
        let stop = tasks.stop().clone();
        tasks.spawn_essential("redis subscriptions", listen(self.shared, self.rings, listener, stop));
    }
}

impl Shared {
    fn interest(&self) -> MutexGuard<'_, Interest> {
        self.interest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self, channel: Channel) -> String {
        channel.name(&self.config.prefix, &self.config.node)
    }

    fn set_healthy(&self, healthy: bool) {
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

fn dropped(rings: &[Outgoing]) {
    metrics::counter!("gateway_rings_dropped_total").increment(rings.len() as u64);
    for ring in rings {
        ring.span.record("otel.status_code", "ERROR");
    }
}

/// Sends rings in pipelines until every handle is gone. Without a connection they are dropped: late rings are noise.
///
/// After a silence the rings take another connection too: perhaps not the subscriptions' server is cut off, but this one.
async fn send_rings(shared: Arc<Shared>, mut outgoing: mpsc::Receiver<Outgoing>) {
    let mut batch = Vec::with_capacity(RING_BATCH);
    let mut connection = None;
    let mut retry_at = Instant::now();
    let mut silences = 0;
    while outgoing.recv_many(&mut batch, RING_BATCH).await > 0 {
        let known = std::mem::replace(&mut silences, shared.silences.load(Ordering::Relaxed));
        if silences != known {
            connection = None;
        }
        if connection.is_none() && Instant::now() >= retry_at {
            connection = shared.servers.connect_any(shared.config.timeout).await.ok();
            retry_at = Instant::now() + BACKOFF.1;
        }
        let sent = match &mut connection {
            Some(connection) => send_batch(&shared, connection, &batch).await,
            None => false,
        };
        if !sent {
            connection = None;
            dropped(&batch);
        }
        batch.clear();
    }
}

async fn send_batch(shared: &Shared, connection: &mut MultiplexedConnection, batch: &[Outgoing]) -> bool {
    let mut pipeline = redis::pipe();
    for (channel, rings) in bundle(batch) {
        pipeline.cmd("PUBLISH").arg(shared.name(channel)).arg(&*rings).ignore();
    }
    match pipeline.exec_async(connection).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, rings = batch.len(), "rings were not sent");
            false
        }
    }
}

/// Keeps the subscriptions alive until the stop.
async fn listen(
    shared: Arc<Shared>,
    rings: mpsc::Sender<Outgoing>,
    listener: Arc<dyn Listener>,
    stop: CancellationToken,
) {
    let mut pause = BACKOFF.0;
    loop {
        let started = Instant::now();
        tokio::select! {
            () = stop.cancelled() => return,
            result = subscription(&shared, &rings, &listener) => {
                if let Err(error) = result {
                    tracing::warn!(%error, "redis subscriptions broke");
                }
            }
        }
        shared.set_healthy(false);
        listener.interrupted();
        pause = if started.elapsed() > BACKOFF.1 { BACKOFF.0 } else { (pause * 2).min(BACKOFF.1) };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// What the connection's own task tells the supervising one.
#[derive(Debug)]
struct Heard {
    last: Mutex<Instant>,
    broken: CancellationToken,
}

/// One connection's life: subscribe to everything, then to what changes, until it breaks or falls silent.
async fn subscription(
    shared: &Arc<Shared>,
    rings: &mpsc::Sender<Outgoing>,
    listener: &Arc<dyn Listener>,
) -> redis::RedisResult<()> {
    let heard = Arc::new(Heard { last: Mutex::new(Instant::now()), broken: CancellationToken::new() });
    let settings = AsyncConnectionConfig::new().set_push_sender(receiver(shared, listener, &heard));
    let mut connection = shared.servers.connect(settings, shared.config.timeout).await?;
    let channels = shared.interest().all();
    subscribe(shared, &mut connection, &channels).await?;
    let mut heartbeat = interval(shared.config.heartbeat);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = heard.broken.cancelled() => return Ok(()),
            () = shared.changed.notified() => {}
            _ = heartbeat.tick() => {
                if heard.silence() > shared.config.silence {
                    tracing::warn!("redis does not echo");
                    shared.silences.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                let echo = Outgoing { channel: Channel::Own, ring: Bytes::new(), span: Span::none() };
                if let Err(refused) = rings.try_send(echo) {
                    dropped(std::slice::from_ref(&refused.into_inner()));
                }
            }
        }
        let (fresh, faded) = {
            let mut interest = shared.interest();
            (interest.take_fresh(), interest.take_faded(Instant::now()))
        };
        subscribe(shared, &mut connection, &fresh).await?;
        unsubscribe(shared, &mut connection, &faded).await?;
    }
}

impl Heard {
    fn silence(&self) -> Duration {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    fn now(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

async fn subscribe(
    shared: &Shared,
    connection: &mut MultiplexedConnection,
    channels: &[Channel],
) -> redis::RedisResult<()> {
    for names in batches(shared, channels) {
        connection.subscribe(&names).await?;
    }
    Ok(())
}

async fn unsubscribe(
    shared: &Shared,
    connection: &mut MultiplexedConnection,
    channels: &[Channel],
) -> redis::RedisResult<()> {
    for names in batches(shared, channels) {
        connection.unsubscribe(&names).await?;
    }
    Ok(())
}

/// The channels' names, as many at a time as one command carries.
fn batches(shared: &Shared, channels: &[Channel]) -> impl Iterator<Item = Vec<String>> {
    channels.chunks(SUBSCRIBE_BATCH).map(|batch| batch.iter().map(|channel| shared.name(*channel)).collect())
}

/// Called inline by the connection for everything that Redis pushes; must only sort and hand on.
fn receiver(
    shared: &Arc<Shared>,
    listener: &Arc<dyn Listener>,
    heard: &Arc<Heard>,
) -> impl Fn(PushInfo) -> Result<(), redis::aio::SendError> + Send + Sync + 'static {
    let (shared, listener, heard) = (Arc::clone(shared), Arc::clone(listener), Arc::clone(heard));
    let own = shared.name(Channel::Own);
    let accounts = shared.name(Channel::Accounts);
    move |push| {
        match (push.kind, push.data.as_slice()) {
            (PushKind::Disconnection, _) => heard.broken.cancel(),
            (PushKind::Message, [Value::BulkString(channel), Value::BulkString(payload)]) => {
                if *channel == own.as_bytes() {
                    heard.now();
                    shared.set_healthy(true);
                } else if *channel == accounts.as_bytes() {
                    hand_on(UserChanged::decode(payload.as_slice()), |change| {
                        listener.user_changed(user_change(&change));
                    });
                } else if !is_of(shared.origin, payload) {
                    hand_on(Ring::decode(payload.as_slice()), |ring| rang(&*listener, ring));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn user_change(change: &UserChanged) -> UserChange {
    let session = |id: &Vec<u8>| Uuid::from_slice(id).ok().map(SessionId);
    UserChange {
        user: UserId(change.user_id),
        removed: change.kind() == Kind::Removed,
        ended: change.ended_session_ids.iter().filter_map(session).collect(),
    }
}

/// Whether a ring comes from this process, which has told its own sockets already.
fn is_of(origin: u64, payload: &[u8]) -> bool {
    Origin::decode(payload).is_ok_and(|ring| ring.origin == origin)
}

fn rang(listener: &dyn Listener, mut ring: Ring) {
    let more = std::mem::take(&mut ring.more);
    for mut ring in std::iter::once(ring).chain(more) {
        let trace = std::mem::take(&mut ring.traceparent);
        listener.rang(from_ring(ring), (!trace.is_empty()).then(|| trace.into()));
    }
}

/// A payload that cannot be read is not ours; whatever it was, the log has the truth.
fn hand_on<T>(decoded: Result<T, prost::DecodeError>, to: impl FnOnce(T)) {
    match decoded {
        Ok(message) => to(message),
        Err(_) => metrics::counter!("gateway_rings_unreadable_total").increment(1),
    }
}
