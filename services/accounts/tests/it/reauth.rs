//! What a stolen token or a borrowed device must not do: take the e-mail, or the account away.

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::service::{LoggedIn, PASSWORD, Service};

/// A user whose log-in is older than what counts as recent.
async fn with_an_old_log_in(service: &Service) -> LoggedIn {
    let user = service.user("ann@x.io", None).await;
    let client = service.database().connect("accounts").await;
    let older = "UPDATE sessions SET created_at = created_at - interval '16 minutes'";
    client.batch_execute(older).await.unwrap();
    user
}

async fn destroy(service: &Service, user: &LoggedIn, body: &Value) -> Answer {
    Answer::of(service.request(Method::DELETE, "/profile/destroy").bearer_auth(&user.token).json(body)).await
}

async fn failures(service: &Service) -> u64 {
    let (_, metrics) = service.admin("/metrics").await;
    let begin = "accounts_log_in_failures_total{reason=\"wrong_old_password\"} ";
    let count = metrics.lines().find_map(|line| line.strip_prefix(begin));
    count.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn an_old_log_in_needs_the_password_for_a_new_email() {
    let service = Service::start().await;
    let user = with_an_old_log_in(&service).await;
    let change = async |body: Value| service.patch("/profile/update", &user.token, &body).await;
    change(json!({ "email": "eve@x.io" })).await.refused(403, "reauthentication_required");
    assert_eq!(failures(&service).await, 0);
    let wrong = json!({ "email": "eve@x.io", "password": "wrong horse" });
    change(wrong).await.refused(403, "reauthentication_required");
    assert_eq!(failures(&service).await, 1);
    assert_eq!(service.get("/profile", &user.token).await.body["email"], "ann@x.io");
    assert_eq!(change(json!({ "firstName": "Ann" })).await.status, 201, "a name is no such thing");
    assert_eq!(change(json!({ "email": "ann2@x.io", "password": PASSWORD })).await.status, 201);
    assert_eq!(service.get("/profile", &user.token).await.body["email"], "ann2@x.io");
}

#[tokio::test]
async fn an_old_log_in_needs_the_password_for_a_removal() {
    let service = Service::start().await;
    let user = with_an_old_log_in(&service).await;
    // A refresh renews tokens, not the proof.
    let user = service.refreshed(&user.refresh_token).await;
    service.destroy(&user.token).await.refused(403, "reauthentication_required");
    destroy(&service, &user, &json!({})).await.refused(403, "reauthentication_required");
    let wrong = json!({ "password": "wrong horse" });
    destroy(&service, &user, &wrong).await.refused(403, "reauthentication_required");
    assert_eq!(failures(&service).await, 1);
    destroy(&service, &user, &json!({ "password": "" })).await.invalid(&["password"]);
    destroy(&service, &user, &json!({ "password": 7 })).await.invalid(&["password"]);
    destroy(&service, &user, &json!({ "sure": "yes" })).await.invalid(&["sure"]);
    assert_eq!(service.get("/profile", &user.token).await.status, 200);
    assert_eq!(destroy(&service, &user, &json!({ "password": PASSWORD })).await.status, 200);
    service.get("/profile", &user.token).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_recent_log_in_needs_nothing_but_what_is_given_must_be_right() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let wrong = json!({ "password": "wrong horse" });
    destroy(&service, &user, &wrong).await.refused(403, "reauthentication_required");
    let change = json!({ "email": "ann2@x.io" });
    assert_eq!(service.patch("/profile/update", &user.token, &change).await.status, 201);
    assert_eq!(service.destroy(&user.token).await.status, 200);
}

#[tokio::test]
async fn how_long_a_log_in_is_recent_follows_the_configuration() {
    let service = Service::start_with(&[("ACCOUNTS_RECENT_LOGIN_SECONDS", "3600")]).await;
    let user = with_an_old_log_in(&service).await;
    assert_eq!(service.destroy(&user.token).await.status, 200);
}
