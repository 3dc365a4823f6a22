//! Tails the log by transaction id, so that what no ring told is delivered all the same.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::worker::Input;
use super::{Context, worker_of};
use crate::domain::ids::Xid;
use crate::store::Sweep;

/// How far the cursor steps back, once, when the database was away: a promoted standby may hand out transaction ids below
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
    let (mut cursor, mut away) = (None, false);
    loop {
        let mut caught_up = true;
        match context.store.sweep(cursor).await {
            Ok(swept) => {
                (cursor, caught_up, away) = (Some(swept.cursor), swept.caught_up, false);
                let handed_over = swept.caught_up.then_some(swept.cursor);
                hand_over(&workers, swept).await;
                if handed_over.is_some() {
                    context.swept.send_replace(handed_over);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the log was not swept");
                if !away {
                    cursor = cursor.map(|Xid(xid)| Xid((xid - STEP_BACK).max(0)));
                }
                away = true;
            }
        }
        let pause = match (caught_up, context.bus.is_healthy()) {
            (false, _) => Duration::ZERO,
            (true, true) => config.interval,
            (true, false) => config.interval_in_doubt,
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = now.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Waits for room: a sweep that runs ahead of the workers would break their invariant. While there is more to sweep the
/// workers keep their old cursor: after a step back the new one may lie before it, and would make old news of it.
async fn hand_over(workers: &[mpsc::Sender<Input>], swept: Sweep) {
    for head in swept.heads {
        let worker = &workers[worker_of(head.conversation, workers.len())];
        if worker.send(Input::SweptHead(head)).await.is_err() {
            return;
        }
    }
    for worker in workers.iter().filter(|_| swept.caught_up) {
        if worker.send(Input::Swept(swept.cursor)).await.is_err() {
            return;
        }
    }
}
