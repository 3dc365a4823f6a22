//! Requests in flight and the order in which they are answered.
//!
//! A dialect whose answers name their request by more than their turn is answered as requests are done: what waits for a
//! locked conversation holds up nothing else on its socket.

use std::future::Future;
use std::pin::Pin;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesOrdered, FuturesUnordered, StreamExt as _};

use crate::dialect::{Dialect, Tag};
use crate::domain::error::GatewayError;
use crate::domain::reply::Reply;

/// An outcome with the tag of its request.
pub(super) type Done = (Tag, Result<Reply, GatewayError>);
type Pending = Pin<Box<dyn Future<Output = (Kind, Done)> + Send>>;

/// What is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A message, or an answer that needs nothing any more.
    Message,
    /// Anything else, at work.
    Request,
}

/// Replies in flight.
pub(super) struct Replies {
    pending: Pendings,
    requests: usize,
}

enum Pendings {
    /// The seed dialect has always answered in the order of the requests, and its clients may count on it.
    InOrder(FuturesOrdered<Pending>),
    /// Every answer bears the `requestId`.
    AsDone(FuturesUnordered<Pending>),
}

impl Replies {
    pub(super) fn of(dialect: Dialect) -> Self {
        let pending = match dialect {
            Dialect::Seed => Pendings::InOrder(FuturesOrdered::new()),
            Dialect::V2 => Pendings::AsDone(FuturesUnordered::new()),
        };
        Self { pending, requests: 0 }
    }

    /// Whether answers may overtake each other.
    pub(super) fn may_overtake(&self) -> bool {
        matches!(self.pending, Pendings::AsDone(_))
    }

    pub(super) fn push(&mut self, kind: Kind, pending: impl Future<Output = Done> + Send + 'static) {
        self.requests += usize::from(kind == Kind::Request);
        let pending = Box::pin(async move { (kind, pending.await) });
        match &mut self.pending {
            Pendings::InOrder(replies) => replies.push_back(pending),
            Pendings::AsDone(replies) => replies.push(pending),
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.pending {
            Pendings::InOrder(replies) => replies.len(),
            Pendings::AsDone(replies) => replies.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those of [`Kind::Request`].
    pub(super) fn requests(&self) -> usize {
        self.requests
    }

    /// The next one; `None` when none is in flight. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Done> {
        let (kind, done) = match &mut self.pending {
            Pendings::InOrder(replies) => replies.next().await,
            Pendings::AsDone(replies) => replies.next().await,
        }?;
        self.requests -= usize::from(kind == Kind::Request);
        Some(done)
    }

    /// The next one, if there is one now.
    pub(super) fn ready(&mut self) -> Option<Done> {
        if self.is_empty() { None } else { self.next().now_or_never().flatten() }
    }
}
