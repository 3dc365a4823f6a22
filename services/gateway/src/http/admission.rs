//! Turns of handshakes: a crowd that comes back at once does not make those wait who are here.

use std::time::Duration;

use messenger_chassis::env::Env;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// How many handshakes are at work at once.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionConfig {
    /// Handshakes whose token is checked and whose socket is attached at once.
    pub handshakes: usize,
    /// How long one waits for its turn.
    pub wait: Duration,
}

impl AdmissionConfig {
    /// Reads the keys.
    pub fn read(env: &mut Env<'_>) -> Self {
        Self {
            handshakes: env.within(
                "GATEWAY_ADMISSIONS",
                64,
                1..=100_000,
                "handshakes whose token is checked and whose socket is attached at once; the others wait",
            ),
            wait: env.millis(
                "GATEWAY_ADMISSION_WAIT_MS",
                5_000,
                1..=600_000,
                "how long a handshake waits for its turn before it is refused, milliseconds",
            ),
        }
    }
}

/// The turns.
#[derive(Debug)]
pub struct Admission {
    turns: Semaphore,
    wait: Duration,
}

impl Admission {
    /// With all turns free.
    pub fn new(config: AdmissionConfig) -> Self {
        Self { turns: Semaphore::new(config.handshakes), wait: config.wait }
    }

    /// Waits for a turn, in the order of coming; `None` when it does not come in time.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        timeout(self.wait, self.turns.acquire()).await.ok()?.ok()
    }
}
