//! A session that has ended has no sockets: on every gateway, within a second, whatever is away meanwhile.

use std::time::Duration;

use messenger_backing::Durability;
use messenger_client::rest::{Accounts, RestError};
use messenger_client::socket::{ConnectError, Frame, Handshake, Options, RawConnection};
use messenger_support::{Cluster, ClusterOptions, private_postgres, private_redis};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::people::{PASSWORD, People, Person, SOON, shared};
use crate::socket::Socket;

/// Pushed over Redis: at once, on a machine that is busy with other tests.
const PUSHED: Duration = Duration::from_secs(1);
/// Found in the log: its interval, a call, and a busy machine.
const FOUND: Duration = Duration::from_secs(3);

/// Another log-in of the same person: its token.
async fn log_in(accounts: &Accounts, person: &Person) -> SecretString {
    accounts.log_in(&person.email, &SecretString::from(PASSWORD)).await.unwrap().token
}

async fn change_password(accounts: &Accounts, person: &Person) -> Instant {
    let (old, new) = (SecretString::from(PASSWORD), SecretString::from("a wholly new one"));
    accounts.change_password(person.token(), &old, &new).await.unwrap();
    Instant::now()
}

pub(crate) async fn open(
    cluster: &Cluster,
    gateway: usize,
    token: &SecretString,
) -> Result<Socket, ConnectError> {
    let handshake = Handshake::new(cluster.url(gateway)).bearer(token.expose_secret()).unwrap();
    RawConnection::open(&handshake, &Options::default()).await.map(Socket)
}

pub(crate) async fn is_refused(cluster: &Cluster, gateway: usize, token: &SecretString) -> bool {
    matches!(open(cluster, gateway, token).await, Err(ConnectError::Refused { status: 401, .. }))
}

/// Reads on to the end: the close code, and the text frames that came before it.
async fn to_the_end(mut socket: Socket) -> (Option<u16>, Vec<String>) {
    let mut texts = Vec::new();
    loop {
        match socket.0.next_frame(SOON).await.unwrap() {
            Frame::Closed(closed) => return (closed.code, texts),
            Frame::Text(text) => texts.push(text),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_changed_password_puts_all_other_log_ins_out_on_every_gateway_at_once() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let stolen = log_in(&people.accounts, &ann).await;
    let mut others = Vec::new();
    for gateway in [0, 1, 2, 0] {
        others.push(open(&cluster, gateway, &stolen).await.unwrap());
    }
    let (mut own, mut bobs) = (ann.socket(&cluster, 1).await, bob.socket(&cluster, 2).await);
    let changed = change_password(&people.accounts, &ann).await;
    for socket in &mut others {
        assert_eq!(socket.close_code().await, Some(4001));
    }
    assert!(changed.elapsed() < PUSHED, "{:?}", changed.elapsed());
    for gateway in 0..3 {
        assert!(is_refused(&cluster, gateway, &stolen).await, "gateway {gateway}");
    }
    assert!(matches!(
        people.accounts.profile(stolen.expose_secret()).await,
        Err(RestError::Refused { status: 401, .. })
    ));
    bobs.ask("privateMessage", json!({ "receiverId": ann.id, "content": "still you?" })).await;
    assert_eq!(own.push("privateMessage").await["message"], "still you?");
    open(&cluster, 0, &ann.token).await.unwrap();
}

#[tokio::test]
async fn whoever_logs_out_ends_a_device_or_shows_a_spent_token_is_out_at_once() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let accounts = &people.accounts;
    let ann = people.join("Ann").await;
    let password = SecretString::from(PASSWORD);
    let log_in = async || accounts.log_in(&ann.email, &password).await.unwrap();
    let (left, lost, copied) = (log_in().await, log_in().await, log_in().await);
    let mut own = ann.socket(&cluster, 0).await;
    let mut sockets = Vec::new();
    for (gateway, session) in [&left, &lost, &copied].into_iter().enumerate() {
        sockets.push(open(&cluster, gateway, &session.token).await.unwrap());
    }

    accounts.log_out(left.token.expose_secret()).await.unwrap();
    let devices = accounts.sessions(ann.token()).await.unwrap();
    // Newest first: the copied one, the lost one, this one.
    assert_eq!(devices.len(), 3);
    accounts.end_session(ann.token(), devices[1].id).await.unwrap();
    let spent = copied.refresh_token.as_ref().unwrap();
    let first = accounts.refresh(spent).await.unwrap();
    let second = accounts.refresh(first.refresh_token.as_ref().unwrap()).await.unwrap();
    assert!(accounts.refresh(spent).await.is_err(), "it was spent two refreshes ago");
    let ended = Instant::now();
    for socket in &mut sockets {
        assert_eq!(socket.close_code().await, Some(4001));
    }
    assert!(ended.elapsed() < PUSHED, "{:?}", ended.elapsed());
    for token in [&left.token, &lost.token, &copied.token, &first.token, &second.token] {
        assert!(is_refused(&cluster, 2, token).await);
    }
    own.ask("listLastMessage", json!({ "limit": 1, "page": 1 })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_the_log_of_ended_sessions_is_enough() {
    let mut cluster = Cluster::start(ClusterOptions {
        gateways: 2,
        redis: Some(private_redis()),
        ..ClusterOptions::default()
    })
    .await;
    let people = People::of(&cluster);
    let ann = people.join("Ann").await;
    let stolen = log_in(&people.accounts, &ann).await;
    let mut others = [open(&cluster, 0, &stolen).await.unwrap(), open(&cluster, 1, &stolen).await.unwrap()];
    cluster.redis().stop_immediate().unwrap();
    let changed = change_password(&people.accounts, &ann).await;
    for socket in &mut others {
        assert_eq!(socket.close_code().await, Some(4001));
    }
    assert!(changed.elapsed() < FOUND, "{:?}", changed.elapsed());
    assert!(is_refused(&cluster, 0, &stolen).await && is_refused(&cluster, 1, &stolen).await);
    // A gateway that was not there when it happened knows it, too, before it lets anybody in.
    cluster.terminate(1, FOUND * 10).await;
    cluster.restart(1).await;
    assert!(is_refused(&cluster, 1, &stolen).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_stood_still_shows_nothing_to_whom_was_put_out_meanwhile() {
    let mut cluster = Cluster::start(ClusterOptions {
        gateways: 2,
        settings: &[("GATEWAY_ACCOUNTS_DEADLINE_MS", "1000")],
        postgres: Some(private_postgres(Durability::Disposable, &[])),
        ..ClusterOptions::default()
    })
    .await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let stolen = log_in(&people.accounts, &ann).await;
    let mut thief = open(&cluster, 0, &stolen).await.unwrap();
    let mut bobs = bob.socket(&cluster, 1).await;
    bobs.ask("privateMessage", json!({ "receiverId": ann.id, "content": "before" })).await;
    assert_eq!(thief.push("privateMessage").await["message"], "before");
    cluster.freeze(0);
    change_password(&people.accounts, &ann).await;
    for number in 0..20 {
        bobs.ask("privateMessage", json!({ "receiverId": ann.id, "content": format!("secret {number}") }))
            .await;
    }
    // Longer than what the gateway knows of ended sessions may be relied on.
    sleep(Duration::from_secs(5)).await;
    cluster.thaw(0);
    let (code, shown) = to_the_end(thief).await;
    assert!(matches!(code, Some(4001 | 1012)), "{code:?}");
    assert_eq!(shown, [""; 0], "what was written after the end of the session");
}
