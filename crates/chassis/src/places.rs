//! Places that each address has a share of: connections, for example. Nobody takes them all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::proxies::limited_by;

/// How many places each address has taken. Holds as many addresses as places are taken, so whatever bounds these bounds it.
#[derive(Debug)]
pub struct Places {
    each: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

impl Places {
    /// `each` places for every address (of IPv6: every network of 64 bits); 0 is without a limit.
    pub fn new(each: usize) -> Arc<Self> {
        Arc::new(Self { each, taken: Mutex::default() })
    }

    /// A place for this address, until it drops; `None` when the address has as many as it may.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        if self.each == 0 {
            return Some(Place(None));
        }
        let address = limited_by(address);
        let mut taken = self.lock();
        let count = taken.entry(address).or_default();
        if *count >= self.each {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Place(Some((Arc::clone(self), address))))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is taken; dropping it gives it back.
#[derive(Debug)]
pub struct Place(Option<(Arc<Places>, IpAddr)>);

impl Place {
    /// One that counts for nobody.
    pub fn free() -> Self {
        Self(None)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((places, address)) = &self.0 else { return };
        let mut taken = places.lock();
        if let Some(count) = taken.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn each_address_has_its_own_and_gets_them_back() {
        let places = Places::new(2);
        let [first, second] = [(); 2].map(|()| places.take(address("10.0.0.1")).expect("a place"));
        assert!(places.take(address("10.0.0.1")).is_none());
        assert!(places.take(address("10.0.0.2")).is_some());
        drop(first);
        assert!(places.take(address("10.0.0.1")).is_some());
        drop(second);
        assert!(places.lock().is_empty(), "nobody is remembered who has none");
    }

    #[test]
    fn neighbours_in_a_network_of_ipv6_share() {
        let places = Places::new(1);
        let _place = places.take(address("2001:db8:1:2::1")).expect("a place");
        assert!(places.take(address("2001:db8:1:2:ffff::1")).is_none());
        assert!(places.take(address("2001:db8:1:3::1")).is_some());
    }

    #[test]
    fn zero_is_without_a_limit() {
        let places = Places::new(0);
        let taken: Vec<_> = (0..1_000).map(|_| places.take(address("10.0.0.1"))).collect();
        assert!(taken.iter().all(Option::is_some));
    }
}
