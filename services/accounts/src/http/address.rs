//! Where a request comes from, also when load balancers stand in between.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use messenger_chassis::proxies::{Proxies, limited_by};

use super::Api;
use super::error::Refusal;
use crate::domain::Error;

/// What limits for each address are counted by: the client's IPv4 address, or its network of 64 bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientAddress(pub(super) IpAddr);

impl FromRequestParts<Api> for ClientAddress {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let address = address(parts, &api.proxies);
        Ok(Self(address.ok_or_else(|| Error::Internal("the listener does not tell of the peer".into()))?))
    }
}

fn address(parts: &Parts, proxies: &Proxies) -> Option<IpAddr> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(limited_by(proxies.client(peer.ip(), &parts.headers)))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn seen(proxies: &str, peer: &str, forwarded_for: &str) -> Option<String> {
        let (mut parts, ()) =
            Request::builder().header("x-forwarded-for", forwarded_for).body(()).unwrap().into_parts();
        parts.extensions.insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        address(&parts, &proxies.parse().unwrap()).map(|address| address.to_string())
    }

    #[test]
    fn only_a_trusted_proxy_can_name_another_address() {
        let check = |proxies, peer, address: &str| {
            assert_eq!(seen(proxies, peer, "9.9.9.9").as_deref(), Some(address), "{proxies} {peer}");
        };
        check("", "127.0.0.1:5000", "127.0.0.1");
        check("10.0.0.0/8", "127.0.0.1:5000", "127.0.0.1");
        check("127.0.0.1", "127.0.0.1:5000", "9.9.9.9");
        check("", "[2001:db8:1:2:3:4:5:6]:5000", "2001:db8:1:2::");
    }

    #[test]
    fn without_a_peer_there_is_no_address() {
        let (parts, ()) =
            Request::builder().header("x-forwarded-for", "9.9.9.9").body(()).unwrap().into_parts();
        assert_eq!(address(&parts, &"0.0.0.0/0".parse().unwrap()), None);
    }
}
