//! How much a user may ask for in a while, on all sockets of this replica together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use messenger_chassis::rate::{Bucket, Rate};
use tokio::time::Instant;

use crate::domain::budget::Budget;

/// How fast each budget grows back; none is without a limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rates {
    /// Entries written.
    pub entries: Option<Rate>,
    /// Pages read.
    pub reads: Option<Rate>,
    /// Groups created.
    pub groups: Option<Rate>,
    /// Members added.
    pub members: Option<Rate>,
}

impl Rates {
    pub(super) fn of(&self, budget: Budget) -> Option<&Rate> {
        match budget {
            Budget::Entries => self.entries.as_ref(),
            Budget::Reads => self.reads.as_ref(),
            Budget::Groups => self.groups.as_ref(),
            Budget::Members => self.members.as_ref(),
        }
    }
}

/// What one user has used. The lock is the user's own, and held for a comparison of two moments.
#[derive(Debug, Default)]
pub(super) struct Allowance(Mutex<[Bucket; Budget::ALL.len()]>);

impl Allowance {
    /// Takes `units`, or says after how long there are as many.
    pub(super) fn take(&self, rate: &Rate, budget: Budget, units: u32, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets[budget as usize].take(rate, now, units)
    }

    /// Whether all has grown back, and nothing is lost when it is forgotten.
    pub(super) fn is_whole(&self, now: Instant) -> bool {
        let buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.iter().all(|bucket| bucket.is_full(now))
    }
}
