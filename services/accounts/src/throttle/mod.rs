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
use crate::domain::{Doubling, Rate};

/// What may be tried how often. Absent: as often as anybody likes.
#[derive(Debug, Clone, Copy)]
pub struct ThrottleConfig {
    /// Failures on one account from one address.
    pub pair: Option<Doubling>,
    /// Failures from one address, whatever the account.
    pub address: Option<Rate>,
    /// Failures on one account from addresses that are not known to be its user's.
    pub account: Option<Rate>,
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
#[must_use = "an attempt that succeeds, or is not made, has to be taken back"]
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

    /// Whether this limit alone is in the way.
    pub fn only_by(&self, what: What) -> bool {
        self.waits.iter().all(|(refused_by, _)| *refused_by == what)
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

    /// The attempt has succeeded: waits that it has earned so far are over, and it counts nowhere.
    pub async fn succeeded(&self, attempt: Attempt, now: Timestamp) {
        self.settle(&attempt, "clear", now).await;
    }

    /// The attempt was neither right nor wrong: it counts nowhere.
    pub async fn take_back(&self, attempt: Attempt, now: Timestamp) {
        self.settle(&attempt, "take back", now).await;
    }

    async fn settle(&self, attempt: &Attempt, how: &'static str, now: Timestamp) {
        let now = now.as_millisecond();
        self.0.local.settle(&attempt.0, how == "clear");
        if let Some(shared) = &self.0.shared
            && !attempt.0.is_empty()
        {
            shared.settle(&attempt.0, how, now).await;
        }
    }
}

#[cfg(test)]
mod tests;
