//! Chooses TCP ports on loopback.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

/// Below the ranges from which Linux (32768 up) and macOS (49152 up) take the ports of outgoing connections: a server
/// that restarts under load must find its port free.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port on 127.0.0.1 that nobody listens on at the moment.
///
/// The search starts at a place that depends on `seed`, so that several runs rarely race for one port; a caller that
/// loses such a race anyway asks again.
///
/// # Errors
/// When all ports of the range are taken.
pub fn free_port(seed: u64) -> Result<u16> {
    Ok(free_ports(seed, 1)?[0])
}

/// As many different ones; see [`free_port`].
///
/// # Errors
/// When the range has not so many free ports.
pub fn free_ports(seed: u64, count: usize) -> Result<Vec<u16>> {
    let start = u16::try_from(seed % u64::from(COUNT))?;
    let all = (0..COUNT).map(|step| FIRST + (start + step) % COUNT);
    let found: Vec<u16> = all.filter(|port| is_free(*port)).take(count).collect();
    if found.len() < count {
        bail!("no {count} free TCP ports on 127.0.0.1 between {FIRST} and {}", FIRST + COUNT - 1);
    }
    Ok(found)
}

pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_port_is_passed_over() {
        let port = free_port(77).expect("a port");
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("bind");
        assert!(!is_free(port));
        assert_ne!(free_port(77).expect("another port"), port);
    }

    #[test]
    fn several_ports_differ() {
        let mut ports = free_ports(500, 20).expect("ports");
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 20);
        free_ports(0, usize::from(COUNT) + 1).expect_err("more than there are");
    }

    #[test]
    fn every_seed_stays_in_the_range() {
        for seed in [0, 1, u64::from(COUNT), u64::MAX] {
            let port = free_port(seed).expect("a port");
            assert!((FIRST..FIRST + COUNT).contains(&port));
        }
    }
}
