//! Addresses of clients behind proxies: who is counted is the peer or an address that stands in the header, and never what
//! a stranger says of himself.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderValue};
use messenger_chassis::proxies::{Proxies, limited_by};

const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

pub(crate) fn forwarded_for(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(8) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append("x-forwarded-for", value);
        }
    }
    let Ok(proxies) = "10.0.0.0/8, fd00::/8".parse::<Proxies>() else { panic!("networks") };
    assert_eq!(proxies.client(STRANGER, &headers), STRANGER);
    let client = proxies.client(PROXY, &headers);
    let mut listed =
        headers.values().filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(','));
    let named =
        |hop: &str| hop.trim().parse::<IpAddr>().is_ok_and(|address| address.to_canonical() == client);
    assert!(client == PROXY || listed.any(named), "{client} comes from nowhere");
    assert_eq!(limited_by(limited_by(client)), limited_by(client));
    // An operator's text, but a parser all the same.
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = text.parse::<Proxies>();
    }
}
