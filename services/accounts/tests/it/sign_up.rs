//! Sign-up, both spellings.

use futures_util::future::join_all;
use serde_json::json;

use crate::service::{PASSWORD, Service};

#[tokio::test]
async fn both_spellings_and_both_names_of_the_email_work() {
    let service = Service::start().await;
    let mut ids = Vec::new();
    for (path, key, email) in [
        ("/auth/sing-up", "email", "a@x.io"),
        ("/auth/sign-up", "email", "b@x.io"),
        ("/auth/sing-up", "userEmail", "c@x.io"),
    ] {
        let answer = service.post(path, &json!({ key: email, "password": PASSWORD })).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.body, json!({ "message": "User created", "id": answer.body["id"] }));
        ids.push(answer.body["id"].as_i64().unwrap());
    }
    assert!(ids.is_sorted() && ids[0] > 0, "{ids:?}");
    let both = json!({ "email": "d@x.io", "userEmail": "d@x.io", "password": PASSWORD });
    service.post("/auth/sign-up", &both).await.invalid(&["email"]);
}

#[tokio::test]
async fn an_email_belongs_to_one_account_in_any_case() {
    let service = Service::start().await;
    service.sign_up("Ann@X.io", None, None).await;
    for email in ["Ann@X.io", "ann@x.io", " ANN@x.IO "] {
        let answer = service.post("/auth/sign-up", &json!({ "email": email, "password": PASSWORD })).await;
        answer.refused(400, "email_taken").says("User with this email already exists");
    }
}

#[tokio::test]
async fn of_sign_ups_at_the_same_moment_one_wins() {
    let service = Service::start().await;
    let body = json!({ "email": "ann@x.io", "password": PASSWORD });
    let attempts = (0..8).map(|_| service.post("/auth/sing-up", &body));
    let mut statuses: Vec<u16> = join_all(attempts).await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400, 400, 400, 400, 400, 400, 400]);
}

#[tokio::test]
async fn every_broken_rule_is_named_at_once() {
    let service = Service::start().await;
    let body =
        json!({ "email": "nonsense", "password": "short", "firstName": " ", "lastName": "a\u{202e}b" });
    service.post("/auth/sign-up", &body).await.invalid(&["email", "password", "firstName", "lastName"]);
}

#[tokio::test]
async fn bad_values_are_refused() {
    let service = Service::start().await;
    let check = async |key: &str, value: &str| {
        let mut body = json!({ "email": "ann@x.io", "password": PASSWORD });
        body[key] = json!(value);
        service.post("/auth/sign-up", &body).await.invalid(&[key]);
    };
    for email in ["", "a", "a@b@c.io", "a@x.io\r\nBcc: b@x.io", "a\0@x.io", "a\u{200b}@x.io"] {
        check("email", email).await;
    }
    check("email", &format!("{}@{}.io", "a".repeat(64), "x.".repeat(100))).await;
    for password in ["", "1234567", "password123", "PASSWORD123", &"x".repeat(129)] {
        check("password", password).await;
    }
    for name in ["", "\u{200d}", "a\0", "\u{1b}[31mred", &"x".repeat(65)] {
        check("firstName", name).await;
    }
}

#[tokio::test]
async fn odd_but_honest_values_are_kept_as_they_are() {
    let service = Service::start().await;
    let first = "Robert'); DROP TABLE users; --%_\\$1";
    let last = "<script>alert(\"日本語\")</script>";
    let id = service.sign_up("o'neil+x@x.io", Some(first), Some(last)).await;
    let user = service.log_in("o'neil+x@x.io").await;
    let answer = service.get(&format!("/users/{id}"), &user.token).await;
    assert_eq!(answer.body, json!({ "id": id, "firstName": first, "lastName": last }));
}

#[tokio::test]
async fn the_documented_example_works_where_an_operator_allows_it() {
    let service = Service::start_with(&[("ACCOUNTS_PASSWORD_MIN_CHARS", "4")]).await;
    let body = json!({ "email": "email@mail.com0", "firstName": "Patrick0", "password": "1234" });
    assert_eq!(service.post("/auth/sing-up", &body).await.status, 201);
    let answer =
        service.post("/auth/login", &json!({ "email": "email@mail.com0", "password": "1234" })).await;
    assert_eq!((answer.status, answer.body["firstName"].as_str()), (201, Some("Patrick0")));
}
