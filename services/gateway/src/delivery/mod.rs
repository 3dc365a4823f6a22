//! From the log to the sockets of this replica, in order, without holes.
//!
//! The only room that knows both hub and bus. Commits of this replica, rings of others and sweeps of the log go to
//! workers by hash of the conversation; their gates put them in order.

mod broadcast;
mod config;
mod cursor;
mod figures;
mod gate;
mod held;
mod lag;
mod log;
mod memberships;
mod sweep;
mod task;
mod track;
mod worker;

pub use config::{Bounds, DeliveryConfig, SweepConfig};

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use messenger_chassis::lifecycle::Tasks;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use crate::dialect::Dialect;
use crate::directory::{Directory, Endings};
use crate::domain::close::Close;
use crate::domain::command::Command;
use crate::domain::entry::Entry;
use crate::domain::event::{Audience, Event, Watermark};
use crate::domain::ids::{ConversationId, SessionId, UserId};
use crate::domain::sync::{Epoch, Sync};
use crate::fanout::{Bus, Channel, Listener, Rung, UserChange};
use crate::hub::{Hub, Outbox, Registration};
use crate::store::{Store, StoreError};

use cursor::Handed;
use figures::Arrival;
use memberships::{Memberships, memberships};
use worker::{Input, Worker};

/// How long a handshake waits for the first sweep of a replica that has just started.
const FIRST_SWEEP: Duration = Duration::from_secs(2);
/// How late the follower of ended sessions may be before sockets wait for it.
const LEASE_SLACK: Duration = Duration::from_secs(2);

/// What every part of the delivery needs.
pub(crate) struct Context {
    hub: Arc<Hub>,
    bus: Arc<dyn Bus>,
    store: Store,
    directory: Arc<dyn Directory>,
    log_reads: Semaphore,
    tasks: Tasks,
    /// Up to where the workers have been handed every entry; none before the first sweep.
    swept: watch::Sender<Option<(Epoch, Handed)>>,
}

/// Users whose socket is gone, on their way to a worker. A list beside the queue, because a `Drop` cannot wait for
/// room; as long as there are sockets at most.
#[derive(Debug, Default)]
pub(crate) struct Departures(Mutex<Vec<UserId>>);

impl Departures {
    fn add(&self, user: UserId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(user);
    }

    /// Removes those for whom `settle` holds.
    fn settle(&self, mut settle: impl FnMut(UserId) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|user| !settle(*user));
    }
}

struct Inlet {
    inputs: mpsc::Sender<Input>,
    departures: Arc<Departures>,
}

/// The handle of the delivery. The workers end when the last clone is gone.
pub struct Delivery {
    context: Arc<Context>,
    workers: Vec<Inlet>,
    memberships: Memberships,
    sweep_now: Arc<Notify>,
    endings_now: Arc<Notify>,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("workers", &self.workers.len()).finish_non_exhaustive()
    }
}

/// Why a socket does not take part.
#[derive(Debug, thiserror::Error)]
pub enum NotAttached {
    /// Its session has ended: the token is void.
    #[error("the session has ended")]
    SessionEnded,
    /// The log does not answer, or has not been swept yet.
    #[error("the log could not be used")]
    Unavailable(#[from] StoreError),
}

/// A socket's part in the delivery; dropping it ends the part.
#[derive(Debug)]
pub struct Attachment {
    delivery: Arc<Delivery>,
    user: UserId,
    registration: Registration,
    epoch: Epoch,
    since: Sync,
    /// Workers that know of this socket: a handshake may be given up half-way.
    told: usize,
}

impl Delivery {
    /// Starts workers and sweep.
    pub fn start(
        config: DeliveryConfig,
        hub: Arc<Hub>,
        bus: Arc<dyn Bus>,
        store: Store,
        directory: Arc<dyn Directory>,
        tasks: &Tasks,
    ) -> Arc<Self> {
        let log_reads = Semaphore::new(config.log_reads);
        let context = Arc::new(Context {
            hub,
            bus,
            store,
            directory,
            log_reads,
            tasks: tasks.clone(),
            swept: watch::Sender::new(None),
        });
        let workers: Vec<_> = (0..config.workers).map(|_| start_worker(&context, config)).collect();
        let sweep_now = Arc::new(Notify::new());
        let inputs = workers.iter().map(|worker| worker.inputs.clone()).collect();
        let stop = tasks.stop().clone();
        tasks.spawn_essential("sweep lag", lag::watch(Arc::clone(&context), stop.clone()));
        tasks.spawn_essential(
            "log sweep",
            sweep::sweep(Arc::clone(&context), inputs, config, Arc::clone(&sweep_now), stop),
        );
        let memberships = memberships(&context, tasks);
        Arc::new(Self { context, workers, memberships, sweep_now, endings_now: Arc::default() })
    }

