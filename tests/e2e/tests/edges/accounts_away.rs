//! The accounts service is away. What the gateways know goes on: open sockets, sends between known users, handshakes
//! with good tokens. What they would have to ask for is refused for the time being.

use messenger_support::{Cluster, ClusterOptions};
use serde_json::{Value, json};

use crate::bare::Bare;
use crate::people::People;
use crate::socket::{Socket, request};
use crate::until::{readiness, until};

/// Asks for something that needs accounts: the code of the refusal, if it is one.
async fn code(socket: &mut Socket, frame: &str) -> Option<String> {
    let reply: Value = serde_json::from_str(&socket.ask_text(frame).await).unwrap();
    reply["code"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn known_users_go_on_and_unknown_ones_are_refused_for_a_while() {
    let settings = [("GATEWAY_ACCOUNTS_BREAKER_PAUSE_MS", "200")];
    let options = ClusterOptions { gateways: 2, settings: &settings, ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options).await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (zoe, max) = (people.join("Zoe").await, people.join("Max").await);
    let (mut a, mut b) = (ann.socket(&cluster, 0).await, bob.socket(&cluster, 1).await);
    let group = a.ask("newGroup", json!({ "groupName": "both" })).await["groupId"].clone();
    a.ask("addUserInGroup", json!({ "groupId": group, "userId": bob.id })).await;
    a.push("addUserInGroup").await;
    b.push("addUserInGroup").await;
    let to_zoe = request("privateMessage", json!({ "receiverId": zoe.id, "content": "are you there?" }));
    let to_max = request("addUserInGroup", json!({ "groupId": group, "userId": max.id }));

    cluster.kill_accounts().await;
    a.ask("privateMessage", json!({ "receiverId": bob.id, "content": "still here" })).await;
    let push = b.push("privateMessage").await;
    assert_eq!((&push["message"], &push["senderName"]), (&json!("still here"), &json!("Ann")));
    b.ask("messageInGroup", json!({ "groupId": group, "content": "so am I" })).await;
    assert_eq!(a.push("messageInGroup").await["senderName"], "Bob");
    a.ask("getlatestMessageDialog", json!({ "receiverId": bob.id, "limit": 5, "page": 1 })).await;
    for frame in [&to_zoe, &to_max] {
        assert_eq!(code(&mut a, frame).await.as_deref(), Some("unavailable"), "{frame}");
    }
    // Nobody here knows Zoe, but her token is good; it also says her name.
    let mut z = zoe.socket(&cluster, 0).await;
    z.ask("privateMessage", json!({ "receiverId": bob.id, "content": "hello" })).await;
    assert_eq!(b.push("privateMessage").await["senderName"], "Zoe");
    readiness(cluster.gateway(0).admin(), 200).await;

    cluster.restart_accounts().await;
    for frame in [&to_zoe, &to_max] {
        until("accounts is asked again", async || code(&mut a, frame).await.is_none().then_some(())).await;
    }
    assert_eq!(z.push("privateMessage").await["message"], "are you there?");
    assert_eq!(people.accounts.profile(ann.token()).await.unwrap().id, ann.id);
}

#[tokio::test]
async fn a_gateway_that_has_no_keys_yet_is_not_ready_and_opens_nothing() {
    let settings = [("GATEWAY_ACCOUNTS_BREAKER_PAUSE_MS", "200")];
    let options = ClusterOptions { gateways: 1, settings: &settings, ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options).await;
    let ann = People::of(&cluster).join("Ann").await;
    cluster.kill_accounts().await;
    cluster.kill(0).await;
    cluster.start_again(0).await;
    let reasons = readiness(cluster.gateway(0).admin(), 503).await;
    assert_eq!(reasons, "postgres: ok\naccounts: no keys or ended sessions yet\n");
    let bearer = format!("Authorization: Bearer {}\r\n", ann.token());
    let (status, head) = Bare::connect(&cluster, 0).await.shake(&bearer).await;
    assert!(status == 503 && head.contains("retry-after: "), "{head}");

    cluster.restart_accounts().await;
    cluster.ready(0).await;
    ann.socket(&cluster, 0).await.ask("listLastMessage", json!({ "limit": 1, "page": 1 })).await;
}
