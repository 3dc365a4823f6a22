//! Group commit: sends of many sockets share one statement.
//!
//! A lane takes whatever queued while its previous statement was in flight. No timer is needed: an idle lane commits
//! at once, a busy one in large batches. A conversation always takes the same lane, so the order of enqueueing is the
//! order in the log. Invariant: a send is answered after its commit, never before.

use std::sync::Arc;
use std::time::Duration;

use messenger_chassis::lifecycle::Tasks;
use messenger_chassis::telemetry;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use crate::delivery::Delivery;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::error::GatewayError;
use crate::domain::event::{Author, Event};
use crate::domain::ids::ConversationId;
use crate::domain::reply::Receipt;
use crate::store::{Draft, Outcome, Store, StoreError};

/// Pause before a statement is tried again; doubled each time.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Sizes of the lanes.
#[derive(Debug, Clone, Copy)]
pub struct LaneConfig {
    /// Lanes; each has at most one statement in flight.
    pub lanes: usize,
    /// Sends that may wait in one lane; more are refused as [`GatewayError::Unavailable`].
    pub queue: usize,
    /// Rows of one statement at most.
    pub batch: usize,
    /// How long a send may wait for the database before it is refused.
    pub patience: Duration,
}

/// What a send is answered with, after its commit.
pub type Answer = Result<Receipt, GatewayError>;

struct Job {
    draft: Draft,
    author: Author,
    done: oneshot::Sender<Answer>,
    since: Instant,
    span: Span,
}

/// The handle that enqueues. The lanes finish their queues and end when the last clone is gone.
#[derive(Debug, Clone)]
pub struct Lanes {
    queues: Arc<[mpsc::Sender<Job>]>,
}

struct Lane {
    store: Store,
    delivery: Arc<Delivery>,
    config: LaneConfig,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("conversation", &self.draft.conversation).finish_non_exhaustive()
    }
}

impl Lanes {
    /// Starts the lanes.
    pub fn start(config: LaneConfig, store: &Store, delivery: &Arc<Delivery>, tasks: &Tasks) -> Self {
        let start_lane = |_| {
            let (queue, jobs) = mpsc::channel(config.queue);
            let lane = Lane { store: store.clone(), delivery: Arc::clone(delivery), config };
            tasks.spawn_essential("lane", lane.run(jobs));
            queue
        };
        Self { queues: (0..config.lanes).map(start_lane).collect() }
    }

    /// Enqueues a message; the receiver has the answer after the commit. Never waits.
    ///
    /// # Errors
    /// [`GatewayError::Unavailable`] when the lane is full.
    pub fn submit(&self, draft: Draft, author: Author) -> Result<oneshot::Receiver<Answer>, GatewayError> {
        let (done, answer) = oneshot::channel();
        let lane = &self.queues[lane_of(draft.conversation, self.queues.len())];
        let job = Job { draft, author, done, since: Instant::now(), span: Span::current() };
        lane.try_send(job).map_err(|_| {
            metrics::counter!("gateway_sends_refused_total").increment(1);
            GatewayError::Unavailable
        })?;
        Ok(answer)
    }
}

impl Lane {
    async fn run(self, mut jobs: mpsc::Receiver<Job>) {
        let mut batch = Vec::with_capacity(self.config.batch);
        while jobs.recv_many(&mut batch, self.config.batch).await > 0 {
            metrics::histogram!("gateway_batch_rows").record(u32::try_from(batch.len()).unwrap_or(u32::MAX));
            self.commit(std::mem::take(&mut batch)).await;
            batch.reserve(self.config.batch);
        }
    }

    /// Commits a batch. One that the data makes impossible is halved until the bad row stands alone.
    async fn commit(&self, batch: Vec<Job>) {
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            match self.send_with_patience(&part).await {
                Ok(outcomes) => self.settle(part, outcomes),
                Err(StoreError::Data(_)) if part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    parts.push(second);
                    parts.push(part);
                }
                Err(error) => refuse(part, &error),
            }
        }
    }

    /// Tries until the database answers or the oldest send has waited long enough. Trying again is safe: every draft
    /// has an idempotency key.
    async fn send_with_patience(&self, part: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        let drafts: Vec<_> = part.iter().map(|job| &job.draft).collect();
        let span = statement_span(part);
        let deadline = part.first().map_or_else(Instant::now, |job| job.since) + self.config.patience;
        let mut pause = RETRY_PAUSE;
        loop {
            match self.store.send_batch(&drafts).instrument(span.clone()).await {
                Err(StoreError::Unavailable) if Instant::now() + pause < deadline => {
                    metrics::counter!("gateway_batch_retries_total").increment(1);
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                result => return result,
            }
        }
    }

    fn settle(&self, part: Vec<Job>, outcomes: Vec<Outcome>) {
        for (job, outcome) in part.into_iter().zip(outcomes) {
            metrics::histogram!("gateway_send_seconds").record(job.since.elapsed().as_secs_f64());
            let receipt = |(seq, id, created_at), duplicate| {
                Ok(Receipt { conversation: job.draft.conversation, id, seq, created_at, duplicate })
            };
            let answer = match outcome {
                Outcome::Stored { seq, id, created_at } => receipt((seq, id, created_at), false),
                Outcome::Seen { seq, id, created_at } => receipt((seq, id, created_at), true),
                Outcome::Conflict => Err(GatewayError::IdempotencyConflict),
                Outcome::NotMember => Err(GatewayError::NotMember),
                Outcome::UnknownConversation => Err(GatewayError::UnknownGroup),
            };
            let stored = answer.as_ref().ok().filter(|receipt| !receipt.duplicate).copied();
            // The socket may be gone; what is stored is delivered all the same.
            let _ = job.done.send(answer);
            if let Some(receipt) = stored {
                let trace = telemetry::traceparent(&job.span);
                self.delivery.committed(event(job.draft, job.author, receipt), trace);
            }
        }
    }
}

/// The statement's span belongs to the first traced request of the batch; one statement serves many.
fn statement_span(part: &[Job]) -> Span {
    let traced = part.iter().find(|job| !job.span.is_disabled());
    traced.map_or_else(Span::none, |job| {
        tracing::info_span!(parent: &job.span, "send_batch", otel.kind = "client", db.system = "postgresql", rows = part.len())
    })
}

fn event(draft: Draft, author: Author, receipt: Receipt) -> Event {
    let entry = Entry {
        conversation: receipt.conversation,
        seq: receipt.seq,
        id: receipt.id,
        uuid: draft.uuid,
        kind: EntryKind::Message,
        sender: draft.sender,
        recipient: draft.recipient,
        client_id: draft.client_id,
        target: None,
        body: draft.content,
        created_at: receipt.created_at,
    };
    Event { entry, author, subject: Author::default() }
}

fn refuse(part: Vec<Job>, error: &StoreError) {
    tracing::error!(%error, sends = part.len(), "a batch was not stored");
    let answer = match error {
        StoreError::Unavailable => GatewayError::Unavailable,
        StoreError::Data(_) => GatewayError::invalid("content", "cannot be stored"),
        StoreError::Internal => GatewayError::Internal,
    };
    for job in part {
        let _ = job.done.send(Err(answer.clone()));
    }
}

fn lane_of(conversation: ConversationId, lanes: usize) -> usize {
    usize::try_from(conversation.0.unsigned_abs() % lanes as u64).unwrap_or_default()
}
