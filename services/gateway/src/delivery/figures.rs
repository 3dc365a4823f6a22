//! How many frames are delivered, and how long after their commit. Nothing is decided by these figures, so they may look at
//! the machine's clock, which the rest of the delivery does not know.

use messenger_chassis::clock::{Clock as _, SystemClock};
use metrics::{Counter, Histogram};
use tokio::time::Instant;

use crate::domain::entry::Entry;

/// How an entry came to this gateway.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arrival {
    /// Committed here, at this moment.
    Committed(Instant),
    /// Another gateway rang.
    Rung,
    /// Read from the log: its ring was lost or late.
    Log,
}

/// The figures, looked up once.
pub(super) struct Figures {
    frames: Counter,
    committed: Histogram,
    rung: Histogram,
    log: Histogram,
}

impl Figures {
    pub(super) fn register() -> Self {
        let histogram = |way: &'static str| metrics::histogram!("gateway_delivery_seconds", "way" => way);
        Self {
            frames: metrics::counter!("gateway_deliveries_total"),
            committed: histogram("commit"),
            rung: histogram("ring"),
            log: histogram("log"),
        }
    }

    /// The entry has just been put into the outboxes of this many sockets.
    pub(super) fn delivered(&self, entry: &Entry, arrival: Arrival, sockets: u64) {
        if sockets == 0 {
            return;
        }
        self.frames.increment(sockets);
        match arrival {
            Arrival::Committed(at) => self.committed.record(at.elapsed().as_secs_f64()),
            Arrival::Rung => self.rung.record(age(entry)),
            Arrival::Log => self.log.record(age(entry)),
        }
    }
}

/// Seconds since PostgreSQL stamped the entry, by this machine's clock. Clocks that differ show as that much more or less.
fn age(entry: &Entry) -> f64 {
    SystemClock.now().duration_since(entry.created_at).as_secs_f64().max(0.0)
}
