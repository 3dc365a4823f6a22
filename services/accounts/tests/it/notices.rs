//! Change notices over Redis, and that a dead Redis bothers nobody.

use std::time::{Duration, Instant};

use messenger_proto::accounts::UserChanged;
use messenger_proto::accounts::user_changed::Kind;
use messenger_support::private_redis;
use nix::sys::signal::Signal;
use prost::Message as _;
use serde_json::json;
use uuid::Uuid;

use crate::service::{LoggedIn, PASSWORD, PATIENCE, Service};

/// The channel that the contract names.
const CHANNEL: &str = "messenger:users";

/// A subscriber on a thread of its own; each notice comes as (user, kind, sessions that ended).
fn subscribe(url: &str, channel: &'static str) -> std::sync::mpsc::Receiver<(i64, Kind, Vec<Uuid>)> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let (ready, subscribed) = std::sync::mpsc::channel();
    let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
    std::thread::spawn(move || {
        let mut subscription = connection.as_pubsub();
        subscription.subscribe(channel).unwrap();
        ready.send(()).unwrap();
        while let Ok(message) = subscription.get_message() {
            let notice = UserChanged::decode(message.get_payload_bytes()).unwrap();
            let ended = notice.ended_session_ids.iter().map(|id| Uuid::from_slice(id).unwrap()).collect();
            if sender.send((notice.user_id, notice.kind(), ended)).is_err() {
                return;
            }
        }
    });
    subscribed.recv_timeout(PATIENCE).unwrap();
    receiver
}

async fn rename(service: &Service, user: &LoggedIn, name: &str) -> u16 {
    service.patch("/profile/update", &user.token, &json!({ "firstName": name })).await.status
}

#[tokio::test]
async fn changes_are_told_after_they_happened() {
    let redis = private_redis();
    let notices = subscribe(&redis.url(), CHANNEL);
    let service = Service::start_with(&[("ACCOUNTS_REDIS_URL", &redis.url())]).await;
    let user = service.user("ann@x.io", None).await;
    assert_eq!(rename(&service, &user, "Ann").await, 201);
    assert_eq!(notices.recv_timeout(PATIENCE).unwrap(), (user.id, Kind::Updated, vec![]));
    let other = service.log_in("ann@x.io").await;
    let change = json!({ "oldPassword": PASSWORD, "newPassword": "battery staple" });
    assert_eq!(service.patch("/profile/change-password", &user.token, &change).await.status, 201);
    let signed_out = (user.id, Kind::SignedOut, vec![other.session()]);
    assert_eq!(notices.recv_timeout(PATIENCE).unwrap(), signed_out);
    assert_eq!(service.destroy(&user.token).await.status, 200);
    assert_eq!(notices.recv_timeout(PATIENCE).unwrap(), (user.id, Kind::Removed, vec![user.session()]));
}

#[tokio::test]
async fn every_way_in_which_a_session_ends_is_told() {
    let redis = private_redis();
    let notices = subscribe(&redis.url(), CHANNEL);
    let settings = [
        ("ACCOUNTS_REDIS_URL", redis.url()),
        ("ACCOUNTS_SESSIONS_PER_USER", "2".to_owned()),
        ("ACCOUNTS_REFRESH_GRACE_SECONDS", "60".to_owned()),
    ];
    let service = Service::start_with(&settings.each_ref().map(|(key, value)| (*key, value.as_str()))).await;
    let first = service.user("ann@x.io", None).await;
    let told = |session: Uuid| {
        assert_eq!(notices.recv_timeout(PATIENCE).unwrap(), (first.id, Kind::SignedOut, vec![session]));
    };
    let second = service.log_in("ann@x.io").await;
    let third = service.log_in("ann@x.io").await;
    told(first.session());
    assert_eq!(service.log_out(&second.token).await.status, 204);
    told(second.session());
    let fourth = service.log_in("ann@x.io").await;
    assert_eq!(service.revoke(&fourth.token, &third.session().to_string()).await.status, 204);
    told(third.session());
    let once = service.refreshed(&fourth.refresh_token).await;
    service.refreshed(&once.refresh_token).await;
    service.refresh(&fourth.refresh_token).await.refused(401, "unauthorized");
    told(fourth.session());
    assert!(notices.try_recv().is_err());
}

