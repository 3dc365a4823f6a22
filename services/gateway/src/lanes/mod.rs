//! Group commit: sends of many sockets share one statement.
//!
//! A lane takes whatever queued while its previous statement was in flight. No timer is needed: an idle lane commits
//! at once, a busy one in large batches. A conversation always takes the same lane, so the order of enqueueing is the
//! order in the log. One whose row somebody else has locked is parked, and delays no other. Invariant: a send is
//! answered after its commit, never before.

mod commit;
mod lane;
mod parking;
mod results;

use std::sync::Arc;
use std::time::Duration;

use messenger_chassis::lifecycle::Tasks;
use messenger_chassis::telemetry::TRACED;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::Span;

use self::commit::{Committer, Waits};
use self::results::Results;
use crate::delivery::Delivery;
use crate::domain::error::GatewayError;
use crate::domain::event::Author;
use crate::domain::ids::ConversationId;
use crate::domain::reply::Receipt;
use crate::store::{Draft, Store};

/// Sizes of the lanes.
#[derive(Debug, Clone, Copy)]
pub struct LaneConfig {
    /// Lanes; each has at most one statement in flight, beside those that wait for locks.
    pub lanes: usize,
    /// Sends that may wait in one lane, and as many in its parked conversations; more are refused as
    /// [`GatewayError::Unavailable`].
    pub queue: usize,
    /// Rows of one statement at most.
    pub batch: usize,
    /// How long a send may wait for the database before it is refused.
    pub patience: Duration,
    /// Statements of all lanes that may wait for locked conversations at once.
    pub waits: usize,
    /// Sends that may wait for one locked conversation; more are refused.
    pub parked: usize,
}

/// What a send is answered with, after its commit.
pub type Answer = Result<Receipt, GatewayError>;

struct Job {
    draft: Draft,
    author: Author,
    done: oneshot::Sender<Answer>,
    results: Results,
    since: Instant,
    /// The request.
    span: Span,
    /// Its wait for the lane: ends when a statement takes the job.
    queued: Span,
}

/// The handle that enqueues. The lanes finish their queues and end when the last clone is gone.
#[derive(Debug, Clone)]
pub struct Lanes {
    queues: Arc<[mpsc::Sender<Job>]>,
    results: Results,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("conversation", &self.draft.conversation).finish_non_exhaustive()
    }
}

impl Job {
    /// Ends the send unsuccessfully.
    fn refuse(self, error: GatewayError) {
        self.results.count(&Err(error.clone()));
        // The socket may be gone.
        let _ = self.done.send(Err(error));
    }
}

impl Lanes {
    /// Starts the lanes.
    pub fn start(config: LaneConfig, store: &Store, delivery: &Arc<Delivery>, tasks: &Tasks) -> Self {
        let waits = Arc::new(Waits::new(config.waits));
        let start_lane = |_| {
            let (queue, jobs) = mpsc::channel(config.queue);
            let committer = Committer::new(store.clone(), Arc::clone(delivery), config, Arc::clone(&waits));
            tasks.spawn_essential("lane", async move { lane::run(&committer, config, jobs).await });
            queue
        };
        Self { queues: (0..config.lanes).map(start_lane).collect(), results: Results::register() }
    }

    /// Sets the gauge of what waits in the queues. Does not keep the lanes alive.
    pub fn gauge(&self) -> impl Fn() + Send + Sync + 'static {
        let queues: Vec<_> = self.queues.iter().map(mpsc::Sender::downgrade).collect();
        let length = |queue: mpsc::Sender<Job>| queue.max_capacity() - queue.capacity();
        move || {
            let waiting: usize = queues.iter().filter_map(mpsc::WeakSender::upgrade).map(length).sum();
            metrics::gauge!("gateway_lane_queue").set(waiting as f64);
        }
    }

    /// Enqueues a message; the receiver has the answer after the commit. Never waits.
    ///
    /// # Errors
    /// [`GatewayError::Unavailable`] when the lane is full.
    pub fn submit(&self, draft: Draft, author: Author) -> Result<oneshot::Receiver<Answer>, GatewayError> {
        let (done, answer) = oneshot::channel();
        let lane = &self.queues[lane_of(draft.conversation, self.queues.len())];
        let queued = tracing::info_span!(target: TRACED, "lane.wait", conversation = draft.conversation.0);
        let (since, span, results) = (Instant::now(), Span::current(), self.results.clone());
        let job = Job { draft, author, done, results, since, span, queued };
        lane.try_send(job).map_err(|refused| {
            metrics::counter!("gateway_sends_refused_total").increment(1);
            refused.into_inner().refuse(GatewayError::Unavailable);
            GatewayError::Unavailable
        })?;
        Ok(answer)
    }
}

fn lane_of(conversation: ConversationId, lanes: usize) -> usize {
    usize::try_from(conversation.0.unsigned_abs() % lanes as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests;
