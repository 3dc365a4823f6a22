//! Refresh tokens: each is good once, and once more for a client that got no answer.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::service::{LoggedIn, PASSWORD, Service};

/// A grace that no test outlasts.
const LONG_GRACE: (&str, &str) = ("ACCOUNTS_REFRESH_GRACE_SECONDS", "60");

async fn opens(service: &Service, user: &LoggedIn) -> bool {
    service.get("/profile", &user.token).await.status == 200
}

#[tokio::test]
async fn a_refresh_gives_new_tokens_of_the_same_log_in() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", Some("Ann")).await;
    let answer = service.refresh(&user.refresh_token).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let expected = json!({
        "message": "You are logged in", "token": answer.body["token"], "refreshToken": answer.body["refreshToken"],
        "expiresIn": 900, "id": user.id, "email": "ann@x.io", "firstName": "Ann", "lastName": null,
    });
    assert_eq!((answer.status, &answer.body), (201, &expected));
    let refresh_token = answer.body["refreshToken"].as_str().unwrap();
    let next = service.refreshed(refresh_token).await;
    assert!(next.refresh_token.starts_with("mrt_") && next.refresh_token.len() == refresh_token.len());
    assert!(next.refresh_token != refresh_token && refresh_token != user.refresh_token);
    assert_eq!(next.session(), user.session());
    assert!(opens(&service, &user).await && opens(&service, &next).await);
    assert_ne!(
        service.log_in("ann@x.io").await.session(),
        user.session(),
        "a log-in is a session of its own"
    );
}

#[tokio::test]
async fn a_lost_answer_is_given_again() {
    let service = Service::start_with(&[LONG_GRACE]).await;
    let user = service.user("ann@x.io", None).await;
    let first = service.refreshed(&user.refresh_token).await;
    let again = service.refreshed(&user.refresh_token).await;
    assert_eq!(again.refresh_token, first.refresh_token);
    assert!(again.token != first.token && opens(&service, &again).await);
    // As soon as the successor was used it is clear that it arrived.
    service.refreshed(&first.refresh_token).await;
    service.refresh(&user.refresh_token).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn those_who_refresh_at_the_same_moment_get_the_same_successor() {
    let service = Service::start_with(&[LONG_GRACE]).await;
    let user = service.user("ann@x.io", None).await;
    let answers = join_all((0..8).map(|_| service.refreshed(&user.refresh_token))).await;
    let successor = &answers[0].refresh_token;
    assert!(
        answers.iter().all(|answer| answer.refresh_token == *successor && *successor != user.refresh_token)
    );
    assert_eq!(service.refreshed(successor).await.session(), user.session());
}

#[tokio::test]
async fn a_spent_token_ends_its_session_and_no_other() {
    let mut service = Service::start_with(&[LONG_GRACE]).await;
    let (user, other) = (service.user("ann@x.io", None).await, service.log_in("ann@x.io").await);
    let second = service.refreshed(&user.refresh_token).await;
    let third = service.refreshed(&second.refresh_token).await;
    service.refresh(&user.refresh_token).await.refused(401, "unauthorized").says("Unauthorized");
    for ended in [&user, &second, &third] {
        service.get("/profile", &ended.token).await.refused(401, "unauthorized");
        service.refresh(&ended.refresh_token).await.refused(401, "unauthorized");
    }
    assert!(opens(&service, &other).await);
    service.refreshed(&other.refresh_token).await;
    let (_, metrics) = service.admin("/metrics").await;
    assert!(metrics.contains("accounts_refresh_reuse_total 1"), "{metrics}");

    let warning = service.log.wait_for("warning", |line| line.contains("a spent refresh token"));
    let warning: Value = serde_json::from_str(&warning).unwrap();
    assert_eq!(warning["session_id"], user.session().to_string(), "{warning}");
    service.process.stop(&[(nix::sys::signal::Signal::SIGTERM, crate::service::PATIENCE)]).unwrap();
    assert!(!service.log.text().contains("mrt_"));
}

#[tokio::test]
async fn after_the_grace_a_second_use_ends_the_session() {
    let service = Service::start_with(&[("ACCOUNTS_REFRESH_GRACE_SECONDS", "1")]).await;
    let user = service.user("ann@x.io", None).await;
    let next = service.refreshed(&user.refresh_token).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    service.refresh(&user.refresh_token).await.refused(401, "unauthorized");
    service.refresh(&next.refresh_token).await.refused(401, "unauthorized");
    assert!(!opens(&service, &next).await);
}

#[tokio::test]
async fn what_is_no_refresh_token_of_ours_does_nothing() {
    let service = Service::start().await;
    let (user, other) = (service.user("ann@x.io", None).await, service.user("bob@x.io", None).await);
    let token = &user.refresh_token;
    let flipped = |at: usize| {
        let letter = if &token[at..=at] == "A" { "B" } else { "A" };
        format!("{}{letter}{}", &token[..at], &token[at + 1..])
    };
    for forged in [
        String::new(),
        "mrt_".to_owned(),
        token[..token.len() - 1].to_owned(),
        format!("{token}="),
        format!("{token}AAAA"),
        format!(" {token}"),
        // Another session's id, and another family's secret.
        flipped(5),
        flipped(30),
        format!("{}{}", &other.refresh_token[..24], &token[24..]),
        token.replace("mrt_", "mst_"),
        "mrt_".to_owned() + &"A".repeat(token.len() - 4),
        // An access token is no refresh token.
        user.token.clone(),
        format!("mrt_{}", user.token),
        "x".repeat(50_000),
    ] {
        service.refresh(&forged).await.refused(401, "unauthorized");
    }
    // A refresh token is no access token.
    service.get("/profile", token).await.refused(401, "unauthorized");
    service.post("/auth/refresh", &json!({})).await.invalid(&["refreshToken"]);
    service.post("/auth/refresh", &json!({ "refreshToken": 7 })).await.invalid(&["refreshToken"]);
    service.post("/auth/refresh", &json!({ "refreshToken": token, "id": "1" })).await.invalid(&["id"]);
    assert!(opens(&service, &user).await && opens(&service, &other).await);
    service.refreshed(token).await;
    let (_, metrics) = service.admin("/metrics").await;
    assert!(!metrics.contains("accounts_refresh_reuse_total 1"), "{metrics}");
}

#[tokio::test]
async fn a_guessed_secret_of_a_known_family_ends_the_session() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let token = &user.refresh_token;
    let end = if token[90..].starts_with("AAAA") { "BBBB" } else { "AAAA" };
    service.refresh(&format!("{}{end}{}", &token[..90], &token[94..])).await.refused(401, "unauthorized");
    assert!(!opens(&service, &user).await);
}

