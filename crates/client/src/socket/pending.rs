//! Requests that wait for their reply, and the way a reply takes back to its request.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{Closed, RequestError};
use crate::wire::{Refusal, Reply, Request};

type Answer = Result<Reply, Refusal>;

/// What the senders and the reader of one socket share.
#[derive(Debug)]
pub(super) struct Shared {
    next_id: AtomicU64,
    turns: Arc<Semaphore>,
    waiting: Mutex<HashMap<u64, Waiter>>,
    closed: OnceLock<Closed>,
}

#[derive(Debug)]
struct Waiter {
    answer: oneshot::Sender<Answer>,
    /// One of the requests that may be in flight at once.
    _turn: OwnedSemaphorePermit,
}

/// A request that was handed to the socket: resolves to its reply. Dropping it forgets the reply.
#[derive(Debug)]
#[must_use = "the reply is lost when this is dropped"]
pub struct Pending<R> {
    id: u64,
    answer: oneshot::Receiver<Answer>,
    shared: Arc<Shared>,
    request: PhantomData<fn() -> R>,
}

impl Shared {
    pub(super) fn new(in_flight: usize) -> Self {
        Self {
            next_id: AtomicU64::new(1),
            turns: Arc::new(Semaphore::new(in_flight)),
            waiting: Mutex::default(),
            closed: OnceLock::new(),
        }
    }

    /// Waits for a turn; fails once the socket has closed.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, RequestError> {
        Arc::clone(&self.turns).acquire_owned().await.map_err(|_| self.gone())
    }

    /// Makes a place for the reply.
    pub(super) fn expect<R>(self: &Arc<Self>, turn: OwnedSemaphorePermit) -> Pending<R> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        let mut waiting = self.waiting();
        // Under the lock, because `close` sets the word first and then empties the map under it.
        if self.closed.get().is_none() {
            waiting.insert(id, Waiter { answer: sender, _turn: turn });
        }
        drop(waiting);
        Pending { id, answer, shared: Arc::clone(self), request: PhantomData }
    }

    /// Hands a reply to whoever waits for it; false when it was never asked for.
    pub(super) fn answer(&self, id: Option<u64>, answer: Answer) -> bool {
        let Some(id) = id.filter(|id| (1..self.next_id.load(Ordering::Relaxed)).contains(id)) else {
            return false;
        };
        // Nobody waits for it when its request was dropped: the reply came too late.
        if let Some(waiter) = self.waiting().remove(&id) {
            let _ = waiter.answer.send(answer);
        }
        true
    }

    /// Ends all waiting; later requests fail at once.
    pub(super) fn close(&self, closed: Closed) {
        let _ = self.closed.set(closed);
        self.turns.close();
        self.waiting().clear();
    }

    pub(super) fn closed(&self) -> Option<&Closed> {
        self.closed.get()
    }

    pub(super) fn gone(&self) -> RequestError {
        let closed = self.closed.get().cloned();
        RequestError::Closed(closed.unwrap_or_else(|| Closed::broken("the connection was dropped")))
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, Waiter>> {
        // The map is whole between any two statements: a panic elsewhere cannot have broken it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> Pending<R> {
    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

impl<R: Request> Future for Pending<R> {
    type Output = Result<R::Reply, RequestError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.answer).poll(context)) {
            Ok(Ok(reply)) => R::read(reply).map_err(RequestError::from),
            Ok(Err(refusal)) => Err(refusal.into()),
            Err(_) => Err(self.shared.gone()),
        })
    }
}

impl<R> Drop for Pending<R> {
    fn drop(&mut self) {
        // An answered request has left the map already.
        if !self.answer.is_terminated() {
            self.shared.waiting().remove(&self.id);
        }
    }
}
