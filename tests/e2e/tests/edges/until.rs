//! Waiting for what nobody tells of, under a deadline.

use messenger_support::get;
use tokio::time::{Instant, sleep};

use crate::people::{LOOK, SOON};

/// Asks until there is an answer.
///
/// # Panics
/// When there is none in time.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not in time");
        sleep(LOOK).await;
    }
}

/// The sum of a metric over its labels, of which one has to contain `label`; 0 when it was never touched.
pub(crate) async fn metric(admin: &str, name: &str, label: &str) -> f64 {
    let (_, text) = get(admin, "/metrics").await.unwrap();
    let ours = |line: &&str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(label)
    };
    text.lines().filter(ours).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Waits until an admin listener's `/readyz` has this status: what it says.
pub(crate) async fn readiness(admin: &str, status: u16) -> String {
    until("/readyz", async || get(admin, "/readyz").await.ok().filter(|found| found.0 == status)).await.1
}
