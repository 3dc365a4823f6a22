//! A log-in that outlives its sockets: connects again with back-off, sends again what was not acknowledged,
//! re-reads what was missed, and shows nothing twice.
//!
//! One task owns the socket; the [`Session`] handle owns the task; everything that happens comes out as
//! [`Event`]s in order. Invariant: a message that [`Session::send`] took is stored at most once, because every
//! attempt carries the same `clientMessageId`, and it ends in exactly one [`Event::Sent`] or
//! [`Event::Failed`] unless the session stops first.

mod backoff;
mod line;
mod link;
mod lost;
mod outbox;
mod run;
mod seen;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use backoff::Backoff;
pub use line::{Chat, ChatLine, LineKind};
pub use link::{Gateway, Grant, Link, LogInError, Renewal};
pub(crate) use lost::Lost;

use crate::socket::{Closed, RequestError, Sender};
use crate::wire::{Request, Sent};
use outbox::Outbox;
use run::Runner;
use seen::OpenChats;

/// Limits of a session.
#[derive(Debug, Clone)]
pub struct Options {
    /// Longest wait before the first new attempt; doubles with each.
    pub backoff_base: Duration,
    /// Longest wait before any new attempt.
    pub backoff_cap: Duration,
    /// Attempts without one lasting connection after which the session stops.
    pub attempts: u32,
    /// Messages that may wait to be acknowledged.
    pub outbox: usize,
    /// Temporary refusals of one message after which it has failed.
    pub send_attempts: u32,
    /// Chats that are re-read after a reconnect; one more closes the one opened first.
    pub open_chats: usize,
    /// Newest messages of each that are re-read, 1 to 100.
    pub page: u32,
    /// Events that may wait to be taken; when they are that many the session waits.
    pub events: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backoff_base: Duration::from_millis(500),
            backoff_cap: Duration::from_secs(30),
            attempts: 1000,
            outbox: 1000,
            send_attempts: 300,
            open_chats: 32,
            page: 100,
            events: 1024,
        }
    }
}

/// What happens to a session, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The socket is open and nothing is missing any more.
    Online,
    /// There is no socket; the next attempt comes after `retry_in`.
    Offline {
        /// Why, as a phrase.
        why: String,
        /// Wait before the next attempt.
        retry_in: Duration,
    },
    /// Someone said something, or was added, or left.
    Line(ChatLine),
    /// More was said in an open chat while the session was offline than one page holds.
    Gap(Chat),
    /// A message was stored.
    Sent(Letter, Sent),
    /// A message was refused for good, with the server's words.
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
    pub chat: Chat,
    /// Its text.
    pub content: String,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// It was told to.
    Asked,
    /// The log-in is not taken any more: ask for a new one.
    LogIn(String),
    /// Trying again the same way is of no use.
    GaveUp(String),
}

/// The outbox holds as many messages as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} messages wait to be sent already")]
pub struct OutboxFull(pub usize);

/// The handle of a session; the session ends with it.
#[derive(Debug)]
pub struct Session {
    shared: Arc<Shared>,
    online: watch::Receiver<Option<Sender>>,
    stop: CancellationToken,
    task: JoinSet<()>,
    page: u32,
}

/// What the handle and the task share.
#[derive(Debug)]
struct Shared {
    user_id: i64,
    outbox: Mutex<Outbox>,
    chats: Mutex<OpenChats>,
    /// Rung when a message joins the outbox.
    posted: Notify,
    /// How many messages wait; tells a leaving session when it may go.
    waiting: watch::Sender<usize>,
}

impl Session {
    /// Starts a session with a log-in that was just granted. Must be called inside a tokio runtime. The
    /// receiver must be drained; dropping it stops the session.
    #[must_use]
    pub fn start(link: impl Link, grant: Grant, options: Options) -> (Self, mpsc::Receiver<Event>) {
        let (events, taken) = mpsc::channel(options.events);
        let (online, connected) = watch::channel(None);
        let shared = Arc::new(Shared {
            user_id: grant.user_id,
            outbox: Mutex::new(Outbox::new(options.outbox)),
            chats: Mutex::new(OpenChats::new(options.open_chats)),
            posted: Notify::new(),
            waiting: watch::Sender::new(0),
        });
        let stop = CancellationToken::new();
        let page = options.page;
        let runner = Runner::new(link, grant, Arc::clone(&shared), events, online, stop.clone(), options);
        let mut task = JoinSet::new();
        task.spawn(runner.run());
        (Self { shared, online: connected, stop, task, page }, taken)
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
    pub fn send(&self, chat: Chat, content: impl Into<String>) -> Result<Uuid, OutboxFull> {
        let letter = Letter { id: Uuid::new_v4(), chat, content: content.into() };
        let id = letter.id;
        let waiting = self.shared.outbox().post(letter)?;
        self.shared.waiting.send_replace(waiting);
        self.shared.posted.notify_one();
        Ok(id)
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

    /// A page of a chat, oldest line first. Pages count from 1, the newest.
    ///
    /// # Errors
    /// As [`Session::request`].
    pub async fn history(&self, chat: Chat, limit: u32, page: u32) -> Result<Vec<ChatLine>, RequestError> {
        let sender = self.online.borrow().clone();
        let sender = sender.ok_or_else(|| RequestError::Closed(Closed::broken("there is no connection")))?;
        let mut lines = line::read_page(&sender, chat, limit, page).await?;
        lines.reverse();
        Ok(lines)
    }

    /// Opens a chat: its newest page is read now, oldest line first, and again after every reconnect, where
    /// what is new comes as [`Event::Line`].
    ///
    /// # Errors
    /// As [`Session::request`].
    pub async fn open(&self, chat: Chat) -> Result<Vec<ChatLine>, RequestError> {
        let lines = self.history(chat, self.page, 1).await?;
        self.shared.chats().open(chat, &lines);
        Ok(lines)
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

impl Drop for Session {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Shared {
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        // Held for single calls that leave the queue whole.
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chats(&self) -> MutexGuard<'_, OpenChats> {
        self.chats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
