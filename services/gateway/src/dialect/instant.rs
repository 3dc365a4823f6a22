//! Times as both dialects write them.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// ISO 8601 in UTC with three digits of a second, cut, not rounded.
pub(super) struct Instant(pub(super) Timestamp);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}