    /// Delivers entries that this replica has just committed: here at once, elsewhere by ring. Never waits.
    pub fn committed(&self, event: Event, trace: Option<String>) {
        let arrival = Arrival::Committed(Instant::now());
        self.context.bus.ring(&channels_of(&event.entry), &event, trace.as_deref());
        self.offer(event.entry.conversation, Input::Event(Arc::new(event), arrival, trace.map(Into::into)));
    }

    /// Tells of a watermark that has moved: here at once, elsewhere by ring. Never waits.
    pub fn marked(&self, watermark: Watermark) {
        let others = match watermark.audience {
            Audience::Nobody => None,
            Audience::Peer(peer) => (peer != watermark.user).then_some(Channel::User(peer)),
            Audience::Members => Some(Channel::Conversation(watermark.mark.conversation)),
        };
        let channels: Vec<_> = std::iter::once(Channel::User(watermark.user)).chain(others).collect();
        self.context.bus.ring_watermark(&channels, &watermark);
        self.offer(watermark.mark.conversation, Input::Watermark(watermark));
    }

    /// Makes a new socket take part. Everything committed from some moment of this call on reaches the socket, and
    /// nothing older does.
    ///
    /// # Errors
    /// [`NotAttached`].
    pub async fn attach(
        self: &Arc<Self>,
        user: UserId,
        session: SessionId,
        dialect: Dialect,
    ) -> Result<Attachment, NotAttached> {
        // Read first: whoever is present by the time that the workers take this cursor over is handed what comes after.
        let (epoch, swept) = self.first_sweep().await?;
        let registered = self.context.hub.register(user, session, dialect);
        let registration = registered.ok_or(NotAttached::SessionEnded)?;
        // Another epoch closes all who are listed: who was listed after that is not to stay.
        if self.context.swept.borrow().is_none() {
            return Err(StoreError::Unavailable.into());
        }
        self.context.bus.join(Channel::User(user));
        // From here on nothing is left behind when the handshake is given up.
        let delivery = Arc::clone(self);
        let since = Sync { xid: swept.cursor, epoch: epoch.tag };
        let mut attachment = Attachment { delivery, user, registration, epoch, since, told: 0 };
        for worker in &self.workers {
            // Workers end after every attachment has.
            let _ = worker.inputs.send(Input::Present(user)).await;
            attachment.told += 1;
        }
        // Read after the workers know the user: whatever changes later comes to them as an entry.
        let memberships = self.memberships.ask((user, swept.settled)).await?;
        let recent = memberships.iter().filter(|membership| membership.is_recent);
        attachment.outbox().open_after(recent.map(|recent| (recent.conversation, recent.last_seq)));
        let mut parts: Vec<Vec<_>> = self.workers.iter().map(|_| Vec::new()).collect();
        for group in memberships.into_iter().filter(|membership| membership.is_group) {
            parts[worker_of(group.conversation, self.workers.len())].push(group);
        }
        for (worker, part) in self.workers.iter().zip(parts) {
            let (done, applied) = oneshot::channel();
            let _ = worker.inputs.send(Input::Groups(user, part, done)).await;
            let _ = applied.await;
        }
        Ok(attachment)
    }

    /// The latest cursor of the sweep. Before there is one nobody may take part: what is committed until then would be
    /// found by nobody.
    async fn first_sweep(&self) -> Result<(Epoch, Handed), StoreError> {
        let mut swept = self.context.swept.subscribe();
        let known = timeout(FIRST_SWEEP, swept.wait_for(Option::is_some)).await;
        known.ok().and_then(Result::ok).and_then(|swept| *swept).ok_or(StoreError::Unavailable)
    }

