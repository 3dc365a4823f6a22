//! Reads the key file again and again, so that other keys need no restart.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::key_file::load;
use super::token::Tokens;

/// Gives `tokens` the keys of the file whenever they are other ones, looking every `interval`, until the stop. A file that
/// cannot be used changes nothing.
pub async fn watch_keys(path: PathBuf, tokens: Arc<Tokens>, interval: Duration, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut broken = false;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let path = path.clone();
        // Without an answer the runtime is on its way down.
        let Ok(read) = spawn_blocking(move || load(&path)).await else { return };
        match read {
            Ok(keys) => {
                let count = keys.iter().count();
                if tokens.replace_keys(keys) {
                    tracing::info!(count, "the file has other signing keys");
                }
                broken = false;
            }
            Err(error) if !broken => {
                tracing::warn!(%error, "the key file cannot be used, the keys stay what they are");
                broken = true;
            }
            Err(_) => {}
        }
    }
}
