//! A device that outlives its sockets, over `messenger.v2`: it connects again with back-off, resumes, sends again what was
//! not acknowledged, and hands out every entry of every conversation in order, once, over all its connections.
//!
//! One task owns the socket; the [`Device`] handle owns the task; everything that happens comes out as [`Event`]s in order.
//! Invariants: a message that [`Device::send`] took is stored at most once, because every attempt carries the same
//! `clientMessageId`, and ends in exactly one [`Event::Sent`] or [`Event::Failed`] unless the device stops first. The
//! entries of a conversation have no hole between them but what the user may not see.

mod asking;
pub mod logs;
mod outbox;
mod run;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use logs::State;

use crate::session::{Gateway, Grant, Link, LogInError, OutboxFull, Stopped};
use crate::socket::{Closed, ConnectError, Connection, Handshake, RequestError, Sender};
use crate::wire::Request;
use crate::wire::v2::{Entry, Hello, SUBPROTOCOL, Stored, To, Watermark};
use logs::Logs;
use outbox::Outbox;
use run::Runner;

/// Limits of a device.
#[derive(Debug, Clone)]
pub struct Options {
    /// Longest wait before the first new attempt; doubles with each.
    pub backoff_base: Duration,
    /// Longest wait before any new attempt.
    pub backoff_cap: Duration,
    /// Attempts without one lasting connection after which the device stops.
    pub attempts: u32,
    /// Messages that may wait to be acknowledged.
    pub outbox: usize,
    /// Messages that may be under way at once, to different destinations.
    pub in_flight: usize,
    /// Temporary refusals of one message after which it has failed.
    pub send_attempts: u32,
    /// How long a hole may wait to close by itself before it is pulled.
    pub patience: Duration,
    /// Entries pulled at once, 1 to 100.
    pub page: u32,
    /// Events that may wait to be taken; when they are that many the device waits.
    pub events: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backoff_base: Duration::from_millis(500),
            backoff_cap: Duration::from_secs(30),
            attempts: 1000,
            outbox: 1000,
            in_flight: 32,
            send_attempts: 300,
            patience: Duration::from_millis(300),
            page: 100,
            events: 1024,
        }
    }
}

/// What happens to a device, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A socket is open; what was missed follows.
    Connected(Hello),
    /// Nothing is missing any more.
    Online,
    /// There is no socket; the next attempt comes after `retry_in`.
    Offline {
        /// Why, as a phrase.
        why: String,
        /// Wait before the next attempt.
        retry_in: Duration,
    },
    /// The next entry of its conversation.
    Entry(Box<Entry>),
    /// The server's log is another one than before: it was restored from a backup, and what was handed out and is not in the
    /// backup is gone. Forget all of it: every entry that the user may see follows anew, and then what is new. Messages
    /// that were not acknowledged are sent again.
    Restored,
    /// The server's log of this conversation ends before what this device has handed out: it was restored from a backup.
    /// What follows begins where the server says.
    Reset(i64),
    /// Entries that the server had left out were pulled.
    Pulled(i64),
    /// A member's watermark moved.
    Watermark(Watermark),
    /// A message was stored.
    Sent(Letter, Stored),
    /// A message was refused for good, with code and words of the server.
    Failed(Letter, String),
    /// The server sent what the contract does not explain.
    Odd(String),
    /// The end; no event follows.
    Stopped(Stopped),
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The `clientMessageId` of every attempt.
    pub id: Uuid,
    /// Where it goes.
    pub to: To,
    /// Its text.
    pub content: String,
    /// The entry that it answers.
    pub reply_to: Option<u64>,
}

/// The handle of a device; the device ends with it.
#[derive(Debug)]
pub struct Device {
    shared: Arc<Shared>,
    online: watch::Receiver<Option<Sender>>,
    stop: CancellationToken,
    task: JoinSet<()>,
}

/// What the handle and the task share.
#[derive(Debug)]
struct Shared {
    user_id: i64,
    outbox: Mutex<Outbox>,
    logs: Mutex<Logs>,
    /// Rung when a message joins the outbox.
    posted: Notify,
    /// How many messages wait; tells a leaving device when it may go.
    waiting: watch::Sender<usize>,
}

