//! Who comes to the door: how many sockets an address has, how often it has come with a bad token, and how often a user
//! has come with a good one.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use messenger_chassis::places::{Place, Places};
use messenger_chassis::proxies::{Proxies, limited_by};
use messenger_chassis::rate::{Bucket, Rate};
use tokio::time::Instant;

use crate::domain::ids::UserId;

/// Addresses, or users, who are remembered. Beyond them those are forgotten who have been quiet; if these are few, all.
const REMEMBERED_MAX: usize = 10_000;

/// What one address, and one user, may have.
#[derive(Debug, Clone, Default)]
pub struct VisitorLimits {
    /// Load balancers whose word is taken on who stands behind them.
    pub proxies: Proxies,
    /// Open sockets; 0 is without a limit.
    pub sockets: usize,
    /// Handshakes of an address that are refused for their token; none is without a limit.
    pub refusals: Option<Rate>,
    /// Handshakes of a user; none is without a limit.
    pub handshakes: Option<Rate>,
}

/// How often each has come lately.
#[derive(Debug)]
struct Comings<K> {
    rate: Option<Rate>,
    buckets: Mutex<HashMap<K, Bucket>>,
}

impl<K: Hash + Eq> Comings<K> {
    fn new(rate: Option<Rate>) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    /// After how long one more is too many no longer, if it is; counts nothing.
    fn excess(&self, key: &K, now: Instant) -> Option<Duration> {
        let rate = self.rate?;
        let mut bucket = *self.lock().get(key)?;
        bucket.take(&rate, now, 1).err()
    }

    /// Counts one more, unless it is too many.
    fn count(&self, key: K, now: Instant) -> Result<(), Duration> {
        let Some(rate) = self.rate else { return Ok(()) };
        let mut buckets = self.lock();
        if buckets.len() >= REMEMBERED_MAX {
            buckets.retain(|_, bucket| !bucket.is_full(now));
            if buckets.len() > REMEMBERED_MAX / 2 {
                buckets.clear();
            }
        }
        buckets.entry(key).or_default().take(&rate, now, 1)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who has come.
#[derive(Debug)]
pub struct Visitors {
    proxies: Proxies,
    sockets: Arc<Places>,
    refused: Comings<IpAddr>,
    welcomed: Comings<UserId>,
    warned: Once,
}

impl Visitors {
    /// Nobody has come yet.
    pub fn new(limits: VisitorLimits) -> Self {
        let VisitorLimits { proxies, sockets, refusals, handshakes } = limits;
        let (refused, welcomed) = (Comings::new(refusals), Comings::new(handshakes));
        Self { proxies, sockets: Places::new(sockets), refused, welcomed, warned: Once::new() }
    }

    /// The address of the client behind this connection.
    pub(super) fn address(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        if headers.contains_key("x-forwarded-for") && !self.proxies.trusts(peer.ip()) {
            self.warned.call_once(|| {
                let key = "GATEWAY_TRUSTED_PROXIES";
                tracing::warn!(peer = %peer.ip(), key, "who sends X-Forwarded-For is no trusted proxy: not believed");
            });
        }
        self.proxies.client(peer.ip(), headers)
    }

    /// A place for a socket from there, while there is one.
    pub(super) fn place(&self, address: IpAddr) -> Option<Place> {
        self.sockets.take(address)
    }

    /// For how long nobody from there is heard, because too many tokens were bad.
    pub(super) fn is_shut_out(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        self.refused.excess(&limited_by(address), now)
    }

    /// Somebody from there had a bad token.
    pub(super) fn refused(&self, address: IpAddr, now: Instant) {
        // One that has had too many already is the reason why the next one is not heard.
        let _ = self.refused.count(limited_by(address), now);
    }

    /// The user comes.
    ///
    /// # Errors
    /// He comes too often: when he may come again.
    pub(super) fn welcome(&self, user: UserId, now: Instant) -> Result<(), Duration> {
        self.welcomed.count(user, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn visitors(refusals: Rate) -> Visitors {
        Visitors::new(VisitorLimits { refusals: Some(refusals), ..VisitorLimits::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_with_too_many_bad_tokens_waits_and_the_others_do_not() {
        let (visitors, now) = (visitors(Rate::per_second(1, 3)), Instant::now());
        let [bad, good] = ["10.0.0.1", "10.0.0.2"].map(address);
        for _ in 0..3 {
            assert_eq!(visitors.is_shut_out(bad, now), None);
            visitors.refused(bad, now);
        }
        assert_eq!(visitors.is_shut_out(bad, now), Some(Duration::from_secs(1)));
        assert_eq!(visitors.is_shut_out(good, now), None);
        assert_eq!(visitors.is_shut_out(bad, now + Duration::from_secs(1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_addresses_are_remembered() {
        let (visitors, now) = (visitors(Rate::per_second(1, 3)), Instant::now());
        for number in 0..u32::try_from(3 * REMEMBERED_MAX).unwrap() {
            visitors.refused(IpAddr::from(number.to_be_bytes()), now);
        }
        assert!(visitors.refused.lock().len() <= REMEMBERED_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_who_comes_over_and_over_waits() {
        let limits = VisitorLimits { handshakes: Some(Rate::per_second(1, 2)), ..VisitorLimits::default() };
        let (visitors, now) = (Visitors::new(limits), Instant::now());
        assert!((0..2).all(|_| visitors.welcome(UserId(7), now).is_ok()));
        assert_eq!(visitors.welcome(UserId(7), now), Err(Duration::from_secs(1)));
        assert_eq!(visitors.welcome(UserId(8), now), Ok(()));
    }
}
