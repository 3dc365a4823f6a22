//! Private messages between gateways: to every other device, once, in one conversation.

use serde_json::{Value, json};

use crate::people::{People, Person, shared};
use crate::socket::Socket;

fn to(person: &Person, content: &str) -> Value {
    json!({ "receiverId": person.id, "content": content })
}

async fn dialog(socket: &mut Socket, with: &Person) -> Vec<Value> {
    let page = json!({ "receiverId": with.id, "limit": 10, "page": 1 });
    socket.ask("getlatestMessageDialog", page).await["data"].as_array().unwrap().clone()
}

async fn chats(socket: &mut Socket) -> Vec<Value> {
    let list = socket.ask("listLastMessage", json!({ "limit": 10, "page": 1 })).await;
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn every_other_device_of_both_sides_is_told_and_the_sending_socket_is_not() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let mut writing = ann.socket(&cluster, 0).await;
    let mut others = [
        ann.socket(&cluster, 0).await,
        ann.socket(&cluster, 1).await,
        bob.socket(&cluster, 1).await,
        bob.socket(&cluster, 2).await,
    ];
    let sent = writing.ask("privateMessage", to(&bob, "to everybody else")).await;
    for socket in &mut others {
        let push = socket.push("privateMessage").await;
        assert_eq!((&push["message"], &push["senderName"]), (&json!("to everybody else"), &json!("Ann")));
        for key in ["messageId", "seq", "createdAt"] {
            assert_eq!(push[key], sent[key], "{key}");
        }
    }
    // Whatever a socket is told of this conversation comes in its order: had the writing socket been told of its
    // own message, that would come first.
    let answered = others[3].ask("privateMessage", to(&ann, "an answer")).await;
    for socket in [&mut writing].into_iter().chain(&mut others[..3]) {
        assert_eq!(socket.push("privateMessage").await["messageId"], answered["messageId"]);
    }
}

#[tokio::test]
async fn a_dialog_is_one_conversation_whoever_wrote_last() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (mut a, mut b) = (ann.socket(&cluster, 0).await, bob.socket(&cluster, 1).await);
    for (turn, seq) in [("ping", 1), ("pong", 2), ("ping again", 3)].into_iter().zip(1..) {
        let (from, at, receiver) = if seq % 2 == 1 { (&mut a, &mut b, &bob) } else { (&mut b, &mut a, &ann) };
        assert_eq!(from.ask("privateMessage", to(receiver, turn.0)).await["seq"], turn.1);
        assert_eq!(at.push("privateMessage").await["message"], turn.0);
    }
    let (seen_by_ann, seen_by_bob) = (dialog(&mut a, &bob).await, dialog(&mut b, &ann).await);
    assert_eq!(seen_by_ann, seen_by_bob);
    let rows: Vec<_> =
        seen_by_ann.iter().map(|row| (&row["content"], &row["sender_id"], &row["receverName"])).collect();
    let (by_ann, by_bob) = (json!(ann.id), json!(bob.id));
    let (ann_name, bob_name) = (json!("Ann"), json!("Bob"));
    assert_eq!(
        rows,
        [
            (&json!("ping again"), &by_ann, &bob_name),
            (&json!("pong"), &by_bob, &ann_name),
            (&json!("ping"), &by_ann, &bob_name),
        ]
    );
    for list in [chats(&mut a).await, chats(&mut b).await] {
        assert_eq!(list.len(), 1, "{list:?}");
        assert_eq!((&list[0]["content"], &list[0]["receiverId"]), (&json!("ping again"), &json!(bob.id)));
    }
}

#[tokio::test]
async fn a_message_to_oneself_comes_to_ones_other_devices_once() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let ann = people.join("Ann").await;
    let (mut here, mut there) = (ann.socket(&cluster, 0).await, ann.socket(&cluster, 2).await);
    for note in ["buy milk", "and bread"] {
        here.ask("privateMessage", to(&ann, note)).await;
        assert_eq!(there.push("privateMessage").await["message"], note);
    }
    let notes = dialog(&mut there, &ann).await;
    let contents: Vec<_> = notes.iter().map(|row| &row["content"]).collect();
    assert_eq!(contents, ["and bread", "buy milk"]);
    assert_eq!(chats(&mut here).await.len(), 1);
}

#[tokio::test]
async fn chats_are_listed_newest_first_page_by_page() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let ann = people.join("Ann").await;
    let mut socket = ann.socket(&cluster, 1).await;
    let mut expected = Vec::new();
    for name in ["Ben", "Cleo", "Dan", "Eva", "Fay"] {
        let friend = people.join(name).await;
        socket.ask("privateMessage", to(&friend, name)).await;
        expected.insert(0, name.to_owned());
    }
    let mut found = Vec::new();
    for page in 1..=4 {
        let list = socket.ask("listLastMessage", json!({ "limit": 2, "page": page })).await;
        let rows = list["data"].as_array().unwrap();
        assert_eq!(rows.len(), [2, 2, 1, 0][page - 1]);
        found.extend(rows.iter().map(|row| row["receiverName"].as_str().unwrap().to_owned()));
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_retry_on_another_gateway_is_answered_as_the_first_and_stored_once() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (mut here, mut there) = (ann.socket(&cluster, 0).await, ann.socket(&cluster, 1).await);
    let mut message = to(&bob, "once");
    message["clientMessageId"] = json!("01890a5d-ac96-774b-bcce-b302099a8057");
    let first = here.ask("privateMessage", message.clone()).await;
    assert_eq!(there.push("privateMessage").await["messageId"], first["messageId"]);
    assert_eq!(there.ask("privateMessage", message.clone()).await, first);
    message["content"] = json!("something else");
    let refused = there.refused("privateMessage", message).await;
    assert_eq!(refused, "This clientMessageId belongs to another message");
    assert_eq!(dialog(&mut here, &bob).await.len(), 1);
}
