//! Whose connection it is when load balancers stand in between.

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;
use ipnet::IpNet;

/// The header in which each proxy appends the address it was reached from.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// Proxies that are looked behind, one after the other.
const HOPS_MAX: usize = 8;

/// Networks of the proxies whose word on a client's address is taken. Nobody else's is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

/// Not a list of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be networks such as 10.0.0.0/8, or addresses, with commas between")]
pub struct BadProxies;

impl FromStr for Proxies {
    type Err = BadProxies;

    fn from_str(text: &str) -> Result<Self, BadProxies> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let network = |entry: &str| {
            let address = || entry.parse::<IpAddr>().map(IpNet::from).map_err(|_| BadProxies);
            entry.parse::<IpNet>().or_else(|_| address())
        };
        entries.map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl Proxies {
    /// The address of the client behind a connection from `peer`: the last hop that is no trusted proxy, read from the
    /// right, because what is left of it anybody may have written. IPv4 in IPv6 counts as IPv4.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines: Vec<&str> =
            headers.get_all(FORWARDED_FOR).iter().map(|line| line.to_str().unwrap_or_default()).collect();
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
        let mut client = peer.to_canonical();
        for hop in hops.take(HOPS_MAX) {
            let Ok(address) = hop.trim().parse::<IpAddr>() else { return client };
            if !self.trusts(client) {
                return client;
            }
            client = address.to_canonical();
        }
        client
    }

    /// Whether this address is a trusted proxy's.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// What limits are counted by: an IPv4 address, or of IPv6 the network of 64 bits that one customer has.
pub fn limited_by(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::from((address.to_bits() >> 64 << 64).to_be_bytes()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &str, peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().expect("a header"));
        }
        let proxies: Proxies = proxies.parse().expect("networks");
        proxies.client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(client("", "1.2.3.4", &["9.9.9.9"]), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "1.2.3.4", &["9.9.9.9"]), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "10.1.1.1", &["9.9.9.9"]), "9.9.9.9");
        assert_eq!(client("10.0.0.0/8", "10.1.1.1", &[]), "10.1.1.1");
    }

    #[test]
    fn what_a_client_has_written_before_the_proxy_counts_for_nothing() {
        assert_eq!(client("10.0.0.0/8", "10.1.1.1", &["6.6.6.6, 9.9.9.9"]), "9.9.9.9");
        assert_eq!(client("10.0.0.0/8", "10.1.1.1", &["6.6.6.6", "9.9.9.9, 10.2.2.2"]), "9.9.9.9");
        assert_eq!(client("10.0.0.0/8", "10.1.1.1", &["10.6.6.6, 9.9.9.9"]), "9.9.9.9");
        assert_eq!(client("10.0.0.0/8", "10.1.1.1", &["6.6.6.6, nonsense"]), "10.1.1.1");
        assert_eq!(client("10.0.0.1", "10.0.0.2", &["6.6.6.6"]), "10.0.0.2");
    }

    #[test]
    fn ipv4_in_ipv6_is_ipv4_and_networks_of_ipv6_are_counted_together() {
        assert_eq!(client("10.0.0.0/8", "::ffff:10.1.1.1", &["::ffff:9.9.9.9"]), "9.9.9.9");
        let limited = |text: &str| limited_by(text.parse().expect("an address")).to_string();
        assert_eq!(limited("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(limited("::ffff:9.9.9.9"), "9.9.9.9");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["x", "10.0.0.0/33", "10.0.0.0/8;1.1.1.1"] {
            assert_eq!(text.parse::<Proxies>(), Err(BadProxies), "{text}");
        }
    }
}
