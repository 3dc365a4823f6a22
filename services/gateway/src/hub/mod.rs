//! The sockets of this replica, by user.
//!
//! Knows no bus, no database and no dialect's grammar. Invariant: a socket is listed here before its handshake is
//! answered and until its [`Registration`] drops, so nothing delivered meanwhile is missed.

mod outbox;

pub use outbox::{About, Drained, Frame, Outbox, OutboxLimits};

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxBuildHasher;

use crate::dialect::Dialect;
use crate::domain::close::Close;
use crate::domain::ids::UserId;

/// Independent locks; a power of two.
const SHARDS: usize = 64;

/// By numbers that accounts counts up, so nobody can choose them to collide: a hash that withstands that would cost every
/// receiver of an event as much as the queueing.
type Shard = HashMap<UserId, Vec<Arc<Outbox>>, FxBuildHasher>;

/// Number of a socket on this replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketId(u64);

/// Who is connected here.
#[derive(Debug)]
pub struct Hub {
    shards: Vec<Mutex<Shard>>,
    limits: OutboxLimits,
    sockets_per_user: usize,
    next: AtomicU64,
}

impl Hub {
    /// An empty hub. Of more than `sockets_per_user` sockets of one user the oldest is closed.
    pub fn new(limits: OutboxLimits, sockets_per_user: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, limits, sockets_per_user, next: AtomicU64::new(0) }
    }

    /// Lists a new socket until the registration drops.
    pub fn register(self: &Arc<Self>, user: UserId, dialect: Dialect) -> Registration {
        let id = SocketId(self.next.fetch_add(1, Ordering::Relaxed));
        let outbox = Arc::new(Outbox::new(id, user, dialect, self.limits));
        let mut shard = self.shard(user);
        let sockets = shard.entry(user).or_default();
        sockets.push(Arc::clone(&outbox));
        let too_many = sockets.len().saturating_sub(self.sockets_per_user);
        sockets[..too_many].iter().for_each(|oldest| oldest.close(Close::TooManySockets));
        drop(shard);
        metrics::gauge!("gateway_sockets").increment(1);
        Registration { hub: Arc::clone(self), user, outbox }
    }

    /// Whether the user has a socket here.
    pub fn has(&self, user: UserId) -> bool {
        self.shard(user).contains_key(&user)
    }

    /// Calls `each` with every socket of the user. `each` must not block: the shard is locked.
    pub fn with_sockets(&self, user: UserId, mut each: impl FnMut(&Outbox)) {
        if let Some(sockets) = self.shard(user).get(&user) {
            sockets.iter().for_each(|outbox| each(outbox));
        }
    }

    /// Closes every socket of the user.
    pub fn close_user(&self, user: UserId, reason: Close) {
        self.with_sockets(user, |outbox| outbox.close(reason));
    }

    /// Everybody who has a socket here, each once.
    pub fn users(&self) -> Vec<UserId> {
        let locked = |shard: &Mutex<Shard>| -> Vec<_> { lock(shard).keys().copied().collect() };
        self.shards.iter().flat_map(locked).collect()
    }

    /// All sockets, for the drain.
    pub fn all(&self) -> Vec<Arc<Outbox>> {
        let locked = |shard: &Mutex<Shard>| -> Vec<_> { lock(shard).values().flatten().cloned().collect() };
        self.shards.iter().flat_map(locked).collect()
    }

    fn unregister(&self, user: UserId, id: SocketId) {
        let mut shard = self.shard(user);
        if let Some(sockets) = shard.get_mut(&user) {
            sockets.retain(|outbox| outbox.id() != id);
            if sockets.is_empty() {
                shard.remove(&user);
            }
        }
        drop(shard);
        metrics::gauge!("gateway_sockets").decrement(1);
    }

    fn shard(&self, user: UserId) -> MutexGuard<'_, Shard> {
        let index = usize::try_from(user.0.unsigned_abs() % SHARDS as u64).unwrap_or_default();
        lock(&self.shards[index])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket's place in the hub; dropping it frees the place.
#[derive(Debug)]
pub struct Registration {
    hub: Arc<Hub>,
    user: UserId,
    outbox: Arc<Outbox>,
}

impl Registration {
    /// What is to be written to the socket.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.hub.unregister(self.user, self.outbox.id());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(sockets_per_user: usize) -> Arc<Hub> {
        Arc::new(Hub::new(OutboxLimits { soft_bytes: 1 << 16, bytes: 100, frames: 10 }, sockets_per_user))
    }

    fn count(hub: &Hub, user: UserId) -> usize {
        let mut count = 0;
        hub.with_sockets(user, |_| count += 1);
        count
    }

    #[test]
    fn a_registration_ends_with_its_drop_and_frees_only_its_own_place() {
        let (hub, user) = (hub(16), UserId(7));
        let first = hub.register(user, Dialect::Seed);
        let second = hub.register(user, Dialect::Seed);
        assert_eq!(count(&hub, user), 2);
        drop(first);
        assert_eq!(count(&hub, user), 1);
        assert!(hub.has(user));
        drop(second);
        assert!(!hub.has(user));
        assert!(hub.all().is_empty());
    }

    #[test]
    fn of_too_many_sockets_the_oldest_closes() {
        let (hub, user) = (hub(2), UserId(7));
        let sockets: Vec<_> = (0..4).map(|_| hub.register(user, Dialect::Seed)).collect();
        let closed: Vec<_> = sockets.iter().map(|socket| socket.outbox().drain(&mut Vec::new())).collect();
        let (old, young) = (Drained::Closed(Close::TooManySockets), Drained::Open);
        assert_eq!(closed, [old, old, young, young]);
    }
}
