//! Those who speak no HTTP, or break its rules: counted each time, and written down once a minute for each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::head::Fault;
use crate::proxies::limited_by;

/// For how long nothing more is written about an address.
const QUIET: Duration = Duration::from_secs(60);
/// Addresses that are remembered for it. While there are more, the others are not written down.
const ADDRESSES_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<HashMap<IpAddr, Instant>>);

impl Strangers {
    /// Somebody at this address has sent what is refused.
    pub(super) fn refused(&self, address: IpAddr, fault: Fault) {
        metrics::counter!("http_heads_refused_total", "reason" => fault.label()).increment(1);
        let address = limited_by(address);
        if self.is_new(address, Instant::now()) {
            tracing::info!(%address, fault = fault.label(), "what was sent is no request, nothing more of this address for a minute");
        }
    }

    fn is_new(&self, address: IpAddr, now: Instant) -> bool {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if written.len() >= ADDRESSES_MAX {
            written.retain(|_, at| now < *at + QUIET);
        }
        let is_new = written.get(&address).is_none_or(|at| now >= *at + QUIET);
        if is_new && (written.len() < ADDRESSES_MAX || written.contains_key(&address)) {
            written.insert(address, now);
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: usize) -> IpAddr {
        IpAddr::from(u32::try_from(number).unwrap().to_be_bytes())
    }

    #[tokio::test(start_paused = true)]
    async fn each_address_is_written_down_once_a_minute_and_the_memory_is_bounded() {
        let (strangers, now) = (Strangers::default(), Instant::now());
        for number in 0..ADDRESSES_MAX {
            assert!(strangers.is_new(address(number), now));
            assert!(!strangers.is_new(address(number), now + Duration::from_secs(59)));
        }
        assert!(!strangers.is_new(address(ADDRESSES_MAX), now), "there is no room");
        assert_eq!(strangers.0.lock().unwrap().len(), ADDRESSES_MAX);
        assert!(strangers.is_new(address(ADDRESSES_MAX), now + QUIET));
        assert!(strangers.is_new(address(0), now + QUIET));
        assert_eq!(strangers.0.lock().unwrap().len(), 2);
    }
}
