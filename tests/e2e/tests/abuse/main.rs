//! What clients do to wear a running system out, and what their neighbours notice of it: nothing. Real processes and
//! sockets, with the limits as they are shipped.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod addresses;
mod balancer;
#[path = "../edges/bare.rs"]
#[expect(dead_code, reason = "the tests of the edges need the rest")]
mod bare;
mod floods;
mod hasty;
mod loris;
mod neighbours;
mod origins;
#[path = "../it/people.rs"]
#[expect(dead_code, reason = "the other tests need the rest")]
mod people;
#[path = "../it/phone.rs"]
#[expect(dead_code, reason = "the other tests need the rest")]
mod phone;
#[path = "../it/socket.rs"]
#[expect(dead_code, reason = "the other tests need the rest")]
mod socket;
mod transport;
#[path = "../edges/until.rs"]
#[expect(dead_code, reason = "the other tests need the rest")]
mod until;

use messenger_support::{Cluster, ClusterOptions};

use people::{People, Person};

/// The rates that a gateway is shipped with, which the tests' own settings take away.
const SHIPPED: [(&str, &str); 5] = [
    ("GATEWAY_RATE_FRAMES", "50"),
    ("GATEWAY_RATE_SENDS", "20"),
    ("GATEWAY_RATE_READS", "20"),
    ("GATEWAY_RATE_GROUPS", "10"),
    ("GATEWAY_RATE_MEMBERS", "300"),
];

/// A gateway with its limits, and further settings.
async fn stage(settings: &[(&str, &str)]) -> Cluster {
    let settings = [&SHIPPED, settings].concat();
    Cluster::start(ClusterOptions { gateways: 1, settings: &settings, ..ClusterOptions::default() }).await
}

async fn somebody(cluster: &Cluster, name: &str) -> Person {
    People::of(cluster).join(name).await
}
