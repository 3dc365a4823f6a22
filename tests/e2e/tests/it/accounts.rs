//! What a change of an account means for the sockets and the chats: removed, renamed.

use std::time::Duration;

use messenger_client::rest::ProfileChange;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::people::{People, SOON, shared};

/// A new name is shown after this at the latest; without the notice it would take the cache a minute.
const RENAMED: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_removed_user_is_put_out_and_what_was_written_stays() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let mut a = ann.socket(&cluster, 0).await;
    let mut devices = [bob.socket(&cluster, 1).await, bob.socket(&cluster, 2).await];
    let group = a.ask("newGroup", json!({ "groupName": "Both" })).await["groupId"].clone();
    a.ask("addUserInGroup", json!({ "groupId": group, "userId": bob.id })).await;
    a.push("addUserInGroup").await;
    for device in &mut devices {
        device.push("addUserInGroup").await;
    }
    devices[0].ask("privateMessage", json!({ "receiverId": ann.id, "content": "remember me" })).await;
    assert_eq!(a.push("privateMessage").await["senderName"], "Bob");
    devices[0].ask("messageInGroup", json!({ "groupId": group, "content": "all of you" })).await;
    assert_eq!(a.push("messageInGroup").await["senderName"], "Bob");

    people.accounts.destroy(bob.token()).await.unwrap();
    for device in &mut devices {
        assert_eq!(device.close_code().await, Some(4001));
    }
    let page = json!({ "receiverId": bob.id, "limit": 5, "page": 1 });
    let dialog = a.ask("getlatestMessageDialog", page).await;
    assert_eq!(dialog["data"][0]["content"], "remember me");
    assert_eq!(dialog["data"][0]["sender_id"], bob.id);
    let page = json!({ "groupId": group, "limit": 5, "page": 1 });
    let history = a.ask("getlatestMessageGroup", page).await;
    assert_eq!(
        (&history["data"][0]["content"], &history["data"][0]["senderName"]),
        (&json!("all of you"), &Value::Null)
    );
    let chats = a.ask("listLastMessage", json!({ "limit": 5, "page": 1 })).await;
    let names: Vec<_> = chats["data"].as_array().unwrap().iter().map(|row| &row["senderName"]).collect();
    assert_eq!(names, [&Value::Null, &Value::Null]);
    let refused = a.refused("privateMessage", json!({ "receiverId": bob.id, "content": "?" })).await;
    assert_eq!(refused, "There is no such user");
}

#[tokio::test]
async fn a_new_name_is_in_the_pushes_within_a_second() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (mut a, mut b) = (ann.socket(&cluster, 0).await, bob.socket(&cluster, 1).await);
    let message = json!({ "receiverId": bob.id, "content": "who am I?" });
    a.ask("privateMessage", message.clone()).await;
    assert_eq!(b.push("privateMessage").await["senderName"], "Ann");

    let change = ProfileChange { first_name: Some("Annabel"), ..ProfileChange::default() };
    people.accounts.update_profile(ann.token(), &change).await.unwrap();
    let renamed = Instant::now();
    let name = loop {
        let asked = Instant::now();
        a.ask("privateMessage", message.clone()).await;
        let name = b.push("privateMessage").await["senderName"].clone();
        if name == "Annabel" || asked > renamed + RENAMED {
            break name;
        }
        assert!(asked < renamed + SOON);
    };
    assert_eq!(name, "Annabel");
}
