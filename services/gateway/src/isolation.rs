//! Notices that this replica, and not all the rest, is cut off, and sends its clients elsewhere.
//!
//! Sockets stay open while PostgreSQL or Redis is down: another replica would have nothing better to offer, and a
//! reconnection of everybody is no help. But a replica that reaches neither of them, nor accounts, is most likely the
//! one that is cut off, and its clients would hear nothing and be refused everything while all is well elsewhere. If all
//! three are down after all, clients that come back are sent away again at the pace of their own back-off.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::domain::close::Close;
use crate::hub::Hub;

/// Pause between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// What a probe may take.
const PROBE: Duration = Duration::from_millis(500);

/// Says whether something outside of this replica can be reached.
pub type Probe = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// Closes the sockets with [`Close::CutOff`] whenever no probe has reached anything for `limit`, until `stop`.
pub async fn watch(probes: Vec<Probe>, hub: Arc<Hub>, limit: Duration, stop: CancellationToken) {
    let mut reached_at = Instant::now();
    let mut is_isolated = false;
    while stop.run_until_cancelled(sleep(LOOK)).await.is_some() {
        if is_anything_reached(&probes).await {
            reached_at = Instant::now();
        }
        let was_isolated = std::mem::replace(&mut is_isolated, reached_at.elapsed() >= limit);
        if is_isolated != was_isolated {
            tracing::warn!(is_isolated, "whether anything but clients can be reached has changed");
        }
        if is_isolated {
            let sockets = hub.all();
            metrics::counter!("gateway_isolated_closes_total").increment(sockets.len() as u64);
            sockets.iter().for_each(|socket| socket.close(Close::CutOff));
        }
    }
}

/// One is enough: the rest is not asked.
async fn is_anything_reached(probes: &[Probe]) -> bool {
    for probe in probes {
        if timeout(PROBE, probe()).await == Ok(true) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::task::JoinSet;
    use uuid::Uuid;

    use super::*;
    use crate::dialect::Dialect;
    use crate::domain::ids::{SessionId, UserId};
    use crate::hub::{Drained, EndedLimits, OutboxLimits};

    const LIMIT: Duration = Duration::from_secs(5);

    fn probe(reaches: &Arc<AtomicBool>) -> Probe {
        let reaches = Arc::clone(reaches);
        Box::new(move || {
            let reached = reaches.load(Ordering::Relaxed);
            Box::pin(async move { reached })
        })
    }

    #[tokio::test(start_paused = true)]
    async fn sockets_are_closed_when_nothing_at_all_is_reached_for_a_while() {
        let reached = [true, true].map(|reached| Arc::new(AtomicBool::new(reached)));
        let hanging: Probe = Box::new(|| Box::pin(std::future::pending()));
        let probes = reached.iter().map(probe).chain([hanging]).collect();
        let hub = Arc::new(Hub::new(
            OutboxLimits { bytes: 99, soft_bytes: 99, frames: 9 },
            1,
            EndedLimits::default(),
        ));
        let socket = hub.register(UserId(1), SessionId(Uuid::nil()), Dialect::V2).expect("it goes on");
        let is_closed = || matches!(socket.outbox().drain(&mut Vec::new()), Drained::Closed(Close::CutOff));
        let stop = CancellationToken::new();
        let mut watching = JoinSet::new();
        watching.spawn(watch(probes, Arc::clone(&hub), LIMIT, stop.clone()));
        reached[0].store(false, Ordering::Relaxed);
        sleep(4 * LIMIT).await;
        assert!(!is_closed(), "one is enough");
        reached[1].store(false, Ordering::Relaxed);
        sleep(LIMIT - LOOK).await;
        assert!(!is_closed(), "not at once");
        sleep(4 * LOOK).await;
        assert!(is_closed());
        stop.cancel();
        watching.join_next().await.expect("it was begun").expect("it ends with the process");
    }
}
