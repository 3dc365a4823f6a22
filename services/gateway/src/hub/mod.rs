//! The sockets of this replica, by user.
//!
//! Knows no bus, no database and no dialect's grammar. Invariant: a socket is listed here before its handshake is
//! answered and until its [`Registration`] drops, so nothing delivered meanwhile is missed.

mod allowance;
mod ended;
mod lease;
mod outbox;

pub use allowance::Rates;
pub use ended::EndedLimits;
pub use outbox::{About, Drained, Frame, Outbox, OutboxLimits};

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxBuildHasher;
use tokio::time::Instant;

use self::allowance::Allowance;
use self::ended::Ended;
use self::lease::Lease;
use crate::dialect::Dialect;
use crate::domain::close::Close;
use crate::domain::command::Command;
use crate::domain::ids::{SessionId, UserId};

/// Independent locks; a power of two.
const SHARDS: usize = 64;
/// Users of a shard who are remembered without a socket, because they have used up something that has not grown back:
/// who comes back at once must not find it whole. Beyond them all are forgotten.
const ABSENT_MAX: usize = 1_024;

/// By numbers that accounts counts up, so nobody can choose them to collide: a hash that withstands that would cost every
/// receiver of an event as much as the queueing.
type Users = HashMap<UserId, User, FxBuildHasher>;

#[derive(Debug, Default)]
struct Shard {
    users: Users,
    /// Those of them without a socket.
    absent: usize,
}

/// Somebody who is connected here, or was a moment ago.
#[derive(Debug, Default)]
struct User {
    sockets: Vec<Arc<Outbox>>,
    allowance: Arc<Allowance>,
}

/// Number of a socket on this replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketId(u64);

/// Who is connected here.
#[derive(Debug)]
pub struct Hub {
    shards: Vec<Mutex<Shard>>,
    limits: OutboxLimits,
    sockets_per_user: usize,
    rates: Rates,
    next: AtomicU64,
    ended: Ended,
    lease: Lease,
}

