//! Log-out, and one's own log-ins: seen, and ended from another device.

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::service::{KeyFolder, PASSWORD, Run, Service};

async fn sessions(service: &Service, token: &str) -> Vec<Value> {
    let answer = service.get("/auth/sessions", token).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_log_out_voids_the_tokens_at_once() {
    let service = Service::start().await;
    let (user, other) = (service.user("ann@x.io", None).await, service.log_in("ann@x.io").await);
    let next = service.refreshed(&user.refresh_token).await;
    assert_eq!(service.log_out(&user.token).await.status, 204);
    for token in [&user.token, &next.token] {
        service.get("/profile", token).await.refused(401, "unauthorized");
        service.log_out(token).await.refused(401, "unauthorized");
    }
    service.refresh(&next.refresh_token).await.refused(401, "unauthorized");
    assert_eq!(service.get("/profile", &other.token).await.status, 200);
}

#[tokio::test]
async fn ones_own_log_ins_are_listed() {
    let service = Service::start().await;
    let (user, _stranger) = (service.user("ann@x.io", None).await, service.user("bob@x.io", None).await);
    let body = json!({ "email": "ann@x.io", "password": PASSWORD });
    let phone = service.request(Method::POST, "/auth/login").header("user-agent", "Phone\t 7").json(&body);
    assert_eq!(Answer::of(phone).await.status, 201);
    let before = sessions(&service, &user.token).await;
    let keys: Vec<_> = before[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["createdAt", "current", "id", "lastSeenAt", "userAgent"]);
    assert_eq!(before.len(), 2);
    assert_eq!((&before[0]["userAgent"], &before[0]["current"]), (&json!("Phone 7"), &json!(false)));
    assert_eq!(before[1]["id"], user.session().to_string());
    assert_eq!((&before[1]["userAgent"], &before[1]["current"]), (&Value::Null, &json!(true)));
    assert_eq!(before[1]["createdAt"], before[1]["lastSeenAt"]);

    service.refreshed(&user.refresh_token).await;
    let after = sessions(&service, &user.token).await;
    assert_eq!(after[0], before[0]);
    assert_eq!(after[1]["createdAt"], before[1]["createdAt"]);
    assert!(after[1]["lastSeenAt"].as_str() > before[1]["lastSeenAt"].as_str());
}

#[tokio::test]
async fn a_lost_device_is_signed_out_from_another() {
    let service = Service::start().await;
    let (user, lost) = (service.user("ann@x.io", None).await, service.log_in("ann@x.io").await);
    let id = lost.session().to_string();
    assert_eq!(service.revoke(&user.token, &id).await.status, 204);
    service.get("/profile", &lost.token).await.refused(401, "unauthorized");
    service.refresh(&lost.refresh_token).await.refused(401, "unauthorized");
    service.revoke(&user.token, &id).await.refused(404, "not_found");
    assert_eq!(sessions(&service, &user.token).await.len(), 1);
    assert_eq!(service.revoke(&user.token, &user.session().to_string()).await.status, 204);
    service.get("/profile", &user.token).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn nobody_ends_a_log_in_of_somebody_else() {
    let service = Service::start().await;
    let (user, other) = (service.user("ann@x.io", None).await, service.user("bob@x.io", None).await);
    let nil = uuid::Uuid::nil().to_string();
    for id in [other.session().to_string(), nil, "1".to_owned(), "'%20OR%201=1".to_owned(), "%ff".to_owned()]
    {
        let answer = service.revoke(&user.token, &id).await;
        answer.refused(404, "not_found").says("There is no such session");
    }
    assert_eq!(service.get("/profile", &other.token).await.status, 200);
}

#[tokio::test]
async fn an_operator_ends_the_log_ins_of_one_user_or_of_all() {
    let service = Service::start().await;
    let (ann, bob) = (service.user("ann@x.io", None).await, service.user("bob@x.io", None).await);
    service.log_in("ann@x.io").await;
    let (url, keys) = (service.database().url_for("accounts"), KeyFolder::new());
    let end = |whom: &str| Run::new("sessions", &url, &keys).arg("end").arg(whom);
    let one = end(&ann.id.to_string());
    assert_eq!(one.output().trim_end(), "ended  2");
    service.get("/profile", &ann.token).await.refused(401, "unauthorized");
    service.refresh(&ann.refresh_token).await.refused(401, "unauthorized");
    assert_eq!(service.get("/profile", &bob.token).await.status, 200);
    assert_eq!(end("all").output().trim_end(), "ended  1");
    service.get("/profile", &bob.token).await.refused(401, "unauthorized");
    let client = service.database().connect("accounts").await;
    let told = client.query_one("SELECT count(*) FROM ended_sessions", &[]).await.unwrap();
    assert_eq!(told.get::<_, i64>(0), 3);
    let (status, log) = end("ann").finish();
    assert!(status.code() == Some(2) && log.contains("--help"), "{log}");
}
