//! Tells the other services that a user has changed: Redis publish, after the commit, with no promise.
//!
//! A notice only shortens the life of cached copies, so it never holds a request up: it goes into a bounded queue with
//! a task of its own, and when Redis is slow or gone, notices are dropped and counted.

mod publisher;

use messenger_chassis::lifecycle::Tasks;
use messenger_chassis::redis::{BadUrl, Servers};
use tokio::sync::mpsc;
use uuid::Uuid;

use self::publisher::Publisher;
use crate::domain::UserId;

/// Notices that may wait for Redis.
const QUEUE: usize = 1_024;

/// What happened to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Name or e-mail changed.
    Updated(UserId),
    /// The account was removed, and these sessions with it.
    Removed(UserId, Vec<Uuid>),
    /// These sessions ended.
    SignedOut(UserId, Vec<Uuid>),
}

/// Where notices are handed in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Notices {
    queue: Option<mpsc::Sender<Notice>>,
}

impl Notices {
    /// Notices go nowhere: no Redis is configured.
    pub fn off() -> Self {
        Self { queue: None }
    }

    /// Publishes to a server of `url` (see [`Servers::parse`]), on the channel `<prefix>:users`, from a task of its own that ends when the
    /// last copy of this handle is gone. Nothing is connected yet.
    ///
    /// # Errors
    /// [`BadUrl`].
    pub fn start(url: &str, prefix: &str, tasks: &Tasks) -> Result<Self, BadUrl> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let publisher = Publisher::new(Servers::parse(url)?, prefix);
        tasks.spawn_essential("notices", publisher.run(receiver, tasks.stop().clone()));
        Ok(Self { queue: Some(sender) })
    }

    /// Hands a notice in and returns at once.
    pub fn send(&self, notice: Notice) {
        let Some(queue) = &self.queue else { return };
        if queue.try_send(notice).is_err() {
            metrics::counter!("accounts_notices_total", "result" => "dropped").increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_and_never_waits() {
        let (sender, mut receiver) = mpsc::channel(1);
        let notices = Notices { queue: Some(sender) };
        let user = |id| UserId::new(id).unwrap();
        notices.send(Notice::Updated(user(1)));
        notices.send(Notice::Removed(user(2), Vec::new()));
        assert_eq!(receiver.try_recv().unwrap(), Notice::Updated(user(1)));
        assert!(receiver.try_recv().is_err());
    }
}