impl Hub {
    /// An empty hub. Of more than `sockets_per_user` sockets of one user the oldest is closed.
    pub fn new(limits: OutboxLimits, sockets_per_user: usize, ended: EndedLimits) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        let (rates, next) = (Rates::default(), AtomicU64::new(0));
        let (ended, lease) = (Ended::new(ended), Lease::new());
        Self { shards, limits, sockets_per_user, rates, next, ended, lease }
    }

    /// With limits of what each user may ask for; without, there are none.
    #[must_use]
    pub fn limited(self, rates: Rates) -> Self {
        Self { rates, ..self }
    }

    /// Lists a new socket of a session until the registration drops; `None` when the session has ended.
    pub fn register(
        self: &Arc<Self>,
        user: UserId,
        session: SessionId,
        dialect: Dialect,
    ) -> Option<Registration> {
        let id = SocketId(self.next.fetch_add(1, Ordering::Relaxed));
        let outbox = Arc::new(Outbox::new(id, (user, session), dialect, self.limits));
        let mut shard = self.shard(user);
        // Looked at under the lock, see `end_session`.
        if self.ended.contains(session) {
            return None;
        }
        let Shard { users, absent } = &mut *shard;
        let User { sockets, allowance } = users
            .entry(user)
            .and_modify(|known| *absent -= usize::from(known.sockets.is_empty()))
            .or_default();
        let allowance = Arc::clone(allowance);
        sockets.push(Arc::clone(&outbox));
        let too_many = sockets.len().saturating_sub(self.sockets_per_user);
        sockets[..too_many].iter().for_each(|oldest| oldest.close(Close::TooManySockets));
        drop(shard);
        metrics::gauge!("gateway_sockets").increment(1);
        Some(Registration { hub: Arc::clone(self), user, outbox, allowance })
    }

    /// Closes the sockets of a session that has ended, and lets no new one in.
    pub fn end_session(&self, user: UserId, session: SessionId) {
        // Noted first: a socket that is listed at this moment either sees the note or is found below.
        if !self.ended.note(session) {
            return;
        }
        metrics::counter!("gateway_sessions_ended_total").increment(1);
        self.with_sockets(user, |outbox| {
            if outbox.session() == session {
                outbox.close(Close::Revoked);
            }
        });
    }

    /// What is known of ended sessions may be relied on until then, or without an end.
    pub fn rely_until(&self, until: Option<Instant>) {
        self.lease.extend(until);
    }

    /// Waits while what is known of ended sessions may be outdated, because this process stood still. Not longer than a
    /// call to accounts takes.
    pub async fn is_reliable(&self) {
        self.lease.holds().await;
    }

    /// Whether the user has a socket here.
    pub fn has(&self, user: UserId) -> bool {
        self.shard(user).users.get(&user).is_some_and(|known| !known.sockets.is_empty())
    }

    /// Calls `each` with every socket of the user. `each` must not block: the shard is locked.
    pub fn with_sockets(&self, user: UserId, mut each: impl FnMut(&Outbox)) {
        if let Some(known) = self.shard(user).users.get(&user) {
            known.sockets.iter().for_each(|outbox| each(outbox));
        }
    }

    /// Closes every socket of the user.
    pub fn close_user(&self, user: UserId, reason: Close) {
        self.with_sockets(user, |outbox| outbox.close(reason));
    }

    /// All sockets, for the drain.
    pub fn all(&self) -> Vec<Arc<Outbox>> {
        let locked = |shard: &Mutex<Shard>| -> Vec<_> {
            lock(shard).users.values().flat_map(|known| &known.sockets).cloned().collect()
        };
        self.shards.iter().flat_map(locked).collect()
    }

    /// Sets the gauge of what waits to be written to all sockets. Does not keep the hub alive.
    pub fn gauge(self: &Arc<Self>) -> impl Fn() + Send + Sync + 'static {
        let hub = Arc::downgrade(self);
        let bytes = |shard: &Mutex<Shard>| -> usize {
            let shard = lock(shard);
            shard.users.values().flat_map(|known| &known.sockets).map(|outbox| outbox.bytes()).sum()
        };
        move || {
            if let Some(hub) = hub.upgrade() {
                let total: usize = hub.shards.iter().map(bytes).sum();
                metrics::gauge!("gateway_outbox_bytes").set(total as f64);
            }
        }
    }

    fn unregister(&self, user: UserId, id: SocketId) {
        let mut shard = self.shard(user);
        if let Some(known) = shard.users.get_mut(&user) {
            known.sockets.retain(|outbox| outbox.id() != id);
            if known.sockets.is_empty() {
                shard.left(user, Instant::now());
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

impl Shard {
    /// The user's last socket is gone: forgets him, or remembers what he has used up.
    fn left(&mut self, user: UserId, now: Instant) {
        if self.users.get(&user).is_some_and(|known| known.allowance.is_whole(now)) {
            self.users.remove(&user);
            return;
        }
        self.absent += 1;
        if self.absent > ABSENT_MAX {
            self.users.retain(|_, known| !known.sockets.is_empty());
            self.absent = 0;
        }
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
    allowance: Arc<Allowance>,
}

impl Registration {
    /// Takes from the user's budgets what the command costs. A gateway knows of its own sockets only: with several, a user
    /// has as much on each.
    ///
    /// # Errors
    /// There is not as much: after how long there is. Nothing is taken.
    pub fn afford(&self, command: &Command, now: Instant) -> Result<(), Duration> {
        let Some((budget, units)) = command.cost() else { return Ok(()) };
        let Some(rate) = self.hub.rates.of(budget) else { return Ok(()) };
        self.allowance.take(rate, budget, units, now).inspect_err(|_| {
            metrics::counter!("gateway_rate_limited_total", "limit" => budget.label()).increment(1);
        })
    }

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
mod tests;
