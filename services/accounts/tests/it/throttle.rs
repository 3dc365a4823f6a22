//! Guesses of passwords, and that they slow nobody but the guesser.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use messenger_support::private_redis;
use reqwest::Method;
use serde_json::json;

use crate::answer::Answer;
use crate::service::{PASSWORD, PATIENCE, Service};

/// The limits as shipped, on a machine that is busy; each test names those that it is not about.
const GUARDED: [(&str, &str); 4] = [
    ("ACCOUNTS_LOGIN_FREE_FAILURES", "5"),
    ("ACCOUNTS_LOGIN_ADDRESS_PER_MINUTE", "30"),
    ("ACCOUNTS_LOGIN_ACCOUNT_PER_HOUR", "100"),
    ("ACCOUNTS_TRUSTED_PROXIES", "127.0.0.1"),
];

async fn guarded(settings: &[(&str, &str)]) -> Service {
    Service::start_with(&[&GUARDED, settings].concat()).await
}

async fn log_in(service: &Service, from: &str, email: &str, password: &str) -> Answer {
    let request = service.request(Method::POST, "/auth/login").header("x-forwarded-for", from);
    Answer::of(request.json(&json!({ "email": email, "password": password }))).await
}

async fn guess(service: &Service, from: &str, email: &str) -> Answer {
    log_in(service, from, email, "wrong horse").await
}

fn seconds(answer: &Answer) -> u64 {
    answer.refused(429, "too_many_attempts");
    answer.header("retry-after").parse().unwrap()
}

