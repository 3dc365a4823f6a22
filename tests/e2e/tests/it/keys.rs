//! Signing keys that change while everything serves.

use messenger_client::rest::Accounts;
use messenger_support::{Cluster, ClusterOptions};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::people::{LOOK, PASSWORD, People, Person, SOON};
use crate::revocation::{is_refused, open};

/// Accounts looks at the file all the time, and gateways fetch the keys more often than a new one waits.
const SETTINGS: [(&str, &str); 3] = [
    ("ACCOUNTS_SIGNING_KEY_RELOAD_MS", "50"),
    ("ACCOUNTS_SIGNING_KEY_LEAD_SECONDS", "8"),
    ("GATEWAY_TOKEN_KEYS_REFRESH_SECONDS", "5"),
];

async fn cluster() -> Cluster {
    Cluster::start(ClusterOptions { gateways: 2, settings: &SETTINGS, ..ClusterOptions::default() }).await
}

/// The head of a token, which names its key.
fn head(token: &SecretString) -> String {
    token.expose_secret().split('.').next().unwrap().to_owned()
}

/// Logs in again and again until another key signs.
async fn signed_anew(accounts: &Accounts, person: &Person) -> SecretString {
    let (old, deadline) = (head(&person.token), Instant::now() + SOON);
    loop {
        let token = accounts.log_in(&person.email, &SecretString::from(PASSWORD)).await.unwrap().token;
        if head(&token) != old {
            return token;
        }
        assert!(Instant::now() < deadline, "the new key does not sign");
        sleep(LOOK * 10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_is_noticed_by_nobody() {
    let cluster = cluster().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (mut a, mut b) = (ann.socket(&cluster, 0).await, bob.socket(&cluster, 1).await);
    cluster.accounts().run(&["keys", "rotate"]).await.unwrap();
    let anew = signed_anew(&people.accounts, &ann).await;
    for gateway in 0..2 {
        open(&cluster, gateway, &anew).await.unwrap();
        open(&cluster, gateway, &ann.token).await.unwrap();
    }
    people.accounts.profile(ann.token()).await.unwrap();
    a.ask("privateMessage", json!({ "receiverId": bob.id, "content": "did you notice?" })).await;
    assert_eq!(b.push("privateMessage").await["message"], "did you notice?");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_replacement_the_old_key_opens_nothing() {
    let cluster = cluster().await;
    let people = People::of(&cluster);
    let ann = people.join("Ann").await;
    cluster.accounts().run(&["keys", "replace"]).await.unwrap();
    let (anew, deadline) = (signed_anew(&people.accounts, &ann).await, Instant::now() + SOON);
    // The first one is refused, and makes the gateway fetch the keys.
    while open(&cluster, 0, &anew).await.is_err() {
        assert!(Instant::now() < deadline, "the new key is not known");
        sleep(LOOK * 10).await;
    }
    assert!(is_refused(&cluster, 0, &ann.token).await);
    assert!(people.accounts.profile(ann.token()).await.is_err());
}
