//! In which partitions one connection hears the replica's own rings, and since when it does not.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::partition::{Partition, Partitions};

/// What the connection's own task tells the one that supervises it.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The partitions that are subscribed to, with the time of their last sign of life.
    held: Mutex<Vec<(Partition, Instant)>>,
    /// The connection has ended.
    pub(super) broken: CancellationToken,
    /// The server has taken a partition away.
    pub(super) taken: Notify,
}

impl Heard {
    /// The partition is subscribed to.
    pub(super) fn hold(&self, partition: Partition) {
        self.forget(partition);
        self.held().push((partition, Instant::now()));
    }

    /// The partition is subscribed to no more. False: it was not.
    pub(super) fn forget(&self, partition: Partition) -> bool {
        let mut held = self.held();
        let before = held.len();
        held.retain(|(known, _)| *known != partition);
        held.len() < before
    }

    /// The own ring of the partition has come. False: the partition is not subscribed to.
    pub(super) fn echo(&self, partition: Partition) -> bool {
        let mut held = self.held();
        let known = held.iter_mut().find(|(known, _)| *known == partition);
        known.map(|(_, last)| *last = Instant::now()).is_some()
    }

    pub(super) fn partitions(&self) -> Partitions {
        self.held().iter().map(|(partition, _)| *partition).collect()
    }

    /// The longest time without a sign of life in any partition.
    pub(super) fn silence(&self) -> Duration {
        self.held().iter().map(|(_, last)| last.elapsed()).max().unwrap_or_default()
    }

    fn held(&self) -> MutexGuard<'_, Vec<(Partition, Instant)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
