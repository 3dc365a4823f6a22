//! From jobs to rows and back to answers.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use messenger_chassis::telemetry::{self, TRACED};
use metrics::Histogram;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tracing::{Instrument as _, Span};

use super::{Job, LaneConfig};
use crate::delivery::Delivery;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::error::GatewayError;
use crate::domain::event::{Author, Event};
use crate::domain::ids::ConversationId;
use crate::domain::reply::Receipt;
use crate::store::{Draft, Locked, Outcome, Store, StoreError};

/// Pause before a statement is tried again; doubled each time.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// How long a parked conversation waits for the right to wait. Then it looks whether its own lock is free: other
/// conversations may be stuck for longer.
const GLANCE_AFTER: Duration = Duration::from_millis(100);

/// The right to keep a connection for a lock; shared by all lanes.
pub(super) struct Waits {
    waiting: Semaphore,
    /// One look at a time for those who may not wait.
    glances: Semaphore,
}

impl Waits {
    /// `waiting` statements at once, and one that looks.
    pub(super) fn new(waiting: usize) -> Self {
        Self { waiting: Semaphore::new(waiting), glances: Semaphore::new(1) }
    }
}

/// Stores and answers.
pub(super) struct Committer {
    store: Store,
    delivery: Arc<Delivery>,
    config: LaneConfig,
    waits: Arc<Waits>,
    rows: Histogram,
    seconds: Histogram,
}

impl Committer {
    pub(super) fn new(store: Store, delivery: Arc<Delivery>, config: LaneConfig, waits: Arc<Waits>) -> Self {
        let rows = metrics::histogram!("gateway_batch_rows");
        Self { store, delivery, config, waits, rows, seconds: metrics::histogram!("gateway_send_seconds") }
    }

    /// Commits a lane's batch and returns, in order, the jobs of conversations that are locked.
    pub(super) async fn commit(&self, mut batch: Vec<Job>) -> Vec<Job> {
        batch.iter_mut().for_each(|job| job.queued = Span::none());
        self.rows.record(u32::try_from(batch.len()).unwrap_or(u32::MAX));
        self.commit_parts(batch, Locked::Skip).await
    }

