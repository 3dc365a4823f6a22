//! The links between the services, secured as far as they can be: everything works over them.

use messenger_support::{Authority, Cluster, ClusterOptions, TlsProxy, private_redis_with_users};
use serde_json::json;
use tokio::time::Instant;

use crate::people::{LOOK, People, SOON};

#[tokio::test]
async fn with_certificates_on_both_sides_everything_works() {
    let options = ClusterOptions { gateways: 2, mutual_tls: true, ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options).await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (mut a, mut b) = (ann.socket(&cluster, 0).await, bob.socket(&cluster, 1).await);
    a.ask("privateMessage", json!({ "receiverId": bob.id, "content": "over TLS" })).await;
    let push = b.push("privateMessage").await;
    assert_eq!((&push["message"], &push["senderName"]), (&json!("over TLS"), &json!("Ann")));

    cluster.kill_accounts().await;
    cluster.restart_accounts().await;
    let cid = people.join("Cid").await;
    let mut c = cid.socket(&cluster, 0).await;
    c.ask("privateMessage", json!({ "receiverId": bob.id, "content": "again" })).await;
    assert_eq!(b.push("privateMessage").await["senderName"], "Cid", "the gateways have found accounts again");
}

/// `redis://user:password@…` over TLS through the proxy.
fn secured(url: &str, proxy: &TlsProxy) -> String {
    let (login, _) = url.split_once('@').unwrap();
    format!("{}@{}", login.replace("redis://", "rediss://"), proxy.address())
}

fn address(url: &str) -> &str {
    url.rsplit_once('@').unwrap().1.trim_end_matches('/')
}

#[tokio::test]
async fn with_users_and_tls_at_redis_everything_arrives_by_ring() {
    let (redis, [accounts, gateway]) = private_redis_with_users();
    let authority = Authority::new();
    let proxy = TlsProxy::start(address(&redis.url()), &authority.issue("redis.internal")).await.unwrap();
    let plain = gateway.clone();
    let (accounts, gateway, root) = (secured(&accounts, &proxy), secured(&gateway, &proxy), authority.root());
    let settings = [
        ("ACCOUNTS_REDIS_URL", accounts.as_str()),
        ("ACCOUNTS_REDIS_CA", &root),
        ("ACCOUNTS_REDIS_PREFIX", "messenger"),
        ("GATEWAY_REDIS_URL", &gateway),
        ("GATEWAY_REDIS_CA", &root),
        ("GATEWAY_REDIS_PREFIX", "messenger"),
    ];
    let options = ClusterOptions { gateways: 2, settings: &settings, ..ClusterOptions::default() };
    let cluster = Cluster::start(options).await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (mut a, mut b) = (ann.socket(&cluster, 0).await, bob.socket(&cluster, 1).await);
    for index in 0..2 {
        until_healthy(&cluster, index).await;
    }
    // What cannot be read is dropped and counted, on whatever channel, and disturbs nothing.
    let mut forger = redis::Client::open(plain).unwrap().get_connection().unwrap();
    for channel in [format!("messenger:u:{}", bob.id), "messenger:users".to_owned()] {
        for garbage in [&b"\xff\xff\xff\xff"[..], b"{\"type\":\"privateMessage\"}", &[0x80; 100_000], b""] {
            redis::cmd("PUBLISH").arg(&channel).arg(garbage).exec(&mut forger).unwrap();
        }
    }
    a.ask("privateMessage", json!({ "receiverId": bob.id, "content": "rung" })).await;
    assert_eq!(b.push("privateMessage").await["message"], "rung");
    let metrics = messenger_support::get(cluster.gateway(1).admin(), "/metrics").await.unwrap().1;
    assert!(metrics.lines().any(|line| line == "gateway_rings_unreadable_total 6"), "{metrics}");
    // The notice goes from accounts to the gateways, on the one channel on which accounts may speak.
    people.accounts.destroy(bob.token()).await.unwrap();
    assert_eq!(b.close_code().await, Some(4001));
    let mut admin = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let refused: Vec<redis::Value> = redis::cmd("ACL").arg("LOG").query(&mut admin).unwrap();
    assert!(refused.is_empty(), "the services tried what they may not: {refused:?}");
}

