//! Requests in flight and the order in which they are answered.
//!
//! A dialect whose answers name their request by more than their turn is answered as requests are done: a message that
//! waits for a locked conversation holds up nobody's acknowledgement but its own.

use std::future::Future;
use std::pin::Pin;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesOrdered, FuturesUnordered, StreamExt as _};

use crate::dialect::{Dialect, Tag};
use crate::domain::error::GatewayError;
use crate::domain::reply::Reply;

/// An outcome with the tag of its request.
pub(super) type Done = (Tag, Result<Reply, GatewayError>);
type Pending = Pin<Box<dyn Future<Output = Done> + Send>>;

/// Replies in flight.
pub(super) enum Replies {
    /// The seed dialect has always answered in the order of the requests, and its clients may count on it.
    InOrder(FuturesOrdered<Pending>),
    /// Every answer bears the `requestId`.
    AsDone(FuturesUnordered<Pending>),
}

impl Replies {
    pub(super) fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Seed => Self::InOrder(FuturesOrdered::new()),
            Dialect::V2 => Self::AsDone(FuturesUnordered::new()),
        }
    }

    pub(super) fn push(&mut self, pending: impl Future<Output = Done> + Send + 'static) {
        match self {
            Self::InOrder(replies) => replies.push_back(Box::pin(pending)),
            Self::AsDone(replies) => replies.push(Box::pin(pending)),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::InOrder(replies) => replies.len(),
            Self::AsDone(replies) => replies.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next one; `None` when none is in flight. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Done> {
        match self {
            Self::InOrder(replies) => replies.next().await,
            Self::AsDone(replies) => replies.next().await,
        }
    }

    /// The next one, if there is one now.
    pub(super) fn ready(&mut self) -> Option<Done> {
        if self.is_empty() { None } else { self.next().now_or_never().flatten() }
    }
}
