//! Counts of this process, which are bounded and end with it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use quick_cache::unsync::Cache;

use super::limit::{Key, Limit};
use crate::domain::{Attempts, Outcome, Rule};

/// Things that are counted at once; beyond them those give way that were counted least.
const ENTRIES: usize = 50_000;

pub(super) struct Local(Mutex<Cache<Key, Attempts>>);

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}

impl Local {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Cache::new(ENTRIES)))
    }

    /// Waits by limit; counts when all of them are nothing.
    pub(super) fn attempt(&self, limits: &[Limit], now: i64) -> Vec<i64> {
        self.with(|counts| {
            let known = |limit: &Limit| counts.get(&limit.key()).copied().unwrap_or_default();
            let waits: Vec<_> = limits.iter().map(|limit| known(limit).wait(limit.rule(), now)).collect();
            if waits.iter().all(|wait| *wait == 0) {
                count(counts, limits, now);
            }
            waits
        })
    }

    /// Counts an attempt that was let through elsewhere.
    pub(super) fn count(&self, limits: &[Limit], now: i64) {
        self.with(|counts| count(counts, limits, now));
    }

    /// An attempt has ended so: by limit, whether that has opened a breaker.
    pub(super) fn settle(&self, limits: &[Limit], outcome: Outcome, now: i64) -> Vec<bool> {
        self.with(|counts| limits.iter().map(|limit| settle(counts, limit, outcome, now)).collect())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Cache<Key, Attempts>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn count(counts: &mut Cache<Key, Attempts>, limits: &[Limit], now: i64) {
    for limit in limits {
        let attempts = counts.get(&limit.key()).copied().unwrap_or_default();
        counts.insert(limit.key(), attempts.begun(limit.rule(), now));
    }
}

fn settle(counts: &mut Cache<Key, Attempts>, limit: &Limit, outcome: Outcome, now: i64) -> bool {
    let seen = counts.get(&limit.key()).copied();
    let is_breaker = matches!(limit.rule(), Rule::Breaker(_));
    if seen.is_none() && !is_breaker {
        return false;
    }
    let seen = seen.unwrap_or_default();
    let next = seen.ended(limit.rule(), outcome, now);
    if next == Attempts::default() {
        counts.remove(&limit.key());
    } else {
        counts.insert(limit.key(), next);
    }
    is_breaker && next.until > seen.until
}
