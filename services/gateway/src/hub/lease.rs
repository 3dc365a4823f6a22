//! For how long what is known of ended sessions may be relied on.
//!
//! Whoever follows accounts' log of them extends the lease at each turn. A process that stood still finds it run out, and
//! writes nothing to any socket before it has caught up: of what was delivered meanwhile, a session that was ended in the
//! pause sees nothing.

use tokio::sync::watch;
use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Lease(watch::Sender<Option<Instant>>);

impl Lease {
    /// One without an end: nobody follows anything.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    pub(super) fn extend(&self, until: Option<Instant>) {
        self.0.send_replace(until);
    }

    /// Ends at once while the lease holds, else with its next extension.
    pub(super) async fn holds(&self) {
        if !is_over(*self.0.borrow()) {
            return;
        }
        metrics::counter!("gateway_lease_waits_total").increment(1);
        // The sender is part of `self`, so that waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|until| !is_over(*until)).await;
    }
}

fn is_over(until: Option<Instant>) -> bool {
    until.is_some_and(|until| until <= Instant::now())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_ran_out_is_waited_for_until_it_is_extended() {
        let lease = Lease::new();
        assert!(lease.holds().now_or_never().is_some(), "nobody follows");
        lease.extend(Some(Instant::now() + SECOND));
        assert!(lease.holds().now_or_never().is_some());
        tokio::time::advance(SECOND).await;
        let mut waits = std::pin::pin!(lease.holds());
        assert!(waits.as_mut().now_or_never().is_none());
        lease.extend(Some(Instant::now() + SECOND));
        assert!(waits.now_or_never().is_some());
        lease.extend(None);
        tokio::time::advance(9 * SECOND).await;
        assert!(lease.holds().now_or_never().is_some(), "nobody follows any more");
    }
}
