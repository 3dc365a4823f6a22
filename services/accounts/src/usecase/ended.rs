//! The log of ended sessions: told to those who follow it, and forgotten in the end.

use std::time::Duration;

use jiff::Timestamp;
use messenger_chassis::lifecycle::Tasks;
use tokio::time::MissedTickBehavior;

use super::Accounts;
use crate::domain::{ENDED_PAGE, EndedCursor, EndedPage, Error};

/// How far the clocks of a gateway and of accounts may be apart, with what a gateway allows of its own.
const LEEWAY: Duration = Duration::from_mins(2);
/// How much longer than anybody asks for it the log is kept.
const KEPT_LONGER: Duration = Duration::from_mins(10);
/// Rows of one statement of the housekeeping.
const BATCH: u16 = 1_000;

impl Accounts {
    /// A page of the log from `cursor` on: sessions whose tokens could still be taken for valid.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn ended_sessions(&self, cursor: EndedCursor) -> Result<EndedPage, Error> {
        let since = earlier(self.clock.now(), self.tokens.ttl() + LEEWAY);
        self.store.ended_sessions(cursor, since, ENDED_PAGE).await
    }

    /// Deletes what has expired, every `interval`, until the stop.
    pub fn keep_house(&self, interval: Duration, tasks: &Tasks) {
        let (accounts, stop) = (self.clone(), tasks.stop().clone());
        tasks.spawn_essential("housekeeping", async move {
            let mut ticks = tokio::time::interval(interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                if let Some(Err(error)) = stop.run_until_cancelled(accounts.delete_old()).await {
                    tracing::warn!(%error, "what has expired is not deleted, trying again later");
                }
            }
        });
    }

    async fn delete_old(&self) -> Result<(), Error> {
        let now = self.clock.now();
        while self.store.delete_expired_sessions(now, BATCH).await? == u64::from(BATCH) {}
        let until = earlier(now, self.tokens.ttl() + LEEWAY + KEPT_LONGER);
        while self.store.forget_ended_sessions(until, BATCH).await? == u64::from(BATCH) {}
        while self.store.delete_expired_tokens(now, BATCH).await? == u64::from(BATCH) {}
        while self.store.forget_addresses(now, BATCH).await? == u64::from(BATCH) {}
        Ok(())
    }
}

/// Saturates at the beginning of time.
fn earlier(time: Timestamp, duration: Duration) -> Timestamp {
    time.saturating_sub(duration).unwrap_or(Timestamp::MIN)
}
