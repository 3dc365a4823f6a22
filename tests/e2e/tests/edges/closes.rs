//! Sockets that are closed for their user's or their client's sake, while others are served.

use messenger_client::socket::{Connection, Handshake, Options, RawConnection};
use messenger_client::wire::{ListLastMessage, PrivateMessage};
use messenger_support::{Cluster, ClusterOptions};
use serde_json::json;
use tokio::net::TcpSocket;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::bare::Bare;
use crate::people::{People, Person, SOON, Shared};
use crate::until::metric;

/// Sockets of one user on a gateway.
const SOCKETS: usize = 3;
/// The largest content: fills the buffers of a client that does not read.
const CONTENT_BYTES: usize = 16_384;
/// More than all buffers between the gateway and such a client hold.
const MESSAGES_MAX: usize = 3_000;

async fn stage() -> Shared {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    let settings = [
        ("GATEWAY_SOCKETS_PER_USER", &*SOCKETS.to_string()),
        ("GATEWAY_OUTBOX_BYTES", "65536"),
        ("GATEWAY_WRITE_STALL_MS", "2000"),
    ];
    Shared::start(&CLUSTER, ClusterOptions { gateways: 2, settings: &settings, ..ClusterOptions::default() })
        .await
}

/// A socket whose client does not read, behind the smallest of buffers.
async fn unread(cluster: &Cluster, person: &Person) -> RawConnection {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let stream = socket.connect(cluster.gateway(1).http().parse().unwrap()).await.unwrap();
    let handshake = Handshake::new(cluster.url(1)).bearer(person.token()).unwrap();
    RawConnection::over(stream, &handshake, &Options::default()).await.unwrap()
}

/// Sends one message after the other; the receiver has each before the next one is sent.
async fn flood(cluster: &Cluster, from: &Connection, to: &Person, receiver: &mut Connection) -> usize {
    for number in 0..MESSAGES_MAX {
        let content = format!("{number:x<CONTENT_BYTES$}");
        let message = PrivateMessage { receiver_id: to.id, content: &content, client_message_id: None };
        from.request(&message).await.unwrap();
        let push = timeout(SOON, receiver.recv()).await.unwrap().unwrap();
        assert_eq!(push.delivery().unwrap().text, content);
        let closed = metric(cluster.gateway(1).admin(), "gateway_closes_total", "slow consumer").await;
        if closed > 0.0 {
            return number;
        }
    }
    panic!("the slow socket is still open after {MESSAGES_MAX} messages");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_with_4009_and_nobody_waits_for_it() {
    let cluster = stage().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let mut slow = unread(&cluster, &bob).await;
    let (a, mut quick) = (ann.connect(&cluster, 0).await, bob.connect(&cluster, 1).await);
    let sent = flood(&cluster, &a, &bob, &mut quick).await;
    assert!(sent > 0, "the buffers hold more than one message");
    assert_eq!(slow.close_code(SOON).await.unwrap(), Some(4009));
    quick.request(&ListLastMessage { limit: 1, page: 1 }).await.unwrap();
}

#[tokio::test]
async fn of_too_many_sockets_of_a_user_the_oldest_is_closed_with_4005() {
    let cluster = stage().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let mut others = bob.socket(&cluster, 0).await;
    let mut elsewhere = ann.socket(&cluster, 1).await;
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS + 2 {
        sockets.push(ann.socket(&cluster, 0).await);
    }
    let young = sockets.split_off(2);
    for mut old in sockets {
        assert_eq!(old.close_code().await, Some(4005));
    }
    for socket in young.into_iter().chain([elsewhere]) {
        elsewhere = socket;
        elsewhere.ask("listLastMessage", json!({ "limit": 1, "page": 1 })).await;
    }
    others.ask("listLastMessage", json!({ "limit": 1, "page": 1 })).await;
}

#[tokio::test]
async fn a_removed_user_is_put_out_of_every_gateway_and_does_not_come_back() {
    let cluster = stage().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let mut b = bob.socket(&cluster, 0).await;
    let mut sockets = [ann.socket(&cluster, 0).await, ann.socket(&cluster, 1).await];
    people.accounts.destroy(ann.token()).await.unwrap();
    for (gateway, socket) in sockets.iter_mut().enumerate() {
        assert_eq!(socket.close_code().await, Some(4001));
        let bearer = format!("Authorization: Bearer {}\r\n", ann.token());
        let (status, head) = Bare::connect(&cluster, gateway).await.shake(&bearer).await;
        assert_eq!(status, 401, "{head}");
    }
    b.ask("listLastMessage", json!({ "limit": 1, "page": 1 })).await;
}
