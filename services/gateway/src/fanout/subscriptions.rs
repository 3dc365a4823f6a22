//! Keeps the subscriptions of one link.
//!
//! A live TCP connection proves nothing, so the replica rings itself each second in each partition, through the normal path;
//! after [`RedisConfig::silence`](super::RedisConfig::silence) without hearing itself in one of them the link connects anew
//! and subscribes to everything again. When a slot leaves a node of a cluster, the node ends the subscriptions in it and says
//! so; the own channel of the partition is among them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisResult};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::Span;

use super::Listener;
use super::arrivals::receiver;
use super::bundle::Outgoing;
use super::channel::Channel;
use super::heard::Heard;
use super::interest::Holder;
use super::links::Server;
use super::partition::Partitions;
use super::redis::Shared;

/// Channels named in one command or pipeline.
const BATCH: usize = 1_000;
/// First and longest pause before connecting again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

#[derive(Debug, Clone, Copy)]
enum Subscribing {
    Begin,
    End,
}

/// One link's way in.
#[derive(Debug)]
pub(super) struct Subscriptions {
    pub(super) shared: Arc<Shared>,
    pub(super) server: Server,
    pub(super) holder: Holder,
    /// The partitions that are to be had here.
    pub(super) wanted: watch::Receiver<Partitions>,
    pub(super) silences: Arc<AtomicU64>,
}

impl Subscriptions {
    /// Never ends by itself: is dropped.
    pub(super) async fn keep(mut self, listener: Arc<dyn Listener>) {
        let mut pause = BACKOFF.0;
        loop {
            let started = Instant::now();
            if let Err(error) = self.once(&listener).await {
                tracing::warn!(%error, "redis subscriptions broke");
            }
            self.shared.loses(*self.wanted.borrow());
            self.shared.doubt.notify_one();
            listener.interrupted();
            pause = if started.elapsed() > BACKOFF.1 { BACKOFF.0 } else { (pause * 2).min(BACKOFF.1) };
            tokio::time::sleep(pause).await;
        }
    }

    /// One connection's life: subscribe to everything, then to what changes, until it breaks or falls silent.
    async fn once(&mut self, listener: &Arc<dyn Listener>) -> RedisResult<()> {
        let heard = Arc::new(Heard::default());
        let settings = AsyncConnectionConfig::new().set_push_sender(receiver(&self.shared, listener, &heard));
        let mut connection = self.shared.connect(&self.server, settings).await?;
        let mut changed = self.shared.changed.subscribe();
        self.wanted.mark_changed();
        let beat = self.shared.config.heartbeat;
        let mut heartbeat = interval_at(Instant::now() + beat, beat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = heard.broken.cancelled() => return Ok(()),
                () = heard.taken.notified() => {
                    self.shared.doubt.notify_one();
                    listener.interrupted();
                }
                _ = heartbeat.tick() => {
                    if heard.silence() > self.shared.config.silence {
                        tracing::warn!("redis does not echo");
                        self.silences.fetch_add(1, Ordering::Relaxed);
                        return Ok(());
                    }
                    self.ring_myself(heard.partitions());
                    self.follow_interest(&mut connection, &heard).await?;
                }
                Ok(()) = self.wanted.changed() => self.take_wanted(&mut connection, &heard).await?,
                Ok(()) = changed.changed() => self.follow_interest(&mut connection, &heard).await?,
            }
        }
    }

    fn ring_myself(&self, partitions: Partitions) {
        for partition in partitions.iter() {
            let channel = Channel::Own(partition);
            self.shared.send(Outgoing { channel, ring: Bytes::new(), span: Span::none() });
        }
    }

    /// Subscribes to all of the partitions that this link should have and has not. Those of which the server says that they
    /// are not here wait until the supervisor has looked again.
    async fn take_wanted(
        &mut self,
        connection: &mut MultiplexedConnection,
        heard: &Heard,
    ) -> RedisResult<()> {
        let wanted = *self.wanted.borrow_and_update();
        // What another link has had meanwhile is not had any more, though the server still rings for it.
        let mine = self.mine(heard.partitions());
        for partition in heard.partitions().without(mine).with(mine.without(wanted)).iter() {
            heard.forget(partition);
        }
        let gained = wanted.without(mine);
        let channels: Vec<_> = {
            let mut interests = self.shared.interests();
            gained.iter().flat_map(|partition| interests.hold(partition, self.holder)).collect()
        };
        let refused = self.tell(connection, Subscribing::Begin, &channels).await?;
        for partition in gained.without(refused).iter() {
            heard.hold(partition);
        }
        self.shared.loses(mine.without(wanted).with(refused));
        self.ring_myself(gained.without(refused));
        Ok(())
    }

    /// Those of the partitions of which this link is the holder.
    fn mine(&self, partitions: Partitions) -> Partitions {
        let mut interests = self.shared.interests();
        partitions.iter().filter(|partition| interests.held(*partition, self.holder).is_some()).collect()
    }

    /// Subscribes to what is new, and gives up what nobody wants any more.
    async fn follow_interest(
        &self,
        connection: &mut MultiplexedConnection,
        heard: &Heard,
    ) -> RedisResult<()> {
        let (mut fresh, mut faded) = (Vec::new(), Vec::new());
        let now = Instant::now();
        for partition in heard.partitions().iter() {
            if let Some(interest) = self.shared.interests().held(partition, self.holder) {
                fresh.extend(interest.take_fresh());
                faded.extend(interest.take_faded(now));
            }
        }
        let refused = self.tell(connection, Subscribing::Begin, &fresh).await?;
        for partition in refused.iter() {
            heard.forget(partition);
        }
        self.shared.loses(refused);
        // Where a slot is gone, nothing of it is left to give up.
        self.tell(connection, Subscribing::End, &faded).await.map(drop)
    }

    /// Begins or ends subscriptions. Returns the partitions of which the server says that they are not here.
    async fn tell(
        &self,
        connection: &mut MultiplexedConnection,
        what: Subscribing,
        channels: &[Channel],
    ) -> RedisResult<Partitions> {
        let layout = &self.shared.layout;
        let (sharded, plain): (Vec<Channel>, Vec<_>) =
            channels.iter().partition(|channel| layout.is_sharded(**channel));
        for channels in plain.chunks(BATCH) {
            let names: Vec<_> = channels.iter().map(|channel| layout.name(*channel)).collect();
            match what {
                Subscribing::Begin => connection.subscribe(names).await?,
                Subscribing::End => connection.unsubscribe(names).await?,
            }
        }
        let mut refused = Partitions::default();
        for channels in sharded.chunks(BATCH) {
            // One command for each channel: the driver does not count the answers of one that names several. When a node takes a
            // slot away meanwhile it counts that as an answer, too; the partition's own channel tells what became of it.
            let mut pipeline = redis::pipe();
            for channel in channels {
                pipeline.cmd(what.sharded()).arg(layout.name(*channel)).ignore();
            }
            match pipeline.exec_async(connection).await {
                Err(error) if error.is_cluster_error() => {
                    let places = self.shared.elsewhere(error).into_iter();
                    let elsewhere = places.filter_map(|place| channels.get(place));
                    refused = refused.with(elsewhere.map(|channel| layout.partition(*channel)).collect());
                }
                result => result?,
            }
        }
        Ok(refused)
    }
}

impl Subscribing {
    fn sharded(self) -> &'static str {
        match self {
            Self::Begin => "SSUBSCRIBE",
            Self::End => "SUNSUBSCRIBE",
        }
    }
}