    /// Notified when a notice of an ended session may have been lost.
    pub fn endings_wanted(&self) -> Arc<Notify> {
        Arc::clone(&self.endings_now)
    }

    fn offer(&self, conversation: ConversationId, input: Input) {
        let worker = &self.workers[worker_of(conversation, self.workers.len())];
        if worker.inputs.try_send(input).is_err() {
            metrics::counter!("gateway_inputs_dropped_total").increment(1);
        }
    }
}

impl Listener for Delivery {
    fn rang(&self, rung: Rung, trace: Option<Box<str>>) {
        match rung {
            Rung::Event(event) => {
                self.offer(event.entry.conversation, Input::Event(Arc::new(event), Arrival::Rung, trace));
            }
            Rung::Head(head) => self.offer(head.conversation, Input::Head(head)),
            Rung::Watermark(watermark) => {
                self.offer(watermark.mark.conversation, Input::Watermark(watermark));
            }
        }
    }

    fn user_changed(&self, UserChange { user, removed, ended }: UserChange) {
        self.context.directory.invalidate(user);
        ended.into_iter().for_each(|session| self.ended(user, session));
        if removed {
            self.context.hub.close_user(user, Close::Revoked);
        }
    }

    fn interrupted(&self) {
        self.sweep_now.notify_one();
        self.endings_now.notify_one();
    }
}

impl Endings for Delivery {
    fn ended(&self, user: UserId, session: SessionId) {
        self.context.hub.end_session(user, session);
    }

    fn caught_up(&self, next: Option<Instant>) {
        self.context.hub.rely_until(next.map(|next| next + LEASE_SLACK));
    }
}

impl Attachment {
    /// Waits while it is not known whether the socket's session goes on: see [`Hub::is_reliable`].
    pub async fn is_reliable(&self) {
        self.delivery.context.hub.is_reliable().await;
    }

    /// What is to be written to the socket.
    pub fn outbox(&self) -> &Arc<Outbox> {
        self.registration.outbox()
    }

    /// Takes from the user's budgets what the command costs.
    ///
    /// # Errors
    /// There is not as much: after how long there is.
    pub fn afford(&self, command: &Command, now: Instant) -> Result<(), Duration> {
        self.registration.afford(command, now)
    }

    /// Every entry of an earlier transaction was committed before the socket took part; every other one comes to it.
    pub fn since(&self) -> Sync {
        self.since
    }

    /// The life of the log that the socket takes part in.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.delivery.context.bus.leave(Channel::User(self.user));
        for worker in &self.delivery.workers[..self.told] {
            worker.departures.add(self.user);
        }
    }
}

fn start_worker(context: &Arc<Context>, config: DeliveryConfig) -> Inlet {
    let (inputs, receiver) = mpsc::channel(config.queue);
    let departures = Arc::new(Departures::default());
    let (hub, bus) = (Arc::clone(&context.hub), Arc::clone(&context.bus));
    let bounds = config.bounds.of_one(config.workers);
    let worker = Worker::new(hub, bus, Arc::clone(&departures), bounds, Instant::now());
    let run = task::run(worker.sabotaged(config.sabotage), Arc::clone(context), receiver, inputs.downgrade());
    context.tasks.spawn_essential("delivery worker", run);
    Inlet { inputs, departures }
}

/// Where those listen whom an entry concerns.
fn channels_of(entry: &Entry) -> Vec<Channel> {
    let followers = match entry.dialog() {
        Some((sender, receiver)) if sender == receiver => None,
        Some((sender, _)) => Some(Channel::User(sender)),
        None => Some(Channel::Conversation(entry.conversation)),
    };
    entry.recipient.map(Channel::User).into_iter().chain(followers).collect()
}

fn worker_of(conversation: ConversationId, workers: usize) -> usize {
    usize::try_from(conversation.0.unsigned_abs() % workers as u64).unwrap_or_default()
}

#[cfg(test)]
#[path = "tests/simulation/mod.rs"]
mod simulation;
#[cfg(test)]
mod tests;