    /// Commits jobs of one locked conversation, when its lock is free. Those whose time is over are refused.
    pub(super) async fn wait(&self, batch: Vec<Job>) {
        let now = Instant::now();
        let (batch, late): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|job| now < job.since + self.config.patience);
        late.into_iter().for_each(|job| job.refuse(GatewayError::Unavailable));
        self.commit_parts(batch, Locked::Wait).await;
    }

    /// A batch that the data makes impossible is halved until the bad row stands alone. What was locked in one part is
    /// not tried in a later one: it might have become free between them, and later jobs would overtake.
    async fn commit_parts(&self, batch: Vec<Job>, locked: Locked) -> Vec<Job> {
        let (mut parts, mut busy) = (vec![batch], Vec::new());
        while let Some(part) = parts.pop() {
            let mut part = set_aside(part, &mut busy);
            if part.is_empty() {
                continue;
            }
            match self.send_with_patience(&part, locked).await {
                Ok(outcomes) => busy.append(&mut self.settle(part, outcomes)),
                Err(StoreError::Data(_)) if part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    parts.push(second);
                    parts.push(part);
                }
                Err(error) => refuse(part, &error),
            }
        }
        busy
    }

    /// Tries until the database answers or the oldest send has waited long enough. Trying again is safe: every draft
    /// has an idempotency key.
    async fn send_with_patience(&self, part: &[Job], locked: Locked) -> Result<Vec<Outcome>, StoreError> {
        let drafts: Vec<_> = part.iter().map(|job| &job.draft).collect();
        // One statement serves many requests: each trace that is kept has it. They all end with it.
        let spans: Vec<_> = part.iter().filter_map(|job| statement_span(job, part.len())).collect();
        let span = spans.first().cloned().unwrap_or_else(Span::none);
        let deadline = part.first().map_or_else(Instant::now, |job| job.since) + self.config.patience;
        let mut pause = RETRY_PAUSE;
        loop {
            let result = match locked {
                Locked::Skip => self.store.send(&drafts, Locked::Skip).instrument(span.clone()).await,
                Locked::Wait => self.send_when_free(&drafts).instrument(span.clone()).await,
            };
            match result {
                Err(StoreError::Unavailable) if Instant::now() + pause < deadline => {
                    metrics::counter!("gateway_batch_retries_total").increment(1);
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                result => return result,
            }
        }
    }

    /// One attempt at a locked conversation; one that finds it locked still counts as not available.
    async fn send_when_free(&self, drafts: &[&Draft]) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = match timeout(GLANCE_AFTER, self.waits.waiting.acquire()).await {
            Ok(_right) => self.store.send(drafts, Locked::Wait).await?,
            Err(_) => {
                let _turn = self.waits.glances.acquire().await;
                self.store.send(drafts, Locked::Skip).await?
            }
        };
        if outcomes.contains(&Outcome::Busy) { Err(StoreError::Unavailable) } else { Ok(outcomes) }
    }

    /// Answers what was decided, delivers what was stored, and returns what was locked.
    fn settle(&self, part: Vec<Job>, outcomes: Vec<Outcome>) -> Vec<Job> {
        let mut busy = Vec::new();
        for (job, outcome) in part.into_iter().zip(outcomes) {
            if outcome == Outcome::Busy {
                busy.push(job);
                continue;
            }
            self.seconds.record(job.since.elapsed().as_secs_f64());
            let answer = answer(job.draft.conversation, outcome);
            let stored = answer.as_ref().ok().filter(|receipt| !receipt.duplicate).copied();
            job.results.count(&answer);
            // The socket may be gone; what is stored is delivered all the same.
            let _ = job.done.send(answer);
            if let Some(receipt) = stored {
                let trace = telemetry::traceparent(&job.span);
                self.delivery.committed(event(job.draft, job.author, receipt), trace);
            }
        }
        busy
    }
}

/// Moves jobs of conversations that are among `busy` there.
fn set_aside(part: Vec<Job>, busy: &mut Vec<Job>) -> Vec<Job> {
    if busy.is_empty() {
        return part;
    }
    let conversations: HashSet<_> = busy.iter().map(|job| job.draft.conversation).collect();
    let (mut aside, rest) = part.into_iter().partition(|job| conversations.contains(&job.draft.conversation));
    busy.append(&mut aside);
    rest
}

fn answer(conversation: ConversationId, outcome: Outcome) -> Result<Receipt, GatewayError> {
    let receipt =
        |seq, id, created_at, duplicate| Ok(Receipt { conversation, id, seq, created_at, duplicate });
    match outcome {
        Outcome::Stored { seq, id, created_at } => receipt(seq, id, created_at, false),
        Outcome::Seen { seq, id, created_at } => receipt(seq, id, created_at, true),
        Outcome::Conflict => Err(GatewayError::IdempotencyConflict),
        Outcome::NotMember => Err(GatewayError::NotMember),
        Outcome::BlockedByPeer => Err(GatewayError::CannotWrite),
        Outcome::BlockedBySender => Err(GatewayError::BlockedByYou),
        Outcome::UnknownConversation => Err(GatewayError::UnknownGroup),
        Outcome::UnknownTarget => {
            Err(GatewayError::invalid("replyTo", "must be an entry of the conversation"))
        }
        Outcome::Busy => Err(GatewayError::Unavailable),
    }
}

/// The statement as a step of the job's request, if that is traced.
fn statement_span(job: &Job, rows: usize) -> Option<Span> {
    telemetry::is_kept(&job.span).then(|| {
        tracing::info_span!(
            target: TRACED, parent: &job.span, "send_batch", otel.kind = "client", db.system.name = "postgresql",
            db.operation.name = "send_messages", db.operation.batch.size = rows, conversation = job.draft.conversation.0,
        )
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
        target: draft.target,
        body: draft.content,
        created_at: receipt.created_at,
        deleted_at: None,
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
    part.into_iter().for_each(|job| job.refuse(answer.clone()));
}
