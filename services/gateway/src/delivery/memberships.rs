//! What conversations a user is in, for many handshakes with one statement.
//!
//! A statement reads for all who have come while the one before was under way. So a crowd that comes back costs the
//! database little more than one of them, takes no connection from the lanes, and no client that gives up half-way takes
//! a connection along.

use std::sync::Arc;

use messenger_chassis::lifecycle::Tasks;
use tokio::sync::{mpsc, oneshot};

use super::Context;
use crate::domain::ids::{UserId, Xid};
use crate::store::{Membership, Store, StoreError};

/// Handshakes that one statement reads for, and as many that queue for the next one; those beyond wait for room.
const BATCH: usize = 256;

type Answer = Result<Vec<Membership>, StoreError>;

struct Question {
    user: UserId,
    since: Xid,
    answer: oneshot::Sender<Answer>,
}

/// The handle that asks. The reader ends with the last one.
pub(super) struct Memberships(mpsc::Sender<Question>);

impl Memberships {
    /// Starts the reader.
    pub(super) fn start(context: &Arc<Context>, tasks: &Tasks) -> Self {
        let (questions, queue) = mpsc::channel(BATCH);
        tasks.spawn_essential("memberships", answer_all(Arc::clone(context), queue));
        Self(questions)
    }

    /// The user's groups, and the dialogs with entries of the transaction `since` or later, at some moment of this call.
    /// It may name dialogs that have rested for a while longer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn of(&self, user: UserId, since: Xid) -> Answer {
        let (answer, answered) = oneshot::channel();
        // The reader ends only after whoever asks. Should it have failed, nobody answers either.
        let _ = self.0.send(Question { user, since, answer }).await;
        answered.await.unwrap_or(Err(StoreError::Unavailable))
    }
}

async fn answer_all(context: Arc<Context>, mut queue: mpsc::Receiver<Question>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        batch.retain(|question| !question.answer.is_closed());
        answer(&context.store, &mut batch).await;
    }
}

async fn answer(store: &Store, batch: &mut Vec<Question>) {
    let Some(since) = batch.iter().map(|question| question.since).min() else { return };
    let users: Vec<_> = batch.iter().map(|question| question.user).collect();
    // A client that has left meanwhile is owed nothing.
    match store.conversations_of(&users, since).await {
        Ok(all) => {
            for (question, memberships) in batch.drain(..).zip(all) {
                let _ = question.answer.send(Ok(memberships));
            }
        }
        Err(error) => {
            for question in batch.drain(..) {
                let _ = question.answer.send(Err(error.clone()));
            }
        }
    }
}
