//! How sends ended, counted.

use std::sync::Arc;

use metrics::Counter;

use super::Answer;

/// The counters. Those of what almost every send becomes are looked up once; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Results(Arc<Frequent>);

struct Frequent {
    stored: Counter,
    repeated: Counter,
}

impl std::fmt::Debug for Frequent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Frequent")
    }
}

impl Results {
    pub(super) fn register() -> Self {
        let counter = |result: &'static str| metrics::counter!("gateway_sends_total", "result" => result);
        Self(Arc::new(Frequent { stored: counter("stored"), repeated: counter("repeated") }))
    }

    /// Counts one that is answered like this: each is counted once.
    pub(super) fn count(&self, answer: &Answer) {
        match answer {
            Ok(receipt) if receipt.duplicate => self.0.repeated.increment(1),
            Ok(_) => self.0.stored.increment(1),
            Err(error) => metrics::counter!("gateway_sends_total", "result" => error.code()).increment(1),
        }
    }
}
