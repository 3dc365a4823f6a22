//! The directory over accounts' gRPC: cache in front, loader behind.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use messenger_chassis::lifecycle::Tasks;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tracing::Span;

use super::accounts::Accounts;
use super::cache::{Cache, Found};
use super::config::DirectoryConfig;
use super::loader::{self, Want};
use super::{Directory, DirectoryError, Profile};
use crate::domain::ids::UserId;

/// Looks users up at accounts and remembers them.
#[derive(Debug)]
pub struct GrpcDirectory {
    cache: Arc<Cache>,
    queue: mpsc::Sender<Want>,
    deadline: Duration,
}

/// An id that is being loaded, and what will do if it cannot be.
struct Waiting {
    id: UserId,
    stale: Option<Arc<Profile>>,
    answer: oneshot::Receiver<Option<Arc<Profile>>>,
}

impl GrpcDirectory {
    /// Starts the loader, which runs until the stop of `tasks`; afterwards only what is known already is found.
    pub fn start(accounts: Accounts, config: &DirectoryConfig, tasks: &Tasks) -> Self {
        let cache = Arc::new(Cache::new(config.cache));
        let (queue, wants) = mpsc::channel(config.cache.queue);
        loader::spawn(tasks, Arc::clone(&cache), accounts, wants, config.cache.batch);
        Self { cache, queue, deadline: config.call.deadline }
    }

    /// Sets the gauge of the users that are remembered.
    pub fn gauge(&self) -> impl Fn() + Send + Sync + 'static {
        let cache = Arc::clone(&self.cache);
        move || metrics::gauge!("gateway_directory_users").set(cache.len() as f64)
    }

    async fn find(&self, ids: &[UserId]) -> Result<HashMap<UserId, Arc<Profile>>, DirectoryError> {
        let now = Instant::now();
        let mut users = HashMap::with_capacity(ids.len());
        let mut waiting = Vec::new();
        for id in ids.iter().copied().collect::<HashSet<_>>() {
            match self.cache.look_up(id, now) {
                Found::Fresh(profile) => users.extend(profile.map(|profile| (id, profile))),
                Found::Stale(profile) => waiting.push(self.ask(id, Some(profile))),
                Found::Missing => waiting.push(self.ask(id, None)),
            }
        }
        self.wait(waiting, now, &mut users).await?;
        Ok(users)
    }

    /// Waits until those that were asked for at `now` are there, and puts them to the others.
    async fn wait(
        &self,
        waiting: Vec<Waiting>,
        now: Instant,
        users: &mut HashMap<UserId, Arc<Profile>>,
    ) -> Result<(), DirectoryError> {
        metrics::counter!("gateway_directory_asked_total").increment(waiting.len() as u64);
        for Waiting { id, stale, answer } in waiting {
            let profile = match timeout_at(now + self.deadline, answer).await {
                Ok(Ok(profile)) => profile,
                Ok(Err(_)) | Err(_) => Some(stale.ok_or(DirectoryError::Unavailable)?),
            };
            users.extend(profile.map(|profile| (id, profile)));
        }
        Ok(())
    }

    /// Queues the id. Without room the answer is dropped at once, which says that it cannot be found out.
    fn ask(&self, id: UserId, stale: Option<Arc<Profile>>) -> Waiting {
        let (sender, answer) = oneshot::channel();
        let want = Want { id, answer: Some(sender), span: Span::current() };
        if self.queue.try_send(want).is_err() {
            metrics::counter!("gateway_directory_overflow_total").increment(1);
        }
        Waiting { id, stale, answer }
    }

    /// Has an outdated user loaded, unless the queue is half full: those who wait go first.
    fn refresh(&self, id: UserId) {
        let want = Want { id, answer: None, span: Span::none() };
        let has_room = self.queue.capacity() > self.queue.max_capacity() / 2;
        if !has_room || self.queue.try_send(want).is_err() {
            self.cache.release(id);
        }
    }
}

impl Directory for GrpcDirectory {
    fn get<'a>(
        &'a self,
        ids: &'a [UserId],
    ) -> BoxFuture<'a, Result<HashMap<UserId, Arc<Profile>>, DirectoryError>> {
        Box::pin(self.find(ids))
    }

    fn peek(&self, id: UserId) -> Option<Arc<Profile>> {
        let (found, claimed) = self.cache.find_and_claim(id, Instant::now());
        if claimed {
            self.refresh(id);
        }
        match found {
            Found::Fresh(profile) => profile,
            Found::Stale(profile) => Some(profile),
            Found::Missing => None,
        }
    }

    fn invalidate(&self, id: UserId) {
        self.cache.forget(id);
    }
}
