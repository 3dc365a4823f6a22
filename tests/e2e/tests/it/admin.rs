//! The listeners for operators, and what they say when something is down.

use messenger_backing::Durability;
use messenger_support::{Cluster, ClusterOptions, get, private_postgres, private_redis};
use tokio::time::{Instant, sleep};

use crate::people::{LOOK, SOON};

/// Waits until a page has this status.
async fn becomes(address: &str, path: &str, status: u16) -> String {
    let deadline = Instant::now() + SOON;
    loop {
        let (found, body) = get(address, path).await.unwrap();
        if found == status {
            return body;
        }
        assert!(Instant::now() < deadline, "{path} stays {found} {body}");
        sleep(LOOK).await;
    }
}

#[tokio::test]
async fn a_gateway_is_ready_without_redis_and_not_without_postgres() {
    let options = ClusterOptions {
        gateways: 1,
        postgres: Some(private_postgres(Durability::Durable, &[])),
        redis: Some(private_redis()),
        ..ClusterOptions::default()
    };
    let mut cluster = Cluster::start(options).await;
    let gateway = cluster.gateway(0).admin().to_owned();
    for address in [&gateway, cluster.accounts().admin()] {
        assert_eq!(get(address, "/livez").await.unwrap().0, 200);
        assert_eq!(get(address, "/readyz").await.unwrap().0, 200);
        let (status, metrics) = get(address, "/metrics").await.unwrap();
        assert!(status == 200 && metrics.contains("# TYPE"), "{metrics}");
    }
    for public in [cluster.gateway(0), cluster.accounts()] {
        for path in ["/metrics", "/readyz", "/livez"] {
            let (status, body) = get(public.http(), path).await.unwrap();
            assert_eq!(status, 404, "{path} of a public listener: {body}");
        }
    }

    cluster.redis().stop_immediate().unwrap();
    cluster.gateway(0).log().wait_for(SOON, |line| line.contains("\"healthy\":false")).await.unwrap();
    assert_eq!(get(&gateway, "/readyz").await.unwrap().0, 200);

    cluster.postgres().stop_immediate().unwrap();
    let reasons = becomes(&gateway, "/readyz", 503).await;
    assert!(reasons.contains("postgres: ") && !reasons.contains("postgres: ok"), "{reasons}");
    assert_eq!(get(&gateway, "/livez").await.unwrap().0, 200);
    becomes(cluster.accounts().admin(), "/readyz", 503).await;
    cluster.postgres().start_again().unwrap();
    becomes(&gateway, "/readyz", 200).await;
    becomes(cluster.accounts().admin(), "/readyz", 200).await;
}
