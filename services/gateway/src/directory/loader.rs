//! The one task that asks accounts for users: it takes all ids that have queued while its previous call was in flight.
//!
//! That is low latency for a single id when nothing else is asked, and few calls under load, without a timer.

use std::collections::HashMap;
use std::sync::Arc;

use messenger_chassis::lifecycle::Tasks;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use super::Profile;
use super::accounts::{Accounts, CallError};
use super::cache::{Cache, Found};
use crate::domain::ids::UserId;

/// Says who has the id; dropped without a word when that cannot be found out.
type Answer = oneshot::Sender<Option<Arc<Profile>>>;

/// An id to be loaded.
#[derive(Debug)]
pub(super) struct Want {
    pub(super) id: UserId,
    /// Who waits for it; `None` for a refresh of the cache.
    pub(super) answer: Option<Answer>,
    /// The request that caused it.
    pub(super) span: Span,
}

/// Runs the loader until the stop; a call that is in flight then is finished.
pub(super) fn spawn(
    tasks: &Tasks,
    cache: Arc<Cache>,
    accounts: Accounts,
    mut queue: mpsc::Receiver<Want>,
    batch: usize,
) {
    let stop = tasks.stop().clone();
    tasks.spawn_essential("directory", async move {
        let mut wants = Vec::with_capacity(batch);
        loop {
            let taken = tokio::select! {
                biased;
                () = stop.cancelled() => 0,
                taken = queue.recv_many(&mut wants, batch) => taken,
            };
            if taken == 0 {
                return;
            }
            load(&cache, &accounts, wants.drain(..)).await;
        }
    });
}

async fn load(cache: &Cache, accounts: &Accounts, wants: impl Iterator<Item = Want>) {
    let now = Instant::now();
    let mut waiting: HashMap<UserId, Vec<Answer>> = HashMap::new();
    let mut cause = Span::none();
    for want in wants.filter(|want| !want.answer.as_ref().is_some_and(Answer::is_closed)) {
        match cache.find(want.id, now) {
            // Loaded by the call before, while this one waited.
            Found::Fresh(profile) => answer(want.answer, profile.as_ref()),
            Found::Stale(_) | Found::Missing => {
                waiting.entry(want.id).or_default().extend(want.answer);
                cause = want.span;
            }
        }
    }
    if waiting.is_empty() {
        return;
    }
    let ids: Vec<UserId> = waiting.keys().copied().collect();
    let span =
        tracing::info_span!(parent: &cause, "accounts.GetUsers", otel.kind = "client", users = ids.len());
    cache.load_begins(&ids);
    match accounts.users(&ids).instrument(span).await {
        Ok(users) => {
            cache.load_ends(&users, now);
            for (id, answers) in waiting {
                answer(answers, users.get(&id));
            }
        }
        Err(error) => {
            cache.load_fails();
            if error != CallError::Paused {
                tracing::warn!(%error, users = ids.len(), "users were not loaded");
            }
        }
    }
}

/// Whoever does not wait any more needs no answer.
fn answer(answers: impl IntoIterator<Item = Answer>, profile: Option<&Arc<Profile>>) {
    for answer in answers {
        drop(answer.send(profile.cloned()));
    }
}
