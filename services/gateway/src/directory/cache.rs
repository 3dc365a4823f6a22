//! The users that were asked for lately, bounded in number and in age.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::Counter;
use tokio::time::Instant;

use super::Profile;
use super::config::CacheLimits;
use crate::domain::ids::UserId;

/// What accounts said of an id, and when it was asked.
#[derive(Debug)]
struct Known {
    profile: Option<Arc<Profile>>,
    asked_at: Instant,
    /// Somebody who does not wait for it has asked for a newer one.
    refreshing: AtomicBool,
}

/// What the cache says of an id.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Recent enough; `None` when nobody has the id.
    Fresh(Option<Arc<Profile>>),
    /// Good enough when accounts does not answer.
    Stale(Arc<Profile>),
    /// Nothing of use.
    Missing,
}

/// How look-ups ended.
#[derive(Debug)]
struct Lookups {
    hits: Counter,
    stale: Counter,
    misses: Counter,
}

impl Lookups {
    fn register() -> Self {
        let counter =
            |result: &'static str| metrics::counter!("gateway_directory_lookups_total", "result" => result);
        Self { hits: counter("hit"), stale: counter("stale"), misses: counter("miss") }
    }

    fn count(&self, found: &Found) {
        match found {
            Found::Fresh(_) => self.hits.increment(1),
            Found::Stale(_) => self.stale.increment(1),
            Found::Missing => self.misses.increment(1),
        }
    }
}

/// The cache. One load at a time may be in flight.
#[derive(Debug)]
pub(super) struct Cache {
    limits: CacheLimits,
    lookups: Lookups,
    users: quick_cache::sync::Cache<UserId, Arc<Known>>,
    /// The ids of the load in flight that were not invalidated since it began: only these are kept when it ends.
    loading: Mutex<HashSet<UserId>>,
}

impl Cache {
    pub(super) fn new(limits: CacheLimits) -> Self {
        let users = quick_cache::sync::Cache::new(limits.entries);
        Self { limits, lookups: Lookups::register(), users, loading: Mutex::default() }
    }

    /// Users that are remembered.
    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// As [`Cache::find`], for a request: counted.
    pub(super) fn look_up(&self, id: UserId, now: Instant) -> Found {
        let found = self.find(id, now);
        self.lookups.count(&found);
        found
    }

    /// What is known of the id at `now`.
    pub(super) fn find(&self, id: UserId, now: Instant) -> Found {
        self.users.get(&id).map_or(Found::Missing, |known| self.judge(&known, now))
    }

    /// As [`Cache::find`]; true when the caller should see to it that the outdated entry is loaded again, which is said to
    /// one caller only until that load ends.
    pub(super) fn find_and_claim(&self, id: UserId, now: Instant) -> (Found, bool) {
        let known = self.users.get(&id);
        let found = known.as_ref().map_or(Found::Missing, |known| self.judge(known, now));
        self.lookups.count(&found);
        let Some(known) = known else { return (found, false) };
        let claimed = matches!(found, Found::Stale(_)) && !known.refreshing.swap(true, Ordering::Relaxed);
        (found, claimed)
    }

    /// Gives back what [`Cache::find_and_claim`] gave.
    pub(super) fn release(&self, id: UserId) {
        if let Some(known) = self.users.peek(&id) {
            known.refreshing.store(false, Ordering::Relaxed);
        }
    }

    /// Forgets an id, also what a load in flight will say of it.
    pub(super) fn forget(&self, id: UserId) {
        let mut loading = self.loading();
        loading.remove(&id);
        self.users.remove(&id);
    }

    /// These ids are being asked for.
    pub(super) fn load_begins(&self, ids: &[UserId]) {
        *self.loading() = ids.iter().copied().collect();
    }

    /// Keeps what the load that was begun at `asked_at` has found; ids that are not among `users` are nobody's.
    pub(super) fn load_ends(&self, users: &HashMap<UserId, Arc<Profile>>, asked_at: Instant) {
        for id in self.loading().drain() {
            let profile = users.get(&id).cloned();
            let known = Known { profile, asked_at, refreshing: AtomicBool::new(false) };
            self.users.insert(id, Arc::new(known));
        }
    }

    /// The load found nothing out.
    pub(super) fn load_fails(&self) {
        self.loading().drain().for_each(|id| self.release(id));
    }

    fn judge(&self, known: &Known, now: Instant) -> Found {
        let age = now.saturating_duration_since(known.asked_at);
        match &known.profile {
            None if age < self.limits.unknown => Found::Fresh(None),
            Some(profile) if age < self.limits.fresh => Found::Fresh(Some(Arc::clone(profile))),
            Some(profile) if age < self.limits.stale => Found::Stale(Arc::clone(profile)),
            _ => Found::Missing,
        }
    }

    fn loading(&self) -> MutexGuard<'_, HashSet<UserId>> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
