//! Both levels of a socket against a gateway in this process, over a pipe and with time standing still.

use serde_json::{Value, json};
use tokio::io::duplex;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::mock::{PIPE_BYTES, Peer, SOON, at};
use crate::wire::{LeaveGroup, PrivateMessage, Push, Sent};

async fn raw_pair(options: &Options) -> (RawConnection, Peer) {
    let (ours, theirs) = duplex(PIPE_BYTES);
    let handshake = Handshake::new("ws://gateway/").bearer("tok").expect("a header");
    let (raw, peer) = tokio::join!(RawConnection::over(ours, &handshake, options), Peer::accept(theirs, 101));
    (raw.expect("open"), peer.expect("accepted"))
}

async fn pair(options: &Options) -> (Connection, Peer) {
    let (raw, peer) = raw_pair(options).await;
    (Connection::start(raw, options), peer)
}

fn hello(receiver_id: i64) -> PrivateMessage<'static> {
    PrivateMessage { receiver_id, content: "Hi", client_message_id: None }
}

#[tokio::test(start_paused = true)]
async fn the_token_goes_into_the_handshake() {
    let (_connection, peer) = pair(&Options::default()).await;
    assert_eq!(peer.authorization.as_deref(), Some("Bearer tok"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_handshake_tells_its_status() {
    let (ours, theirs) = duplex(PIPE_BYTES);
    let (handshake, options) = (Handshake::new("ws://gateway/"), Options::default());
    let (raw, _) = tokio::join!(RawConnection::over(ours, &handshake, &options), Peer::accept(theirs, 401));
    let Err(ConnectError::Refused { status: 401, body }) = raw else { panic!("{raw:?}") };
    assert_eq!(body, "no");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_says_nothing_is_given_up_in_time() {
    let (ours, _theirs) = duplex(PIPE_BYTES);
    let opened = RawConnection::over(ours, &Handshake::new("ws://gateway/"), &Options::default()).await;
    assert!(matches!(opened, Err(ConnectError::TimedOut(_))), "{opened:?}");
}

#[tokio::test]
async fn nobody_there_is_a_network_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let error = Connection::open(&url, "tok").await.expect_err("nobody");
    assert!(matches!(error, ConnectError::Network(_)), "{error}");
    let error = Connection::open("not an address", "tok").await.expect_err("no address");
    assert!(matches!(error, ConnectError::Unusable("address")), "{error}");
}

#[tokio::test(start_paused = true)]
async fn replies_find_their_requests_in_any_order() {
    let (connection, mut peer) = pair(&Options::default()).await;
    let sender = connection.sender();
    let first = sender.submit(&hello(1)).await.expect("submitted");
    let second = sender.submit(&hello(2)).await.expect("submitted");
    let third = sender.submit(&LeaveGroup { group_id: 3 }).await.expect("submitted");
    let (a, b, c) = (peer.request().await, peer.request().await, peer.request().await);
    assert_eq!((&a["params"]["receiverId"], &b["params"]["receiverId"]), (&json!(1), &json!(2)));
    peer.refuse(&c, "User is not a member of this group", json!({"code": "not_a_member"})).await;
    peer.store(&b, 2).await;
    peer.store(&a, 1).await;
    let sent =
        |seq: u8| Sent { message_id: 1000 + i64::from(seq), seq: seq.into(), created_at: at(seq.into()) };
    assert_eq!(second.await.expect("stored"), sent(2));
    assert_eq!(first.await.expect("stored"), sent(1));
    let RequestError::Refused(refusal) = third.await.expect_err("refused") else { panic!("not refused") };
    assert_eq!(refusal.code.as_deref(), Some("not_a_member"));
}

#[tokio::test(start_paused = true)]
async fn pushes_and_stray_frames_are_told_from_replies() {
    let (mut connection, mut peer) = pair(&Options::default()).await;
    let sender = connection.sender();
    let pending = sender.submit(&hello(1)).await.expect("submitted");
    let request = peer.request().await;
    peer.deliver(2, 1, 7, "Hello").await;
    let stray = json!({"error": true, "type": "processor", "message": "There is no such type"});
    peer.say(&stray).await;
    let never_asked = json!({"type": "leaveGroup", "requestId": "99", "success": true,
        "params": {"data": null, "message": null, "senderName": null}});
    peer.say(&never_asked).await;
    peer.store(&request, 8).await;
    assert_eq!(pending.await.expect("stored").seq, 8);

    let Some(Push::PrivateMessage(delivery)) = connection.recv().await else { panic!("no message") };
    assert_eq!((delivery.text.as_str(), delivery.seq), ("Hello", Some(7)));
    for expected in [stray, never_asked] {
        let Some(Push::Unknown(text)) = connection.recv().await else { panic!("no stray frame") };
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_go_out_than_may_be_in_flight() {
    let options = Options { in_flight: 2, ..Options::default() };
    let (connection, mut peer) = pair(&options).await;
    let sender = connection.sender();
    let first = sender.submit(&hello(1)).await.expect("submitted");
    let _second = sender.submit(&hello(2)).await.expect("submitted");
    let message = hello(3);
    let third = sender.submit(&message);
    tokio::pin!(third);
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut third).await.is_err(), "a third went out");
    let request = peer.request().await;
    peer.store(&request, 1).await;
    first.await.expect("stored");
    let _third = third.await.expect("its turn came");
    assert_eq!(peer.request().await["params"]["receiverId"], 2);
    assert_eq!(peer.request().await["params"]["receiverId"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_is_nobodys() {
    let options = Options { in_flight: 1, ..Options::default() };
    let (mut connection, mut peer) = pair(&options).await;
    let error = connection.request(&hello(1)).await.expect_err("no reply");
    assert!(matches!(error, RequestError::TimedOut(_)), "{error}");
    let late = peer.request().await;
    // The turn of the request that was given up is free again.
    let sender = connection.sender();
    let second = sender.submit(&hello(2)).await.expect("submitted");
    let request = peer.request().await;
    peer.store(&late, 1).await;
    peer.store(&request, 2).await;
    assert_eq!(second.await.expect("stored").seq, 2);
    peer.close(1012).await;
    assert_eq!(connection.recv().await, None, "the late reply is not a push");
}

#[tokio::test(start_paused = true)]
async fn a_close_answers_all_who_wait_and_tells_its_code() {
    let (mut connection, mut peer) = pair(&Options::default()).await;
    let sender = connection.sender();
    let pending = sender.submit(&hello(1)).await.expect("submitted");
    peer.deliver(2, 1, 1, "last").await;
    peer.close(4009).await;
    let RequestError::Closed(closed) = pending.await.expect_err("closed") else { panic!("not closed") };
    assert_eq!((closed.code, closed.verdict()), (Some(4009), Verdict::Reconnect));
    assert!(matches!(connection.recv().await, Some(Push::PrivateMessage(_))), "what came before stays");
    assert_eq!(connection.recv().await, None);
    assert_eq!(connection.closed(), Some(&closed));
    assert!(matches!(sender.request(&hello(1)).await, Err(RequestError::Closed(_))));
    assert!(peer.ends().await, "the close was answered");
}

#[tokio::test(start_paused = true)]
async fn closing_is_orderly_even_when_nobody_takes_pushes() {
    let options = Options { push_queue: 1, ..Options::default() };
    let (connection, mut peer) = pair(&options).await;
    for seq in 1..=3 {
        peer.deliver(2, 1, seq, "Hello").await;
    }
    let (closed, orderly) = tokio::join!(connection.close(), peer.ends());
    assert!(orderly);
    assert_eq!(closed.code, Some(1000));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_connection_fails_its_senders() {
    let (connection, mut peer) = pair(&Options::default()).await;
    let sender = connection.sender();
    let pending = sender.submit(&hello(1)).await.expect("submitted");
    drop(connection);
    assert!(matches!(pending.await, Err(RequestError::Closed(_))));
    peer.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_then_given_up() {
    let (mut connection, mut peer) = pair(&Options::default()).await;
    // A peer that reads answers pings: the connection outlives its limit of silence many times.
    assert!(tokio::time::timeout(10 * Options::default().silence, peer.ends()).await.is_err());
    assert_eq!(connection.closed(), None);
    let silent_from = tokio::time::Instant::now();
    assert_eq!(connection.recv().await, None);
    assert_eq!(connection.closed().expect("closed").reason, "the peer fell silent");
    assert!(silent_from.elapsed() <= Options::default().silence * 3 / 2);
}

#[tokio::test(start_paused = true)]
async fn the_raw_level_shows_every_frame() {
    let (mut raw, mut peer) = raw_pair(&Options::default()).await;
    for message in [Message::text("odd"), Message::binary(vec![0, 159]), Message::Ping(vec![1].into())] {
        peer.send(message).await;
    }
    assert_eq!(raw.next_frame(SOON).await.expect("text"), Frame::Text("odd".into()));
    assert_eq!(raw.next_frame(SOON).await.expect("bytes"), Frame::Binary(vec![0, 159]));
    assert_eq!(raw.next_frame(SOON).await.expect("ping"), Frame::Ping(vec![1]));
    assert!(matches!(raw.next_frame(SOON).await, Err(FrameError::TimedOut(_))));
    raw.send_text("[1]").await.expect("sent");
    assert_eq!(peer.request().await, json!([1]));
    peer.send(Message::text("before the end")).await;
    peer.close(4004).await;
    assert_eq!(raw.close_code(SOON).await.expect("closed"), Some(4004));
    assert!(matches!(raw.next_frame(SOON).await, Ok(Frame::Closed(_))), "the end stays");
}

#[tokio::test(start_paused = true)]
async fn a_lean_socket_pairs_replies_and_keeps_pushes_for_those_who_wait() {
    let options = Options::default();
    let (raw, mut peer) = raw_pair(&options).await;
    let mut lean = LeanConnection::start(raw, &options);
    peer.deliver(2, 1, 7, "Hello").await;
    let Ok(Push::PrivateMessage(delivery)) = lean.recv().await else { panic!("a delivery") };
    assert_eq!(delivery.text, "Hello");
    let serve = async {
        let request = peer.request().await;
        peer.deliver(2, 1, 8, "passed over").await;
        peer.store(&request, 9).await;
        let request = peer.request().await;
        peer.refuse(&request, "User is not a member of this group", json!({"code": "not_a_member"})).await;
        peer
    };
    let leave = LeaveGroup { group_id: 3 };
    let ask = async { (lean.request(&hello(1)).await, lean.request(&leave).await) };
    let ((sent, refused), peer) = tokio::join!(ask, serve);
    assert_eq!(sent.expect("stored").seq, 9);
    assert!(matches!(refused, Err(RequestError::Refused(_))), "{refused:?}");
    drop(peer);
    assert!(lean.recv().await.is_err(), "the peer is gone");
}

#[tokio::test]
async fn a_socket_that_may_be_reset_is() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = ("127.0.0.1".to_owned(), listener.local_addr().expect("an address").port());
    let options = Options { reset: true, receive_buffer: Some(4096), ..Options::default() };
    let (dialled, accepted) = tokio::join!(dial::dial(endpoint, &options), listener.accept());
    drop(dialled.expect("connected"));
    let mut byte = [0];
    let read = tokio::io::AsyncReadExt::read(&mut accepted.expect("accepted").0, &mut byte).await;
    assert_eq!(read.expect_err("no orderly end").kind(), std::io::ErrorKind::ConnectionReset);
}
