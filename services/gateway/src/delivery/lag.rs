//! Measures how far the sweep is behind: a long transaction that writes anywhere in the server holds its horizon back,
//! and nobody would see it but those to whom a ring was lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Context;
use super::cursor::Handed;

/// Pause between two measurements.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells the metrics the age of the oldest entry that no sweep has passed, until the stop.
pub(super) async fn watch(context: Arc<Context>, stop: CancellationToken) {
    while stop.run_until_cancelled(sleep(PAUSE)).await.is_some() {
        let Some((_, Handed { cursor, .. })) = *context.swept.borrow() else { continue };
        match context.store.oldest_unswept(cursor).await {
            Ok(age) => {
                let seconds = age.unwrap_or_default().as_secs_f64();
                metrics::gauge!("gateway_sweep_lag_seconds").set(seconds);
            }
            // The sweep itself has said so, in its own words.
            Err(error) => tracing::debug!(%error, "the lag of the sweep was not measured"),
        }
    }
}
