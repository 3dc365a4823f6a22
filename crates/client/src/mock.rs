//! A gateway in this process for tests: the server's half of a WebSocket over an in-memory pipe, so that time
//! can stand still. What it answers is up to the test.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// Bytes the pipe holds.
pub(crate) const PIPE_BYTES: usize = 64 * 1024;
/// How long a test waits for what must come.
pub(crate) const SOON: Duration = Duration::from_secs(3600);

/// The server's half of one socket.
pub(crate) struct Peer {
    socket: WebSocketStream<DuplexStream>,
    /// The `Authorization` header of the handshake.
    pub(crate) authorization: Option<String>,
}

impl Peer {
    /// Accepts a handshake; answers it with `status` when that is not 101.
    pub(crate) async fn accept(pipe: DuplexStream, status: u16) -> Option<Self> {
        let mut authorization = None;
        #[expect(clippy::result_large_err, reason = "the callback's type is the library's")]
        let judge = |request: &Request, response: Response| {
            let header = request.headers().get("authorization");
            authorization = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
            if status == 101 { Ok(response) } else { Err(refusal(status)) }
        };
        accept_hdr_async(pipe, judge).await.ok().map(|socket| Self { socket, authorization })
    }

    /// The next request, which must come soon.
    pub(crate) async fn request(&mut self) -> Value {
        timeout(SOON, async {
            loop {
                match self.socket.next().await.expect("open").expect("readable") {
                    Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                    Message::Ping(_) | Message::Pong(_) => {}
                    other => panic!("not a request: {other:?}"),
                }
            }
        })
        .await
        .expect("a request in time")
    }

    /// Reads the socket to its end; whether the client closed it in an orderly way.
    pub(crate) async fn ends(&mut self) -> bool {
        timeout(SOON, async {
            let mut orderly = false;
            while let Some(Ok(message)) = self.socket.next().await {
                orderly |= matches!(message, Message::Close(_));
            }
            orderly
        })
        .await
        .expect("an end in time")
    }

    pub(crate) async fn say(&mut self, frame: &Value) {
        self.socket.send(Message::text(frame.to_string())).await.expect("sent");
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.send(message).await.expect("sent");
    }

    /// Answers `request` with success; `added` joins the three documented keys.
    pub(crate) async fn succeed(&mut self, request: &Value, added: Value) {
        let params = with(json!({"data": null, "message": null, "senderName": null}), added);
        self.say(&json!({"type": request["type"], "requestId": request["requestId"], "success": true,
            "params": params}))
            .await;
    }

    /// Answers a send with where it was stored.
    pub(crate) async fn store(&mut self, request: &Value, seq: u64) {
        self.succeed(request, json!({"messageId": 1000 + seq, "seq": seq, "createdAt": at(seq)})).await;
    }

    /// Answers `request` with failure; `added` joins the documented keys.
    pub(crate) async fn refuse(&mut self, request: &Value, message: &str, added: Value) {
        let frame = json!({"error": true, "type": request["type"], "requestId": request["requestId"],
            "message": message});
        self.say(&with(frame, added)).await;
    }

    /// Pushes a private message from user `sender` to user `receiver`.
    pub(crate) async fn deliver(&mut self, sender: i64, receiver: i64, seq: u64, content: &str) {
        self.say(&json!({"type": "privateMessage", "success": true, "params": {"data": null,
            "message": content, "senderName": "Ann", "messageId": 1000 + seq, "seq": seq,
            "senderId": sender, "receiverId": receiver, "createdAt": at(seq)}}))
            .await;
    }

    pub(crate) async fn close(&mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "as the test says".into() };
        self.send(Message::Close(Some(frame))).await;
    }
}

/// When entry `seq` was stored.
pub(crate) fn at(seq: u64) -> String {
    format!("2023-07-28T13:20:09.{seq:03}Z")
}

fn with(mut object: Value, added: Value) -> Value {
    if let (Some(object), Value::Object(added)) = (object.as_object_mut(), added) {
        object.extend(added);
    }
    object
}

fn refusal(status: u16) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some("no".to_owned()));
    *response.status_mut() = status.try_into().expect("a status");
    response
}
