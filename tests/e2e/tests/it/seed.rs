//! Every WebSocket example of the documented system, to the letter: requests as they are printed there, answers with
//! their keys in the documented order. Keys that we add come after those.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::literal::like;
use crate::people::{People, shared};

const INVALID_TOKEN: &str = "1eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpZCI6MSwiZW1haWwiOiJlbWFpbEBtYWlsLmNvbTAiLCJmaXJzdE5hbWUiOiJQYXRyaWNrMCIsImlhdCI6MTY5MDU0NzU3NiwiZXhwIjoxNjkwNjMzOTc2fQ.AqE87IwBoyI0XlUDnVShjyQGZQd_IQB6L1-bdO_HnhM";

#[tokio::test]
async fn an_invalid_token_is_401_before_the_upgrade() {
    let cluster = shared().await;
    let mut stream = TcpStream::connect(cluster.gateway(0).http()).await.unwrap();
    let head = format!(
        "GET / HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: aWKsrCP2KvNFlmstQdVEDA==\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer {INVALID_TOKEN}\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nHost: localhost:3000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 25];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 401 Unauthorized");
}

#[tokio::test]
async fn private_messages_and_their_lists() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let (patrick0, patrick1) = (people.join("Patrick0").await, people.join("Patrick1").await);
    let (mut first, mut second) = (patrick0.socket(&cluster, 0).await, patrick1.socket(&cluster, 1).await);
    let (me, peer) = (patrick0.id, patrick1.id);

    let sent = first
        .ask_text(&format!(
            r#"{{
"type": "privateMessage",
"params": {{
"receiverId": {peer},
"content":"Hi"
}}
}}"#
        ))
        .await;
    let stored = like(
        &sent,
        r#"{"type":"privateMessage","success":true,"params":{"data":null,"message":null,"senderName":null,"messageId":<number>,"seq":1,"createdAt":"<time>"}}"#,
    );
    let [id, at] = [&stored[0], &stored[1]];
    assert_eq!(
        second.text().await,
        format!(
            r#"{{"type":"privateMessage","success":true,"params":{{"data":null,"message":"Hi","senderName":"Patrick0","messageId":{id},"seq":1,"senderId":{me},"receiverId":{peer},"createdAt":"{at}"}}}}"#
        )
    );

    let list = r#"{
"type": "listLastMessage",
"params": {
"limit": 5,
"page": 1
}
}"#;
    let chats = format!(
        r#"{{"type":"listLastMessage","success":true,"params":{{"data":[{{"id":{id},"senderId":{me},"senderName":"Patrick0","receiverId":{peer},"receiverName":"Patrick1","groupId":null,"groupName":null,"content":"Hi","createdAt":"{at}","updatedAt":"{at}","deletedAt":null}}],"message":null,"senderName":null}}}}"#
    );
    assert_eq!(first.ask_text(list).await, chats);
    assert_eq!(second.ask_text(list).await, chats, "the same for either side");

    let dialog = second
        .ask_text(&format!(
            r#"{{
"type": "getlatestMessageDialog",
"params": {{
"receiverId":{me},
"limit": 5,
"page": 1
}}
}}"#
        ))
        .await;
    assert_eq!(
        dialog,
        format!(
            r#"{{"type":"getlatestMessageDialog","success":true,"params":{{"data":[{{"sender_id":{me},"receiver_id":{peer},"receverName":"Patrick1","content":"Hi","created_at":"{at}"}}],"message":null,"senderName":null}}}}"#
        )
    );
}

#[tokio::test]
async fn groups_from_their_creation_to_leaving_them() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let (patrick0, patrick7) = (people.join("Patrick0").await, people.join("Patrick7").await);
    let mut socket = patrick7.socket(&cluster, 2).await;
    let other = patrick0.id;

    let created =
        socket.ask_text("{\n\"type\": \"newGroup\",\n\"params\": {\n\"groupName\": \"new name\"\n}\n}").await;
    let example = r#"{"type":"newGroup","success":true,"params":{"data":null,"message":null,"senderName":null,"groupId":<number>}}"#;
    let group = like(&created, example).remove(0);

    let added = socket
        .ask_text(&format!(
            "{{\n\"type\": \"addUserInGroup\",\n\"params\": {{\n\"groupId\": {group},\n\"userId\": {other}\n}}\n}}"
        ))
        .await;
    let nothing = |kind: &str| {
        format!(
            r#"{{"type":"{kind}","success":true,"params":{{"data":null,"message":null,"senderName":null}}}}"#
        )
    };
    assert_eq!(added, nothing("addUserInGroup"));
    let notice = socket.push("addUserInGroup").await;
    assert_eq!(notice["message"], json!(format!("User #{} added in group.", patrick7.email)));

    let sent = socket
        .ask_text(&format!(
            "{{\n\"type\": \"messageInGroup\",\n\"params\": {{\n\"groupId\": {group},\n\"content\": \"lol\"\n}}\n}}"
        ))
        .await;
    let stored = like(
        &sent,
        r#"{"type":"messageInGroup","success":true,"params":{"data":null,"message":null,"senderName":null,"messageId":<number>,"seq":3,"createdAt":"<time>"}}"#,
    );

    let history = format!(
        "{{\n\"type\": \"getlatestMessageGroup\",\n\"params\": {{\n\"groupId\": {group},\n\"limit\": 5,\n\"page\": 1\n}}\n}}"
    );
    assert_eq!(
        socket.ask_text(&history).await,
        format!(
            r#"{{"type":"getlatestMessageGroup","success":true,"params":{{"data":[{{"sender_id":{},"senderName":"Patrick7","group_id":{group},"created_at":"{}","content":"lol"}}],"message":null,"senderName":null}}}}"#,
            patrick7.id, stored[1],
        )
    );

    let left = socket
        .ask_text(&format!("{{\n\"type\": \"leaveGroup\",\n\"params\": {{\n\"groupId\": {group}\n}}\n}}"))
        .await;
    assert_eq!(left, nothing("leaveGroup"));
    let again = format!(r#"{{"type":"addUserInGroup","params":{{"groupId":{group},"userId":{other}}}}}"#);
    assert_eq!(
        socket.ask_text(&again).await,
        r#"{"error":true,"type":"addUserInGroup","message":"User is not a member of this group","code":"not_a_member"}"#
    );
}
