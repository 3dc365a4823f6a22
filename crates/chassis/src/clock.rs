//! Time as an argument, so that a test can hold it.

use std::fmt;

use jiff::Timestamp;

/// Tells the wall-clock time. Durations are measured with tokio's `Instant`, which a test can pause.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The current instant, UTC.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
