//! Tokens that are shorter than a conversation.

use std::time::Duration;

use messenger_client::session::Link as _;
use messenger_client::wire::v2::To;
use messenger_support::{Cluster, ClusterOptions};
use secrecy::ExposeSecret as _;
use tokio::time::Instant;

use crate::people::People;
use crate::phone::Phone;

/// The shortest life that a token can be given.
const TOKEN_LIFE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_device_outlives_its_tokens_on_one_socket_and_as_one_log_in() {
    let settings = [
        ("ACCOUNTS_TOKEN_TTL_SECONDS", &*TOKEN_LIFE.as_secs().to_string()),
        ("GATEWAY_TOKEN_LEEWAY_SECONDS", "0"),
    ];
    let options = ClusterOptions { gateways: 1, settings: &settings, ..ClusterOptions::default() };
    let cluster = Cluster::start(options).await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let mut phone = Phone::start(&ann, &cluster, 0).await;
    let begun = Instant::now();
    while begun.elapsed() < TOKEN_LIFE * 2 {
        phone.say(To::User(bob.id), "still here").await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(phone.offline, 0, "renewed on the open socket");
    let (link, _) = ann.link(&cluster, 0);
    let token = link.log_in().await.unwrap().token;
    let sessions = people.accounts.sessions(token.expose_secret()).await.unwrap();
    assert!(sessions.len() == 1 && sessions[0].last_seen_at > sessions[0].created_at, "{sessions:?}");

    people.accounts.log_out(token.expose_secret()).await.unwrap();
    assert!(link.log_in().await.is_err(), "a log-in that has ended does not come back by itself");
}