#[tokio::test]
async fn the_database_holds_nothing_that_refreshes() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    service.refreshed(&user.refresh_token).await;
    let client = service.database().connect("accounts").await;
    let row = "SELECT encode(family_hash, 'base64') || encode(secret_hash, 'base64') || encode(salt, 'base64') \
               || encode(previous_hash, 'base64') FROM sessions";
    let stored: String = client.query_one(row, &[]).await.unwrap().get(0);
    let stored = stored.replace('+', "-").replace('/', "_");
    let secrets = &user.refresh_token["mrt_".len() + 22..];
    assert!(secrets.as_bytes().windows(16).all(|part| !stored.contains(std::str::from_utf8(part).unwrap())));
}

#[tokio::test]
async fn sessions_end_when_they_are_old_or_idle() {
    let settings = [("ACCOUNTS_SESSION_LIFE_SECONDS", "4"), ("ACCOUNTS_SESSION_IDLE_SECONDS", "2")];
    let service = Service::start_with(&settings).await;
    let (mut user, idle) = (service.user("ann@x.io", None).await, service.log_in("ann@x.io").await);
    let begun = std::time::Instant::now();
    let answer = service.refresh(&user.refresh_token).await;
    assert!(answer.body["expiresIn"].as_u64().unwrap() <= 2, "no token outlives its session: {answer:?}");
    user.refresh_token = answer.body["refreshToken"].as_str().unwrap().to_owned();
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        let answer = service.refresh(&user.refresh_token).await;
        if answer.status == 401 {
            break;
        }
        user.refresh_token = answer.body["refreshToken"].as_str().unwrap().to_owned();
        assert!(begun.elapsed().as_secs() < 20, "it never ends");
    }
    assert!(begun.elapsed().as_millis() > 3_000, "refreshed sessions outlive the idle ones");
    service.refresh(&idle.refresh_token).await.refused(401, "unauthorized");
    service.get("/profile", &idle.token).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn expired_sessions_are_deleted() {
    let settings = [("ACCOUNTS_SESSION_IDLE_SECONDS", "1"), ("ACCOUNTS_HOUSEKEEPING_MS", "100")];
    let service = Service::start_with(&settings).await;
    service.user("ann@x.io", None).await;
    let client = service.database().connect("accounts").await;
    let deadline = std::time::Instant::now() + crate::service::PATIENCE;
    loop {
        let left: i64 = client.query_one("SELECT count(*) FROM sessions", &[]).await.unwrap().get(0);
        if left == 0 {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the session is still there");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_log_in_of_the_version_before_works_and_cannot_be_refreshed() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let client = service.database().connect("accounts").await;
    client.batch_execute("UPDATE sessions SET family_hash = NULL, secret_hash = NULL").await.unwrap();
    assert!(opens(&service, &user).await);
    service.refresh(&user.refresh_token).await.refused(401, "unauthorized");
    assert!(opens(&service, &user).await);
    // What that version ends while it is being replaced has ended.
    client.batch_execute("UPDATE sessions SET revoked_at = now()").await.unwrap();
    assert!(!opens(&service, &user).await);
}

#[tokio::test]
async fn a_changed_password_and_a_removal_leave_no_refresh() {
    let service = Service::start().await;
    let (user, other) = (service.user("ann@x.io", None).await, service.log_in("ann@x.io").await);
    let change = json!({ "oldPassword": PASSWORD, "newPassword": "battery staple" });
    assert_eq!(service.patch("/profile/change-password", &user.token, &change).await.status, 201);
    service.refresh(&other.refresh_token).await.refused(401, "unauthorized");
    let next = service.refreshed(&user.refresh_token).await;
    assert_eq!(service.destroy(&next.token).await.status, 200);
    service.refresh(&next.refresh_token).await.refused(401, "unauthorized");
}
