//! Counts what may be tried only so often: log-ins that fail, above all.
//!
//! The counts are in Redis, so that all replicas share them. This process counts along and goes on alone while Redis does
//! not answer: nothing ever fails because of it. What is counted is an attempt, before anybody knows how it will end, so
//! that a thousand at once count as a thousand; a success takes its attempt back. Neither Redis nor this memory holds an
//! e-mail or an address, only hashes. Knows the rules of the domain, and nothing of passwords.

mod limit;
mod local;
mod shared;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use messenger_chassis::redis::{BadUrl, Servers};

pub use limit::{Limit, What};

use self::local::Local;
use self::shared::Shared;
use crate::domain::{Breaker, Doubling, Outcome, Rate, Rule};

/// What may be tried how often. Absent: as often as anybody likes.
#[derive(Debug, Clone, Copy)]
pub struct ThrottleConfig {
    /// Failures on one account from one address.
    pub pair: Option<Doubling>,
    /// Failures from one address, whatever the account.
    pub address: Option<Rate>,
    /// Failures on one account from addresses that are not known to be its user's.
    pub account: Option<Rate>,
    /// Failures of all log-ins together.
    pub breaker: Option<Breaker>,
    /// Refreshes from one address.
    pub refreshes: Option<Rate>,
    /// Look-ups of other users by one user.
    pub look_ups: Option<Rate>,
    /// Sign-ups from one address.
    pub sign_ups: Option<Rate>,
    /// Letters that are asked for from one address.
    pub mail_from: Option<Rate>,
    /// Letters to one user.
    pub mail_to: Option<Rate>,
    /// How long Redis may take to answer.
    pub answer: Duration,
}

/// The counts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Throttle(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    config: ThrottleConfig,
    local: Local,
    shared: Option<Shared>,
}

/// An attempt that was let through and counted as a failure.
#[derive(Debug)]
#[must_use = "how an attempt has ended has to be said"]
pub struct Attempt(Vec<Limit>);

/// An attempt that came too early. Nothing was counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Waits by what is limited, those of more than nothing.
    waits: Vec<(What, Duration)>,
}

impl Refused {
    /// When to come back.
    pub fn wait(&self) -> Duration {
        self.waits.iter().map(|(_, wait)| *wait).max().unwrap_or_default()
    }

    /// Whether an address would get in from which the user has logged in before.
    pub fn spares_known(&self) -> bool {
        self.waits.iter().all(|(what, _)| what.spares_known())
    }

    /// Counts the refusal, once it is final.
    pub fn record(&self) {
        for (what, _) in &self.waits {
            metrics::counter!("accounts_throttled_total", "limit" => what.label()).increment(1);
        }
    }
}

impl Throttle {
    /// Counts in this process alone.
    pub fn local(config: ThrottleConfig) -> Self {
        Self(Arc::new(Counts { config, local: Local::new(), shared: None }))
    }

    /// Counts in a Redis of `url` under keys that begin with `prefix`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`BadUrl`].
    pub fn shared(config: ThrottleConfig, url: &str, prefix: &str) -> Result<Self, BadUrl> {
        let shared = Shared::new(Servers::parse(url)?, prefix, config.answer);
        Ok(Self(Arc::new(Counts { config, local: Local::new(), shared: Some(shared) })))
    }

    /// The limits in force.
    pub fn config(&self) -> &ThrottleConfig {
        &self.0.config
    }

    /// Lets an attempt through, and counts it as failed under each of `limits`, or under none of them.
    ///
    /// # Errors
    /// [`Refused`]: one of them has been reached.
    pub async fn attempt(&self, limits: Vec<Limit>, now: Timestamp) -> Result<Attempt, Refused> {
        let now = now.as_millisecond();
        let counted = match &self.0.shared {
            Some(shared) if !limits.is_empty() => shared.attempt(&limits, now).await,
            _ => None,
        };
        let waits = match counted {
            Some(waits) => {
                if waits.iter().all(|wait| *wait == 0) {
                    self.0.local.count(&limits, now);
                }
                waits
            }
            None => self.0.local.attempt(&limits, now),
        };
        let waits: Vec<_> = limits.iter().zip(waits).filter(|(_, wait)| *wait > 0).collect();
        if waits.is_empty() {
            return Ok(Attempt(limits));
        }
        let millis = |wait: i64| Duration::from_millis(wait.unsigned_abs());
        Err(Refused { waits: waits.into_iter().map(|(limit, wait)| (limit.what(), millis(wait))).collect() })
    }

    /// The attempt has succeeded: waits that it has earned so far are over, and it counts as no failure.
    pub async fn succeeded(&self, attempt: Attempt, now: Timestamp) {
        self.settle(attempt.0, Outcome::Right, now).await;
    }

    /// The attempt has failed. Only a breaker has not counted it yet.
    pub async fn failed(&self, attempt: Attempt, now: Timestamp) {
        let is_breaker = |limit: &Limit| matches!(limit.rule(), Rule::Breaker(_));
        let limits = attempt.0.into_iter().filter(is_breaker).collect();
        self.settle(limits, Outcome::Wrong, now).await;
    }

    /// The attempt was neither right nor wrong: it counts nowhere.
    pub async fn take_back(&self, attempt: Attempt, now: Timestamp) {
        self.settle(attempt.0, Outcome::Neither, now).await;
    }

    async fn settle(&self, limits: Vec<Limit>, outcome: Outcome, now: Timestamp) {
        let now = now.as_millisecond();
        if limits.is_empty() {
            return;
        }
        let here = self.0.local.settle(&limits, outcome, now);
        let there = match &self.0.shared {
            Some(shared) => shared.settle(&limits, outcome, now).await,
            None => None,
        };
        if there.unwrap_or(here).contains(&true) {
            tracing::warn!(
                "too many log-ins fail: for a while nobody logs in from an address that is new to the account"
            );
        }
    }
}

#[cfg(test)]
mod tests;
