//! Counts of this process, which are bounded and end with it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use quick_cache::unsync::Cache;

use super::limit::{Key, Limit};
use crate::domain::Attempts;

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

    /// Takes an attempt back; `clear` forgets the failures before it, too, where they cost waits.
    pub(super) fn settle(&self, limits: &[Limit], clear: bool) {
        self.with(|counts| {
            for limit in limits {
                let Some(attempts) = counts.get(&limit.key()).copied() else { continue };
                if clear && limit.rule().is_doubling() {
                    counts.remove(&limit.key());
                } else {
                    counts.insert(limit.key(), attempts.taken_back(limit.rule()));
                }
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut Cache<Key, Attempts>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn count(counts: &mut Cache<Key, Attempts>, limits: &[Limit], now: i64) {
    for limit in limits {
        let attempts = counts.get(&limit.key()).copied().unwrap_or_default();
        counts.insert(limit.key(), attempts.failed(limit.rule(), now));
    }
}
