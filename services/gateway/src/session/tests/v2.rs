//! The second dialect over a session.

use super::*;

impl Replica {
    async fn connect_v2(&self, user: i64) -> Client {
        let mut client =
            self.open(user, Dialect::V2, config(), Instant::now() + Duration::from_secs(3600)).await;
        let hello = client.frame().await;
        assert_eq!((&hello["type"], &hello["params"]["userId"]), (&json!("hello"), &json!(user)));
        client
    }
}

fn message(id: u128, content: &str) -> Value {
    let key = uuid::Uuid::from_u128(id);
    json!({"type": "sendMessage", "requestId": content,
        "params": {"receiverId": 2, "content": content, "clientMessageId": key}})
}

#[tokio::test]
async fn a_sender_gets_the_receipt_and_then_the_entry_like_everybody() {
    let replica = replica().await;
    let (mut sender, mut receiver) = (replica.connect_v2(1).await, replica.connect_v2(2).await);
    sender.ask(&message(1, "Hi"));
    let receipt = sender.frame().await;
    assert_eq!((&receipt["requestId"], &receipt["params"]["duplicate"]), (&json!("Hi"), &json!(false)));
    for client in [&mut sender, &mut receiver] {
        let entry = client.frame().await;
        assert_eq!((&entry["type"], &entry["event"]), (&json!("entry"), &json!(true)));
        assert_eq!((&entry["params"]["content"], &entry["params"]["senderId"]), (&json!("Hi"), &json!(1)));
        for key in ["conversationId", "seq"] {
            assert_eq!(entry["params"][key], receipt["params"][key], "{key}");
        }
    }
    sender.ask(&message(1, "Hi"));
    let again = sender.frame().await;
    assert_eq!((&again["params"]["duplicate"], &again["params"]["seq"]), (&json!(true), &json!(1)));
}

#[tokio::test]
async fn a_fresh_token_of_the_same_user_renews_the_socket() {
    let replica = replica().await;
    let ends = Instant::now() + Duration::from_secs(2);
    let mut client = replica.open(1, Dialect::V2, config(), ends).await;
    client.frame().await;
    for (token, answer) in [("good:2", "unauthorized"), ("bad", "unauthorized"), ("good:1", "")] {
        client.ask(&json!({"type": "authenticate", "params": {"token": token}}));
        let reply = client.frame().await;
        assert_eq!(reply["code"].as_str().unwrap_or_default(), answer);
    }
    tokio::time::sleep_until(ends + Duration::from_millis(200)).await;
    client.ask(&json!({"type": "nonsense"}));
    assert_eq!(client.frame().await["code"], "unknown_type");
}

#[tokio::test]
async fn a_client_that_talks_nonsense_is_shown_the_door() {
    let replica = replica().await;
    let client = replica.connect_v2(1).await;
    for _ in 0..UNREADABLE_MAX {
        client.requests.as_ref().unwrap().send(Ok(Inbound::Text("nonsense".into()))).await.unwrap();
    }
    assert_eq!(client.closed().await, Close::Unreadable);
}

#[tokio::test]
async fn a_message_that_waits_for_a_lock_holds_up_nothing_else() {
    let replica = replica().await;
    let mut client = replica.connect_v2(1).await;
    client.ask(&message(1, "to 2"));
    assert_eq!(client.frame().await["requestId"], "to 2");
    assert_eq!(client.frame().await["type"], "entry");
    let mut holder = replica.database.connect("messaging").await;
    let lock = holder.transaction().await.unwrap();
    lock.execute("SELECT 1 FROM conversations FOR UPDATE", &[]).await.unwrap();
    client.ask(&message(2, "locked"));
    let mut to_myself = message(3, "free");
    to_myself["params"]["receiverId"] = json!(1);
    client.ask(&to_myself);
    assert_eq!(client.frame().await["requestId"], "free");
    assert_eq!(client.frame().await["params"]["content"], "free");
    client.ask(&json!({"type": "listConversations", "requestId": "list", "params": {"limit": 5}}));
    assert_eq!(client.frame().await["requestId"], "list");
    lock.rollback().await.unwrap();
    assert_eq!(client.frame().await["requestId"], "locked");
}

#[tokio::test]
async fn a_fault_of_ours_closes_one_socket_with_1011_and_no_other() {
    let replica = replica().await;
    let (mut broken, mut other) = (replica.connect_v2(1).await, replica.connect_v2(1).await);
    broken.ask(&message(1, "before"));
    assert_eq!(broken.frame().await["requestId"], "before");
    broken.ask(&message(2, "in flight"));
    broken.ask(&json!({"type": "authenticate", "params": {"token": "broken"}}));
    assert_eq!(broken.closed().await, Close::Internal);
    other.ask(&json!({"type": "listConversations", "requestId": "list", "params": {"limit": 5}}));
    while other.frame().await["requestId"] != "list" {}
}
