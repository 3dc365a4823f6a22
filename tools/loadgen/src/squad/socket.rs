//! One socket that is held: a light client that resumes from its last mark.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use messenger_client::device;
use messenger_client::session::Backoff;
use messenger_client::socket::{self, Handshake, LeanConnection};
use messenger_client::wire::v2::{Event, ListConversations, Resume, SUBPROTOCOL};
use messenger_client::wire::{ListLastMessage, Push};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::wire::{Dialect, Order, Place};

/// How long a socket may try to open; then it has failed.
const PATIENCE: Duration = Duration::from_secs(120);
/// Time for the first frame of a connection.
const HELLO: Duration = Duration::from_secs(10);
/// Pages of `resume` in a row.
const RESUMES: usize = 64;

/// What all sockets are to do now.
pub(super) struct Step(Task);

#[derive(Debug, Clone, Copy)]
enum Task {
    Wait,
    Open,
    Ask,
    Drop,
    Return { spread: Duration },
}

/// The word of a socket that has done what it was told.
pub(super) struct Done {
    /// How long it took; `None` when it failed.
    pub(super) took: Option<Duration>,
    /// What went wrong since the last word.
    pub(super) errors: Vec<String>,
}

pub(super) struct Socket {
    place: Place,
    dialect: Dialect,
    gate: Arc<Semaphore>,
    step: watch::Receiver<Step>,
    tell: mpsc::Sender<Done>,
    open: Option<LeanConnection>,
    /// The mark to resume from.
    sync: Option<String>,
    dropped: Instant,
    errors: Vec<String>,
}

impl Default for Step {
    fn default() -> Self {
        Self(Task::Wait)
    }
}

impl Step {
    pub(super) fn next(&mut self, order: Order) {
        self.0 = match order {
            Order::Take(_) => Task::Wait,
            Order::Open => Task::Open,
            Order::Ask => Task::Ask,
            Order::Drop => Task::Drop,
            Order::Return { spread_ms } => Task::Return { spread: Duration::from_millis(spread_ms) },
        };
    }
}

impl Socket {
    pub(super) fn new(
        place: Place,
        dialect: Dialect,
        gate: Arc<Semaphore>,
        step: watch::Receiver<Step>,
        tell: mpsc::Sender<Done>,
    ) -> Self {
        let dropped = Instant::now();
        Self { place, dialect, gate, step, tell, open: None, sync: None, dropped, errors: Vec::new() }
    }

    /// Does step after step until nobody gives any more.
    pub(super) async fn run(mut self) {
        loop {
            let told = tokio::select! {
                told = self.step.changed() => told,
                lost = lost(&mut self.open) => {
                    self.errors.push(lost);
                    self.open = None;
                    continue;
                }
            };
            if told.is_err() {
                return;
            }
            let task = self.step.borrow_and_update().0;
            let took = match self.perform(task).await {
                Ok(took) => Some(took),
                Err(error) => {
                    self.errors.push(format!("{error:#}"));
                    None
                }
            };
            let done = Done { took, errors: std::mem::take(&mut self.errors) };
            if self.tell.send(done).await.is_err() {
                return;
            }
        }
    }

    async fn perform(&mut self, task: Task) -> Result<Duration> {
        let started = Instant::now();
        let gate = Arc::clone(&self.gate);
        match task {
            Task::Wait => Ok(Duration::ZERO),
            Task::Open => {
                let _turn = gate.acquire().await?;
                self.arrive(Instant::now()).await
            }
            Task::Ask => {
                let _turn = gate.acquire().await?;
                self.ask().await?;
                Ok(started.elapsed())
            }
            Task::Drop => {
                self.open = None;
                self.dropped = started;
                Ok(Duration::ZERO)
            }
            Task::Return { spread } => {
                sleep(part(spread)).await;
                self.arrive(started).await?;
                Ok(self.dropped.elapsed())
            }
        }
    }

    /// Connects, again and again with a back-off; how long the attempt took that succeeded.
    async fn arrive(&mut self, since: Instant) -> Result<Duration> {
        let habits = device::Options::default();
        let mut backoff = Backoff::new(habits.backoff_base, habits.backoff_cap);
        loop {
            let started = Instant::now();
            let error = match self.connect().await {
                Ok(()) => return Ok(started.elapsed()),
                Err(error) => format!("{error:#}"),
            };
            let wait = backoff.next(Uuid::new_v4().as_u64_pair().0);
            ensure!(since.elapsed() + wait < PATIENCE, "gave up: {error}");
            self.errors.push(error);
            sleep(wait).await;
        }
    }

    async fn connect(&mut self) -> Result<()> {
        let handshake = Handshake::new(&self.place.gateway).bearer(&self.place.token)?;
        let limits = socket::Options {
            read_buffer: LeanConnection::READ_BUFFER,
            reset: true,
            ..socket::Options::default()
        };
        if self.dialect == Dialect::Documented {
            self.open = Some(LeanConnection::open(&handshake, &limits).await?);
            return Ok(());
        }
        let handshake = handshake.subprotocols(&[SUBPROTOCOL])?;
        let mut socket = LeanConnection::open(&handshake, &limits).await?;
        let sync = timeout(HELLO, hello(&mut socket)).await.context("the server does not greet")??;
        if let Some(since) = &self.sync {
            resume(&mut socket, since).await.context("resume")?;
        }
        (self.open, self.sync) = (Some(socket), Some(sync));
        Ok(())
    }

    /// Asks what a client asks first.
    async fn ask(&mut self) -> Result<()> {
        let socket = self.open.as_mut().context("not open")?;
        match self.dialect {
            Dialect::Documented => drop(socket.request(&ListLastMessage { limit: 1, page: 1 }).await?),
            Dialect::V2 => drop(socket.request(&ListConversations { limit: 1, cursor: None }).await?),
        }
        Ok(())
    }
}

/// Waits for the end of an open socket.
async fn lost(open: &mut Option<LeanConnection>) -> String {
    let Some(socket) = open else { return std::future::pending().await };
    loop {
        if let Err(closed) = socket.recv().await {
            return format!("lost: {closed}");
        }
    }
}

/// The mark to resume from another time.
async fn hello(socket: &mut LeanConnection) -> Result<String> {
    match socket.recv().await {
        Ok(Push::Event(Event::Hello(hello))) => Ok(hello.sync),
        Ok(other) => bail!("greeted with {other:?}"),
        Err(closed) => bail!("{closed}"),
    }
}

/// Asks what was missed, to the last page.
async fn resume(socket: &mut LeanConnection, since: &str) -> Result<()> {
    let mut request = Resume { since: Some(since.to_owned()), ..Resume::default() };
    for _ in 0..RESUMES {
        request.cursor = socket.request(&request).await?.cursor;
        if request.cursor.is_none() {
            return Ok(());
        }
    }
    bail!("the server has more to resume than is sensible")
}

/// A random part of a wait.
fn part(longest: Duration) -> Duration {
    Backoff::new(longest, longest).next(Uuid::new_v4().as_u64_pair().0)
}
