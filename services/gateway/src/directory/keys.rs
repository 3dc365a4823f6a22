//! Keeps the keys that verify tokens up to date.

use std::sync::Arc;
use std::time::Duration;

use messenger_chassis::lifecycle::Tasks;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::Instrument as _;

use super::accounts::{Accounts, CallError, jittered};
use crate::auth::{KeyRing, KeySetError, VerifyingKeys};

/// Least time between two fetches, whoever asks for them: a client can make key ids up.
const APART: Duration = Duration::from_secs(5);
/// Pause after a failed fetch, doubled with each further one up to the second value.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Why keys were not fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Set(#[from] KeySetError),
}

/// Fetches the keys until there are some, then each `interval` (or as often as accounts asks for), and soon when a token
/// names a key that is not there. While accounts does not answer, the keys at hand stay in use.
pub fn refresh_keys(accounts: Accounts, ring: Arc<KeyRing>, interval: Duration, tasks: &Tasks) {
    let stop = tasks.stop().clone();
    tasks.spawn_essential("signing keys", async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = run(&accounts, &ring, interval) => {}
        }
    });
}

async fn run(accounts: &Accounts, ring: &KeyRing, interval: Duration) {
    let mut failures = 0_u32;
    loop {
        let begun = Instant::now();
        let span = tracing::info_span!("accounts.GetSigningKeys", otel.kind = "client");
        let pause = match fetch(accounts, ring, interval).instrument(span).await {
            Ok(pause) => {
                failures = 0;
                pause
            }
            Err(error) => {
                tracing::warn!(%error, "signing keys were not fetched");
                failures = failures.saturating_add(1);
                retry_pause(failures).min(interval)
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = wanted(ring, begun) => {}
        }
    }
}

/// Puts the keys of today in the place of those of yesterday; tells when to come again.
async fn fetch(accounts: &Accounts, ring: &KeyRing, interval: Duration) -> Result<Duration, FetchError> {
    let answer = accounts.signing_keys().await?;
    ring.replace(VerifyingKeys::from_jwks(&answer.jwks_json)?);
    Ok(until_next(interval, answer.max_age_seconds))
}

/// The interval, or less if accounts asks for it (0: it does not).
fn until_next(interval: Duration, max_age_seconds: i64) -> Duration {
    let max_age = u64::try_from(max_age_seconds).ok().filter(|seconds| *seconds > 0);
    max_age.map_or(interval, |seconds| interval.min(Duration::from_secs(seconds).max(APART)))
}

async fn wanted(ring: &KeyRing, last_fetch: Instant) {
    ring.wanted().await;
    sleep_until(last_fetch + APART).await;
}

fn retry_pause(failures: u32) -> Duration {
    let (first, longest) = RETRY_PAUSE;
    jittered(first.saturating_mul(2_u32.saturating_pow(failures - 1)).min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_may_ask_for_shorter_intervals_within_reason() {
        for (max_age_seconds, expected) in
            [(0, 300), (-1, 300), (60, 60), (1, 5), (300, 300), (i64::MAX, 300)]
        {
            let next = until_next(Duration::from_secs(300), max_age_seconds);
            assert_eq!(next.as_secs(), expected, "{max_age_seconds}");
        }
    }

    #[test]
    fn retries_slow_down_to_a_limit() {
        let (first, longest) = RETRY_PAUSE;
        assert!((first / 2..=first).contains(&retry_pause(1)));
        for failures in [10, 1_000, u32::MAX] {
            assert!((longest / 2..=longest).contains(&retry_pause(failures)), "{failures}");
        }
    }
}
