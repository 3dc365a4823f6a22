//! Tails the log by transaction id, so that what no ring told is delivered all the same.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cursor::{self, Cursor, Horizon};
use super::worker::Input;
use super::{Context, DeliveryConfig};
use crate::domain::close::Close;
use crate::domain::sync::Epoch;
use crate::sabotage::Defect;

/// Sweeps until the stop, or until the log begins another epoch. `now` asks for a sweep at once.
pub(super) async fn sweep(
    context: Arc<Context>,
    workers: Vec<mpsc::Sender<Input>>,
    config: DeliveryConfig,
    now: Arc<Notify>,
    stop: CancellationToken,
) {
    let (mut cursor, mut horizon) = (Cursor::default(), Horizon::default());
    let mut lived = None::<Epoch>;
    loop {
        let mut caught_up = true;
        match context.store.sweep(cursor.at()).await {
            Ok((epoch, mut swept)) => {
                if *lived.get_or_insert(epoch) != epoch {
                    return close_all(&context, epoch);
                }
                if config.sabotage.is(Defect::SweepOff) {
                    swept.heads.clear();
                }
                caught_up = swept.caught_up;
                let handed_over = cursor.swept(&swept);
                hand_over(&workers, cursor::news(swept, handed_over, workers.len())).await;
                if let Some(cursor) = handed_over {
                    let handed = horizon.note(cursor, Instant::now());
                    context.swept.send_replace(Some((epoch, handed)));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the log was not swept");
                cursor.failed();
            }
        }
        let pause = match (caught_up, context.bus.is_healthy()) {
            (false, _) => Duration::ZERO,
            (true, true) => config.sweep.interval,
            (true, false) => config.sweep.interval_in_doubt,
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = now.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// The log was restored: what this process knows of it (gates, positions, caches) is of another one. It ends, and whoever
/// starts it again begins anew. No socket hears more before its client knows.
fn close_all(context: &Context, epoch: Epoch) {
    tracing::error!(epoch = %epoch.id, "the log has begun another epoch");
    // First, so that nobody is let in behind those who are closed.
    context.swept.send_replace(None);
    context.hub.all().iter().for_each(|socket| socket.close(Close::Restart));
}

/// Waits for room: a sweep that runs ahead of the workers would break their invariant.
async fn hand_over(workers: &[mpsc::Sender<Input>], news: impl Iterator<Item = (usize, Input)>) {
    for (worker, input) in news {
        if workers[worker].send(input).await.is_err() {
            return;
        }
    }
}
