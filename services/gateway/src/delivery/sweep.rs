//! Tails the log by transaction id, so that what no ring told is delivered all the same.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::worker::Input;
use super::{Context, worker_of};
use crate::domain::entry::Head;
use crate::domain::ids::Xid;

/// How far the cursor steps back when the database was away: a promoted standby may hand out transaction ids below
/// the old horizon once more. What is read twice dies at the gates.
const STEP_BACK: i64 = 100_000;

/// How often the log is swept.
#[derive(Debug, Clone, Copy)]
pub struct SweepConfig {
    /// While rings arrive.
    pub interval: Duration,
    /// While they are in doubt.
    pub interval_in_doubt: Duration,
}

/// Sweeps until the stop. `now` asks for a sweep at once.
pub(super) async fn sweep(
    context: Arc<Context>,
    workers: Vec<mpsc::Sender<Input>>,
    config: SweepConfig,
    now: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut cursor = None;
    loop {
        match context.store.sweep(cursor).await {
            Ok(swept) => {
                hand_over(&workers, swept.heads, swept.cursor).await;
                cursor = Some(swept.cursor);
            }
            Err(error) => {
                tracing::warn!(%error, "the log was not swept");
                cursor = cursor.map(|Xid(xid)| Xid((xid - STEP_BACK).max(0)));
            }
        }
        let pause = if context.bus.is_healthy() { config.interval } else { config.interval_in_doubt };
        tokio::select! {
            () = stop.cancelled() => return,
            () = now.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Waits for room: a sweep that runs ahead of the workers would break their invariant.
async fn hand_over(workers: &[mpsc::Sender<Input>], heads: Vec<Head>, cursor: Xid) {
    for head in heads {
        let worker = &workers[worker_of(head.conversation, workers.len())];
        if worker.send(Input::Head(head)).await.is_err() {
            return;
        }
    }
    for worker in workers {
        if worker.send(Input::Swept(cursor)).await.is_err() {
            return;
        }
    }
}
