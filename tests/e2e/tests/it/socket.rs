//! A socket as the documentation shows it: text frames out, text frames in.

use messenger_client::socket::{Frame, RawConnection};
use serde_json::{Value, json};

use crate::people::SOON;

pub(crate) struct Socket(pub(crate) RawConnection);

impl Socket {
    pub(crate) async fn send(&mut self, frame: &str) {
        self.0.send_text(frame).await.unwrap();
    }

    /// The next text frame, to the letter.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            match self.0.next_frame(SOON).await.unwrap() {
                Frame::Text(text) => return text,
                Frame::Ping(_) | Frame::Pong(_) => {}
                other => panic!("{other:?} instead of text"),
            }
        }
    }

    /// The next text frame.
    pub(crate) async fn next(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// Sends a frame and takes the next one that comes, to the letter.
    pub(crate) async fn ask_text(&mut self, frame: &str) -> String {
        self.send(frame).await;
        self.text().await
    }

    /// Asks and takes the next frame that comes, which must be the success.
    pub(crate) async fn ask(&mut self, kind: &str, params: Value) -> Value {
        let reply = self.ask_text(&request(kind, params)).await;
        let reply: Value = serde_json::from_str(&reply).unwrap();
        assert_eq!((&reply["type"], &reply["success"]), (&json!(kind), &json!(true)), "{reply}");
        assert!(reply["params"]["message"].is_null(), "a push instead of the reply: {reply}");
        reply["params"].clone()
    }

    /// Asks and takes the next frame that comes, which must be a failure: its sentence.
    pub(crate) async fn refused(&mut self, kind: &str, params: Value) -> String {
        let reply = self.ask_text(&request(kind, params)).await;
        let reply: Value = serde_json::from_str(&reply).unwrap();
        assert_eq!((&reply["type"], &reply["error"]), (&json!(kind), &json!(true)), "{reply}");
        reply["message"].as_str().unwrap().to_owned()
    }

    /// The next frame, which must be a push of this type: what it carries.
    pub(crate) async fn push(&mut self, kind: &str) -> Value {
        let push = self.next().await;
        assert_eq!((&push["type"], &push["success"]), (&json!(kind), &json!(true)), "{push}");
        assert!(push["params"]["message"].is_string(), "no push: {push}");
        push["params"].clone()
    }

    /// Reads on to the end: the close code.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        self.0.close_code(SOON).await.unwrap()
    }
}

pub(crate) fn request(kind: &str, params: Value) -> String {
    let frame = [("type".to_owned(), kind.into()), ("params".to_owned(), params)];
    Value::Object(frame.into_iter().collect()).to_string()
}
