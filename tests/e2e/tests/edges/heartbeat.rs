//! Silent clients, and tokens that end while their sockets are open.

use std::time::Duration;

use messenger_support::{Cluster, ClusterOptions};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::bare::{Bare, CLOSE, PING, PONG, frame};
use crate::people::{People, Shared};

/// The shortest life that a token can be given.
const TOKEN_LIFE: Duration = Duration::from_secs(10);
/// Silence after which the server pings.
const PING_AFTER: Duration = Duration::from_millis(200);
/// Silence after which a socket is dead.
const DEAD_AFTER: Duration = Duration::from_secs(2);

async fn stage() -> Shared {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    let settings = [
        ("ACCOUNTS_TOKEN_TTL_SECONDS", TOKEN_LIFE.as_secs().to_string()),
        ("GATEWAY_TOKEN_LEEWAY_SECONDS", "0".to_owned()),
        ("GATEWAY_PING_MS", PING_AFTER.as_millis().to_string()),
        ("GATEWAY_DEAD_MS", DEAD_AFTER.as_millis().to_string()),
    ];
    let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    Shared::start(&CLUSTER, ClusterOptions { gateways: 1, settings: &settings, ..ClusterOptions::default() })
        .await
}

#[tokio::test]
async fn a_client_that_answers_pings_lives_and_one_that_falls_silent_is_closed_with_4012() {
    let cluster = stage().await;
    let ann = People::of(&cluster).join("Ann").await;
    let opened = Instant::now();
    let mut bare = Bare::open(&cluster, 0, &ann).await;
    while opened.elapsed() < DEAD_AFTER + DEAD_AFTER / 2 {
        let (kind, payload) = bare.frame().await.expect("it answers, so it lives");
        assert_eq!(kind, PING);
        bare.send(&frame(PONG, &payload)).await;
    }
    let silent = Instant::now();
    assert_eq!(bare.frame().await.unwrap().0, PING);
    assert!(silent.elapsed() >= PING_AFTER / 2, "pinged only after a silence");
    let (kind, payload) = bare.frame().await.unwrap();
    assert_eq!((kind, &payload[..2]), (CLOSE, &4012_u16.to_be_bytes()[..]));
    assert!(silent.elapsed() >= DEAD_AFTER / 2, "closed only after a silence");
}

#[tokio::test]
async fn the_end_of_the_token_closes_the_socket_with_4001() {
    let cluster = stage().await;
    let before = Instant::now();
    let ann = People::of(&cluster).join("Ann").await;
    let mut socket = ann.socket(&cluster, 0).await;
    let left = socket.0.close_code(TOKEN_LIFE * 3);
    assert_eq!(left.await.unwrap(), Some(4001));
    assert!(before.elapsed() >= TOKEN_LIFE - Duration::from_secs(1), "not before its end");
    let bearer = format!("Authorization: Bearer {}\r\n", ann.token());
    assert_eq!(Bare::connect(&cluster, 0).await.shake(&bearer).await.0, 401, "an old token opens nothing");
}