#[tokio::test]
async fn a_refused_change_is_not_told() {
    let redis = private_redis();
    let notices = subscribe(&redis.url(), CHANNEL);
    let service = Service::start_with(&[("ACCOUNTS_REDIS_URL", &redis.url())]).await;
    let user = service.user("ann@x.io", None).await;
    assert_eq!(rename(&service, &user, " ").await, 400);
    service.patch("/profile/update", &user.token, &json!({ "email": "no" })).await.invalid(&["email"]);
    assert_eq!(rename(&service, &user, "Ann").await, 201);
    assert_eq!(notices.recv_timeout(PATIENCE).unwrap(), (user.id, Kind::Updated, vec![]));
    assert!(notices.try_recv().is_err());
}

#[tokio::test]
async fn a_redis_that_is_frozen_or_gone_delays_nothing() {
    let mut redis = private_redis();
    let service = Service::start_with(&[("ACCOUNTS_REDIS_URL", &redis.url())]).await;
    let user = service.user("ann@x.io", None).await;
    assert_eq!(rename(&service, &user, "Before").await, 201);

    redis.server().unwrap().freeze().unwrap();
    let started = Instant::now();
    for n in 0..20 {
        assert_eq!(rename(&service, &user, &format!("Frozen{n}")).await, 201);
    }
    // Each notice would wait a second for its answer.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());

    redis.server().unwrap().stop_immediate().unwrap();
    assert_eq!(rename(&service, &user, "Gone").await, 201);
    service.log.wait_for("warning", |line| line.contains("do not reach Redis"));
    assert_eq!(service.admin("/readyz").await.0, 200);

    redis.server().unwrap().start_again().unwrap();
    let notices = subscribe(&redis.url(), CHANNEL);
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert_eq!(rename(&service, &user, "Back").await, 201);
        if notices.recv_timeout(Duration::from_millis(500)).is_ok() {
            break;
        }
        assert!(Instant::now() < deadline, "notices do not come back");
    }
}

#[tokio::test]
async fn the_first_notice_after_a_restart_of_redis_arrives() {
    let mut redis = private_redis();
    // A second node that is never there.
    let url = redis.url().replace('@', "@127.0.0.1:1,");
    let service = Service::start_with(&[("ACCOUNTS_REDIS_URL", &url)]).await;
    let user = service.user("ann@x.io", None).await;
    for name in ["Before", "After"] {
        let notices = subscribe(&redis.url(), CHANNEL);
        assert_eq!(rename(&service, &user, name).await, 201);
        assert_eq!(notices.recv_timeout(PATIENCE).unwrap(), (user.id, Kind::Updated, vec![]));
        redis.server().unwrap().restart_immediate().unwrap();
    }
}

#[tokio::test]
async fn the_service_starts_without_the_redis_it_was_told_of() {
    let service = Service::start_with(&[("ACCOUNTS_REDIS_URL", "redis://127.0.0.1:1")]).await;
    let user = service.user("ann@x.io", None).await;
    assert_eq!(rename(&service, &user, "Ann").await, 201);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_frozen_redis() {
    let mut redis = private_redis();
    let mut service = Service::start_with(&[("ACCOUNTS_REDIS_URL", &redis.url())]).await;
    let user = service.user("ann@x.io", None).await;
    redis.server().unwrap().freeze().unwrap();
    for n in 0..20 {
        assert_eq!(rename(&service, &user, &format!("Frozen{n}")).await, 201);
    }
    let status = service.process.stop(&[(Signal::SIGTERM, PATIENCE)]).unwrap();
    assert!(status.success(), "{status}: {}", service.log.text());
}

#[tokio::test]
async fn deployments_that_share_a_redis_do_not_hear_each_other() {
    let redis = private_redis();
    let (ours, others) = (subscribe(&redis.url(), "blue:users"), subscribe(&redis.url(), CHANNEL));
    let settings = [("ACCOUNTS_REDIS_URL", redis.url()), ("ACCOUNTS_REDIS_PREFIX", "blue".to_owned())];
    let service = Service::start_with(&settings.each_ref().map(|(key, value)| (*key, value.as_str()))).await;
    let user = service.user("ann@x.io", None).await;
    assert_eq!(rename(&service, &user, "Ann").await, 201);
    assert_eq!(ours.recv_timeout(PATIENCE).unwrap(), (user.id, Kind::Updated, vec![]));
    assert!(others.try_recv().is_err());
}
