//! The whole of a user's life behind a PgBouncer that lends fewer connections than a gateway holds.

use messenger_backing::Durability;
use messenger_client::rest::ProfileChange;
use messenger_support::{Cluster, ClusterOptions, private_postgres};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::task::block_in_place;

use crate::people::{PASSWORD, People};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_and_two_gateways_behind_a_pooler() {
    let postgres = block_in_place(|| private_postgres(Durability::Disposable, &[]));
    let cluster = Cluster::start(ClusterOptions {
        gateways: 2,
        postgres: Some(postgres),
        pooler: true,
        ..ClusterOptions::default()
    })
    .await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (mut a, mut b) = (ann.socket(&cluster, 0).await, bob.socket(&cluster, 1).await);

    a.ask("privateMessage", json!({ "receiverId": bob.id, "content": "Hi" })).await;
    assert_eq!(b.push("privateMessage").await["message"], "Hi");
    let group = a.ask("newGroup", json!({ "groupName": "Both" })).await["groupId"].clone();
    a.ask("addUserInGroup", json!({ "groupId": group, "userId": bob.id })).await;
    b.push("addUserInGroup").await;
    b.ask("messageInGroup", json!({ "groupId": group, "content": "all" })).await;
    let page = json!({ "receiverId": ann.id, "limit": 5, "page": 1 });
    assert_eq!(b.ask("getlatestMessageDialog", page).await["data"][0]["content"], "Hi");
    let page = json!({ "groupId": group, "limit": 5, "page": 1 });
    assert_eq!(b.ask("getlatestMessageGroup", page).await["data"][0]["content"], "all");
    let chats = b.ask("listLastMessage", json!({ "limit": 5, "page": 1 })).await;
    assert_eq!(chats["data"].as_array().unwrap().len(), 2);

    // Transactions of several statements.
    let accounts = &people.accounts;
    let change = ProfileChange { last_name: Some("Other"), ..ProfileChange::default() };
    accounts.update_profile(bob.token(), &change).await.unwrap();
    assert_eq!(accounts.profile(bob.token()).await.unwrap().last_name.as_deref(), Some("Other"));
    let new = SecretString::from("another horse");
    accounts.change_password(bob.token(), &SecretString::from(PASSWORD), &new).await.unwrap();
    let login = accounts.log_in(&bob.email, &new).await.unwrap();
    let renewed = accounts.refresh(&login.refresh_token.unwrap()).await.unwrap();
    assert_eq!(accounts.sessions(renewed.token.expose_secret()).await.unwrap().len(), 2);
    accounts.destroy(renewed.token.expose_secret()).await.unwrap();
    assert_eq!(b.close_code().await, Some(4001));
}