/// The value of the lines of a metric that begin so.
async fn metric(service: &Service, begin: &str) -> u64 {
    let (_, metrics) = service.admin("/metrics").await;
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(begin));
    lines.map(|rest| rest.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn guesses_on_one_account_wait_longer_each_time() {
    let service = guarded(&[("ACCOUNTS_LOGIN_DELAY_MS", "5000")]).await;
    service.sign_up("ann@x.io", None, None).await;
    for _ in 0..5 {
        guess(&service, "1.1.1.1", "ann@x.io").await.refused(404, "wrong_credentials");
    }
    let hashes = metric(&service, "accounts_password_hash_seconds_count").await;
    // Not even the right password gets through, and none is hashed.
    let told = seconds(&log_in(&service, "1.1.1.1", "Ann@X.io", PASSWORD).await);
    assert!((1..=5).contains(&told), "{told}");
    assert_eq!(metric(&service, "accounts_password_hash_seconds_count").await, hashes);
    assert!(metric(&service, "accounts_throttled_total{limit=\"pair\"}").await >= 1);
    assert_eq!(metric(&service, "accounts_log_in_failures_total{reason=\"wrong_password\"}").await, 5);

    let deadline = Instant::now() + PATIENCE;
    while guess(&service, "1.1.1.1", "ann@x.io").await.status == 429 {
        assert!(Instant::now() < deadline, "the wait does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let told = seconds(&guess(&service, "1.1.1.1", "ann@x.io").await);
    assert!((6..=10).contains(&told), "twice the first wait: {told}");
}

#[tokio::test]
async fn an_account_that_is_not_there_is_guarded_like_one_that_is() {
    let service = guarded(&[]).await;
    for _ in 0..5 {
        guess(&service, "1.1.1.1", "nobody@x.io").await.refused(404, "wrong_credentials");
    }
    seconds(&guess(&service, "1.1.1.1", "nobody@x.io").await);
}

#[tokio::test]
async fn one_password_on_many_accounts_is_slowed_by_address() {
    let service = guarded(&[]).await;
    service.sign_up("ann@x.io", None, None).await;
    let mut refused = 0;
    for n in 0..40 {
        let answer = guess(&service, "1.1.1.1", &format!("user{n}@x.io")).await;
        refused += usize::from(answer.status == 429);
        assert!(n >= 30 || answer.status == 404, "{n}: {answer:?}");
    }
    assert!(refused > 0);
    seconds(&log_in(&service, "1.1.1.1", "ann@x.io", PASSWORD).await);
    assert_eq!(log_in(&service, "2.2.2.2", "ann@x.io", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn an_attack_on_an_account_does_not_lock_its_user_out() {
    let service = guarded(&[("ACCOUNTS_LOGIN_ACCOUNT_PER_HOUR", "20")]).await;
    service.sign_up("ann@x.io", None, None).await;
    assert_eq!(log_in(&service, "7.7.7.7", "ann@x.io", PASSWORD).await.status, 201);
    for n in 0..20 {
        guess(&service, &format!("9.9.{n}.9"), "ann@x.io").await.refused(404, "wrong_credentials");
    }
    // Whoever is not known waits now, the user where he is known does not.
    let told = seconds(&guess(&service, "9.9.99.9", "ann@x.io").await);
    assert!((1..=180).contains(&told), "{told}");
    assert_eq!(log_in(&service, "7.7.7.7", "ann@x.io", PASSWORD).await.status, 201);
    // His own mistakes count as ever.
    for _ in 0..5 {
        guess(&service, "7.7.7.7", "ann@x.io").await.refused(404, "wrong_credentials");
    }
    seconds(&log_in(&service, "7.7.7.7", "ann@x.io", PASSWORD).await);
}

#[tokio::test]
async fn one_password_on_many_accounts_from_many_addresses_opens_a_breaker_and_known_devices_get_in() {
    let breaker = [
        ("ACCOUNTS_LOGIN_BREAKER_FAILURES", "20"),
        ("ACCOUNTS_LOGIN_BREAKER_PERCENT", "50"),
        ("ACCOUNTS_LOGIN_BREAKER_PAUSE_MS", "600000"),
    ];
    let service = guarded(&breaker).await;
    let spray = async |number: usize| {
        guess(&service, &format!("9.{number}.9.9"), &format!("user{number}@x.io")).await
    };
    for email in ["ann@x.io", "bob@x.io"] {
        service.sign_up(email, None, None).await;
        assert_eq!(log_in(&service, "7.7.7.7", email, PASSWORD).await.status, 201);
    }
    for answer in join_all((0..21).map(spray)).await {
        answer.refused(404, "wrong_credentials");
    }
    let told = seconds(&spray(21).await);
    assert!((1..=600).contains(&told), "{told}");
    // Whose address is new to the account waits, with the right password, too; where he is known nobody does.
    seconds(&log_in(&service, "8.8.8.8", "ann@x.io", PASSWORD).await);
    seconds(&log_in(&service, "7.7.7.7", "user1@x.io", PASSWORD).await);
    for email in ["ann@x.io", "bob@x.io"] {
        assert_eq!(log_in(&service, "7.7.7.7", email, PASSWORD).await.status, 201);
    }
    assert!(metric(&service, "accounts_throttled_total{limit=\"breaker\"}").await >= 3);
    service.log.wait_for("warning", |line| line.contains("too many log-ins fail"));
}

#[tokio::test]
async fn refreshes_are_limited_by_address_and_look_ups_by_user() {
    let service =
        guarded(&[("ACCOUNTS_REFRESHES_PER_MINUTE", "3"), ("ACCOUNTS_LOOK_UPS_PER_MINUTE", "3")]).await;
    let (ann, bob) = (service.user("ann@x.io", None).await, service.user("bob@x.io", None).await);
    let refresh = async |from: &str, token: &str| {
        let request = service.request(Method::POST, "/auth/refresh").header("x-forwarded-for", from);
        Answer::of(request.json(&json!({ "refreshToken": token }))).await
    };
    for _ in 0..3 {
        refresh("1.1.1.1", "mrt_guessed").await.refused(401, "unauthorized");
    }
    seconds(&refresh("1.1.1.1", &ann.refresh_token).await);
    assert_eq!(refresh("2.2.2.2", &ann.refresh_token).await.status, 201);
    let paths = ["/users/list", "/users/search?searchText=ann", &format!("/users/{}", bob.id)];
    for path in paths {
        assert_eq!(service.get(path, &ann.token).await.status, 200, "{path}");
    }
    for path in paths {
        seconds(&service.get(path, &ann.token).await);
        assert_eq!(service.get(path, &bob.token).await.status, 200, "{path}");
    }
    assert_eq!(service.get("/profile", &ann.token).await.status, 200);
    assert_eq!(metric(&service, "accounts_throttled_total{limit=\"look_ups\"}").await, 3);
    assert_eq!(metric(&service, "accounts_throttled_total{limit=\"refreshes\"}").await, 1);
}

#[tokio::test]
async fn nobody_who_is_no_proxy_chooses_his_address() {
    let service = guarded(&[("ACCOUNTS_TRUSTED_PROXIES", "10.0.0.0/8")]).await;
    for n in 0..5 {
        guess(&service, &format!("1.1.1.{n}"), "ann@x.io").await.refused(404, "wrong_credentials");
    }
    seconds(&guess(&service, "1.1.1.99", "ann@x.io").await);
}

#[tokio::test]
async fn replicas_count_together_and_go_on_without_redis() {
    let mut redis = private_redis();
    let url = redis.url();
    let settings: Vec<_> = GUARDED.iter().copied().chain([("ACCOUNTS_REDIS_URL", url.as_str())]).collect();
    let first = Service::start_with(&settings).await;
    let second = Service::start_on(&first.database().url_for("accounts"), &settings);
    first.sign_up("ann@x.io", None, None).await;
    for service in [&first, &second, &first, &second, &first] {
        guess(service, "1.1.1.1", "ann@x.io").await.refused(404, "wrong_credentials");
    }
    for service in [&first, &second] {
        seconds(&guess(service, "1.1.1.1", "ann@x.io").await);
    }
    // A success on one replica ends what was counted on the other.
    for service in [&first, &second, &first, &second] {
        guess(service, "2.2.2.2", "ann@x.io").await.refused(404, "wrong_credentials");
    }
    assert_eq!(log_in(&first, "2.2.2.2", "ann@x.io", PASSWORD).await.status, 201);
    for _ in 0..5 {
        guess(&second, "2.2.2.2", "ann@x.io").await.refused(404, "wrong_credentials");
    }

    redis.server().unwrap().stop_immediate().unwrap();
    for _ in 0..5 {
        guess(&first, "3.3.3.3", "ann@x.io").await.refused(404, "wrong_credentials");
    }
    seconds(&guess(&first, "3.3.3.3", "ann@x.io").await);
    assert_eq!(log_in(&first, "4.4.4.4", "ann@x.io", PASSWORD).await.status, 201);
    first.log.wait_for("warning", |line| line.contains("counted by each replica alone"));
    assert!(metric(&first, "accounts_throttle_alone_total").await > 0);
}

#[tokio::test]
async fn whoever_has_a_token_cannot_guess_the_password() {
    let service = guarded(&[]).await;
    let user = service.user("ann@x.io", None).await;
    let other = service.log_in("ann@x.io").await;
    let change = json!({ "oldPassword": "wrong horse", "newPassword": "battery staple" });
    for _ in 0..5 {
        let answer = service.patch("/profile/change-password", &user.token, &change).await;
        answer.refused(400, "wrong_old_password");
    }
    let right = json!({ "oldPassword": PASSWORD, "newPassword": "battery staple" });
    seconds(&service.patch("/profile/change-password", &user.token, &right).await);
    assert_eq!(service.patch("/profile/change-password", &other.token, &right).await.status, 201);
}

#[tokio::test]
async fn sign_ups_are_limited_by_address() {
    let service = guarded(&[("ACCOUNTS_SIGN_UPS_PER_HOUR", "3")]).await;
    let sign_up = async |from: &str, n: u32| {
        let request = service.request(Method::POST, "/auth/sign-up").header("x-forwarded-for", from);
        Answer::of(request.json(&json!({ "email": format!("user{n}@x.io"), "password": PASSWORD }))).await
    };
    for n in 0..3 {
        assert_eq!(sign_up("1.1.1.1", n).await.status, 201);
    }
    seconds(&sign_up("1.1.1.1", 3).await);
    assert_eq!(sign_up("2.2.2.2", 3).await.status, 201);
}

#[tokio::test]
async fn of_a_removed_user_no_address_is_left() {
    let service = guarded(&[]).await;
    let user = service.user("ann@x.io", None).await;
    let database = service.database().connect("accounts").await;
    let count = "SELECT count(*) FROM known_addresses";
    assert_eq!(database.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 1);
    assert_eq!(service.destroy(&user.token).await.status, 200);
    assert_eq!(database.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 0);
}