/// A [`Gateway`] that is spoken to in the second dialect.
#[derive(Debug, Clone)]
pub struct SecondDialect(pub Gateway);

impl Link for SecondDialect {
    async fn log_in(&self) -> Result<Grant, LogInError> {
        self.0.log_in().await
    }

    async fn dial(&self, token: &SecretString) -> Result<Connection, ConnectError> {
        let handshake =
            Handshake::new(&self.0.url).subprotocols(&[SUBPROTOCOL])?.bearer(token.expose_secret())?;
        Connection::open_with(&handshake, &self.0.options).await
    }
}

impl Device {
    /// Starts a device with a log-in that was just granted. With an empty `state` it hears what happens from its first
    /// connection on, else it goes on from there. Must be called inside a tokio runtime. The receiver must be drained;
    /// dropping it stops the device.
    #[must_use]
    pub fn start(
        link: impl Link,
        grant: Grant,
        state: State,
        options: Options,
    ) -> (Self, mpsc::Receiver<Event>) {
        let (events, taken) = mpsc::channel(options.events);
        let (online, connected) = watch::channel(None);
        let shared = Arc::new(Shared {
            user_id: grant.user_id,
            outbox: Mutex::new(Outbox::new(options.outbox)),
            logs: Mutex::new(Logs::new(state)),
            posted: Notify::new(),
            waiting: watch::Sender::new(0),
        });
        let stop = CancellationToken::new();
        let runner = Runner::new(link, grant, Arc::clone(&shared), events, online, stop.clone(), options);
        let mut task = JoinSet::new();
        task.spawn(runner.run());
        (Self { shared, online: connected, stop, task }, taken)
    }

    /// Id of the user who is logged in.
    #[must_use]
    pub fn user_id(&self) -> i64 {
        self.shared.user_id
    }

    /// Takes a message to send, now or when there is a socket again; returns its `clientMessageId`.
    ///
    /// # Errors
    /// [`OutboxFull`] when too many wait already.
    pub fn send(&self, to: To, content: impl Into<String>) -> Result<Uuid, OutboxFull> {
        let id = Uuid::now_v7();
        self.post(Letter { id, to, content: content.into(), reply_to: None }).map(|()| id)
    }

    /// As [`Device::send`], with everything chosen by the caller. A letter that was posted before, also by another device
    /// of the user, is stored once.
    ///
    /// # Errors
    /// [`OutboxFull`] when too many wait already.
    pub fn post(&self, letter: Letter) -> Result<(), OutboxFull> {
        let waiting = self.shared.outbox().post(letter)?;
        self.shared.waiting.send_replace(waiting);
        self.shared.posted.notify_one();
        Ok(())
    }

    /// Messages that wait to be acknowledged.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.shared.outbox().len()
    }

    /// Asks over the socket there is now; nothing is sent again.
    ///
    /// # Errors
    /// [`RequestError`]; [`RequestError::Closed`] while there is no socket.
    pub async fn request<R: Request>(&self, request: &R) -> Result<R::Reply, RequestError> {
        let sender = self.online.borrow().clone();
        let sender = sender.ok_or_else(|| RequestError::Closed(Closed::broken("there is no connection")))?;
        sender.request(request).await
    }

    /// What to start from another time. Entries that have not been taken from the events yet count as handed out.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.logs().state()
    }

    /// Stops after the outbox is empty or `limit` is over; returns how many messages were not acknowledged.
    pub async fn finish(mut self, limit: Duration) -> usize {
        let mut waiting = self.shared.waiting.subscribe();
        // Both ends are fine: empty, or out of time.
        let _ = timeout(limit, waiting.wait_for(|waiting| *waiting == 0)).await;
        self.stop.cancel();
        self.task.join_next().await;
        self.shared.outbox().len()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Shared {
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        // Held for single calls that leave the queue whole.
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn logs(&self) -> MutexGuard<'_, Logs> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
