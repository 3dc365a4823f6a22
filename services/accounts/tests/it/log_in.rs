//! Log-in, and what its token opens.

use futures_util::future::join_all;
use serde_json::json;

use crate::service::{PASSWORD, Service};

#[tokio::test]
async fn a_log_in_answers_with_token_and_data() {
    let service = Service::start().await;
    let id = service.sign_up("Ann@X.io", Some("Ann"), Some("Lee")).await;
    let answer = service.post("/auth/login", &json!({ "email": "ann@x.IO", "password": PASSWORD })).await;
    assert_eq!(answer.status, 201);
    let token = answer.body["token"].as_str().unwrap();
    let refresh_token = answer.body["refreshToken"].as_str().unwrap();
    let expected = json!({
        "message": "You are logged in", "token": token, "refreshToken": refresh_token, "expiresIn": 900,
        "id": id, "email": "Ann@x.io", "firstName": "Ann", "lastName": "Lee",
    });
    assert_eq!(answer.body, expected);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(service.get("/profile", token).await.status, 200);
}

#[tokio::test]
async fn an_unknown_email_and_a_wrong_password_look_the_same() {
    let service = Service::start().await;
    service.sign_up("ann@x.io", None, None).await;
    let wrong = service.post("/auth/login", &json!({ "email": "ann@x.io", "password": "wrong horse" })).await;
    let unknown = service.post("/auth/login", &json!({ "email": "bob@x.io", "password": PASSWORD })).await;
    for answer in [&wrong, &unknown] {
        answer.refused(404, "wrong_credentials").says("No such user exists or wrong password");
    }
    assert_eq!(wrong.body, unknown.body);
}

#[tokio::test]
async fn an_unknown_email_costs_a_hash_too() {
    let service = Service::start().await;
    service.sign_up("ann@x.io", None, None).await;
    let mut before = hashes(&service).await;
    for email in ["ann@x.io", "bob@x.io"] {
        let body = json!({ "email": email, "password": "wrong horse" });
        service.post("/auth/login", &body).await.refused(404, "wrong_credentials");
        let after = hashes(&service).await;
        assert_eq!(after, before + 1, "{email}");
        before = after;
    }
}

/// Password hashes computed so far.
async fn hashes(service: &Service) -> u64 {
    let (_, metrics) = service.admin("/metrics").await;
    let count = metrics.lines().find_map(|line| line.strip_prefix("accounts_password_hash_seconds_count "));
    count.unwrap().parse().unwrap()
}

#[tokio::test]
async fn passwords_are_compared_exactly() {
    let service = Service::start().await;
    service.sign_up("ann@x.io", None, None).await;
    for password in
        [PASSWORD.to_uppercase(), format!("{PASSWORD} "), format!(" {PASSWORD}"), "' OR '1'='1".to_owned()]
    {
        let answer = service.post("/auth/login", &json!({ "email": "ann@x.io", "password": password })).await;
        answer.refused(404, "wrong_credentials");
    }
    service.post("/auth/login", &json!({ "email": "ann@x.io", "password": "" })).await.invalid(&["password"]);
    service
        .post("/auth/login", &json!({ "email": "ann", "password": "" }))
        .await
        .invalid(&["email", "password"]);
}

#[tokio::test]
async fn a_flood_of_log_ins_is_told_to_come_back() {
    let settings = [
        ("ACCOUNTS_ARGON2_MEMORY_KIB", "65536"),
        ("ACCOUNTS_ARGON2_ITERATIONS", "10"),
        ("ACCOUNTS_ARGON2_CONCURRENCY", "1"),
        ("ACCOUNTS_ARGON2_QUEUE", "1"),
    ];
    let service = Service::start_with(&settings).await;
    let body = json!({ "email": "ann@x.io", "password": PASSWORD });
    let answers = join_all((0..20).map(|_| service.post("/auth/login", &body))).await;
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!busy.is_empty() && answers.iter().any(|answer| answer.status == 404), "{answers:?}");
    for answer in busy {
        answer.refused(503, "busy");
        assert_eq!(answer.header("retry-after"), "1");
    }
    let (_, metrics) = service.admin("/metrics").await;
    assert!(metrics.contains("accounts_password_hashes_active 0"), "{metrics}");
    assert!(metrics.contains("accounts_log_in_failures_total"), "{metrics}");
}

#[tokio::test]
async fn the_oldest_session_of_a_user_ends_when_there_are_too_many() {
    let service = Service::start_with(&[("ACCOUNTS_SESSIONS_PER_USER", "2")]).await;
    let first = service.user("ann@x.io", None).await;
    let second = service.log_in("ann@x.io").await;
    let third = service.log_in("ann@x.io").await;
    service.get("/profile", &first.token).await.refused(401, "unauthorized");
    for user in [second, third] {
        assert_eq!(service.get("/profile", &user.token).await.status, 200);
    }
}
