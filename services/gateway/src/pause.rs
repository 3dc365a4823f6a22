//! Notices that this process stood still: a frozen machine, a stopped container, a starved core.
//!
//! Meanwhile the rest went on. Nothing wrong can have been sent, because what a socket may see is decided by the log; but
//! the bus may have cut the replica off, and nobody waited for the sweep's timer. After a long pause the clients are
//! elsewhere long since, and those whose connection still stands are better off there too.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::domain::close::Close;
use crate::fanout::Listener;
use crate::hub::Hub;

/// How often the time is looked at.
const TICK: Duration = Duration::from_millis(100);

/// From when on a late tick counts.
#[derive(Debug, Clone, Copy)]
pub struct PauseLimits {
    /// The log is swept at once.
    pub short: Duration,
    /// Sockets are closed with [`Close::Restart`].
    pub long: Duration,
}

/// Watches until `stop`; `listener` is told of an interruption.
pub async fn watch(limits: PauseLimits, hub: Arc<Hub>, listener: Arc<dyn Listener>, stop: CancellationToken) {
    loop {
        let due = Instant::now() + TICK;
        if stop.run_until_cancelled(sleep(TICK)).await.is_none() {
            return;
        }
        let late = due.elapsed();
        if late < limits.short {
            continue;
        }
        metrics::counter!("gateway_pauses_total").increment(1);
        tracing::warn!(late_ms = late.as_millis(), "this process stood still");
        listener.interrupted();
        if late >= limits.long {
            hub.all().iter().for_each(|socket| socket.close(Close::Restart));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::task::{JoinSet, yield_now};
    use tokio::time::advance;
    use uuid::Uuid;

    use super::*;
    use crate::dialect::Dialect;
    use crate::domain::ids::{SessionId, UserId};
    use crate::fanout::{Rung, UserChange};
    use crate::hub::{Drained, EndedLimits, OutboxLimits};

    #[derive(Default)]
    struct Interruptions(AtomicU32);

    impl Listener for Interruptions {
        fn rang(&self, _: Rung, _: Option<Box<str>>) {}
        fn user_changed(&self, _: UserChange) {}
        fn interrupted(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_swept_after_and_a_long_one_closes_the_sockets() {
        let limits = PauseLimits { short: Duration::from_secs(2), long: Duration::from_secs(60) };
        let hub = Arc::new(Hub::new(
            OutboxLimits { bytes: 99, soft_bytes: 99, frames: 9 },
            1,
            EndedLimits::default(),
        ));
        let socket = hub.register(UserId(1), SessionId(Uuid::nil()), Dialect::V2).expect("it goes on");
        let is_closed = || matches!(socket.outbox().drain(&mut Vec::new()), Drained::Closed(Close::Restart));
        let interruptions = Arc::new(Interruptions::default());
        let stop = CancellationToken::new();
        let mut watching = JoinSet::new();
        watching.spawn(watch(limits, Arc::clone(&hub), Arc::clone(&interruptions) as Arc<_>, stop.clone()));
        let pause = async |length| {
            yield_now().await;
            advance(length).await;
            yield_now().await;
            interruptions.0.load(Ordering::Relaxed)
        };
        assert_eq!(pause(TICK).await, 0);
        assert_eq!(pause(TICK * 5).await, 0, "slow, but no pause");
        assert_eq!(pause(limits.short + TICK).await, 1);
        assert!(!is_closed());
        assert_eq!(pause(limits.long + TICK).await, 2);
        assert!(is_closed());
        stop.cancel();
        watching.join_next().await.expect("it was begun").expect("it ends with the process");
    }
}