/// Until gateway `index` hears itself through Redis.
async fn until_healthy(cluster: &Cluster, index: usize) {
    let deadline = Instant::now() + SOON;
    loop {
        let metrics = messenger_support::get(cluster.gateway(index).admin(), "/metrics").await.unwrap().1;
        if metrics.lines().any(|line| line == "gateway_bus_healthy 1") {
            return;
        }
        assert!(Instant::now() < deadline, "gateway {index} does not reach Redis: {metrics}");
        tokio::time::sleep(LOOK).await;
    }
}

#[tokio::test]
async fn a_redis_that_cannot_prove_its_name_is_not_used() {
    let (redis, [_, gateway]) = private_redis_with_users();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let proxy = TlsProxy::start(address(&redis.url()), &authority.issue("redis.internal")).await.unwrap();
    let (url, root) = (secured(&gateway, &proxy), stranger.root());
    let settings = [("GATEWAY_REDIS_URL", url.as_str()), ("GATEWAY_REDIS_CA", &root)];
    let options = ClusterOptions { gateways: 2, settings: &settings, ..ClusterOptions::default() };
    let cluster = Cluster::start(options).await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (mut a, mut b) = (ann.socket(&cluster, 0).await, bob.socket(&cluster, 1).await);
    a.ask("privateMessage", json!({ "receiverId": bob.id, "content": "swept" })).await;
    assert_eq!(b.push("privateMessage").await["message"], "swept", "the sweep brings it");
    let metrics = messenger_support::get(cluster.gateway(0).admin(), "/metrics").await.unwrap().1;
    assert!(!metrics.lines().any(|line| line == "gateway_bus_healthy 1"), "{metrics}");
}

/// What the users of Redis may not do, although they are who they say.
#[test]
fn users_of_redis_may_do_nothing_else() {
    let (_redis, urls) = private_redis_with_users();
    let refused = |url: &str, command: &str| {
        let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
        let mut words = command.split(' ');
        let mut asked = redis::cmd(words.next().unwrap());
        for word in words {
            asked.arg(word);
        }
        let answer: redis::RedisResult<redis::Value> = asked.query(&mut connection);
        answer.err().and_then(|error| error.code().map(str::to_owned)).as_deref() == Some("NOPERM")
    };
    let nobody = ["KEYS *", "FLUSHALL", "CONFIG GET *", "ACL LIST", "CLIENT LIST", "SHUTDOWN", "MONITOR"];
    for (url, more) in [
        (
            &urls[0],
            &[
                "PUBLISH messenger:c:1 x",
                "SUBSCRIBE messenger:users",
                "HSET messenger:x a b",
                "PUBLISH other:users x",
            ] as &[_],
        ),
        (
            &urls[1],
            &[
                "PUBLISH other:c:1 x",
                "SPUBLISH {1}:other x",
                "CLUSTER RESET",
                "SUBSCRIBE other:users",
                "PSUBSCRIBE messenger:*",
                "HSET {messenger:attempts}:1 a b",
            ],
        ),
    ] {
        for command in nobody.iter().chain(more) {
            assert!(refused(url, command), "{command} is not refused");
        }
    }
    for command in ["PING", "PUBLISH messenger:users x", "HSET {messenger:attempts}:1 a b", "CLUSTER SLOTS"] {
        assert!(!refused(&urls[0], command), "{command} is refused");
    }
    for command in ["PUBLISH messenger:c:1 x", "SPUBLISH messenger:{1}:c:1 x", "CLUSTER SLOTS"] {
        assert!(!refused(&urls[1], command), "{command} is refused");
    }
    let unknown = urls[0].split_once('@').unwrap().1;
    let default = redis::Client::open(format!("redis://{unknown}")).unwrap().get_connection();
    let answer = default.and_then(|mut connection| redis::cmd("PING").query::<String>(&mut connection));
    assert!(answer.is_err(), "nobody comes in without a name");
}
