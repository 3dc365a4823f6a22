//! REST with input that no honest client sends.

use reqwest::Method;
use serde_json::{Value, json};

use crate::people::{PASSWORD, People, Person};
use crate::strangers::{MARK, assert_discreet, stage};

/// A call, and the status and code of its refusal.
struct Call {
    method: Method,
    path: &'static str,
    body: Option<String>,
    status: u16,
    code: &'static str,
}

fn call(method: Method, path: &'static str, body: &Value, status: u16, code: &'static str) -> Call {
    Call { method, path, body: Some(body.to_string()), status, code }
}

/// Bodies that are no JSON objects.
fn malformed() -> impl Iterator<Item = Call> {
    let deep = "[".repeat(60_000);
    let bodies =
        ["", "{", "[]", "null", "\"x\"", "{\"email\":\"a@x.io\"}x", "{\"email\":\"\\ud800\"}", &deep];
    let bodies: Vec<_> = bodies.into_iter().map(str::to_owned).collect();
    let paths = ["/auth/sing-up", "/auth/sign-up", "/auth/login"];
    let everywhere = paths.into_iter().flat_map(move |path| {
        let of =
            move |body| Call { method: Method::POST, path, body: Some(body), status: 400, code: "malformed" };
        bodies.clone().into_iter().map(of)
    });
    let path = "/auth/login";
    let none = Call { method: Method::POST, path, body: None, status: 415, code: "unsupported_media_type" };
    everywhere.chain([none])
}

/// Without a token.
fn credentials(known: &str) -> Vec<Call> {
    let sign_up = |email: &str, password: &str, code| {
        let body = json!({ "email": email, "password": password, "firstName": MARK });
        call(Method::POST, "/auth/sign-up", &body, 400, code)
    };
    let log_in = |email: &str| {
        let body = json!({ "email": email, "password": MARK });
        call(Method::POST, "/auth/login", &body, 404, "wrong_credentials")
    };
    let odd = |body: Value| call(Method::POST, "/auth/login", &body, 400, "invalid");
    vec![
        sign_up(MARK, PASSWORD, "invalid"),
        sign_up("a\0b@x.io", PASSWORD, "invalid"),
        sign_up("new@x.io", "", "invalid"),
        sign_up("new@x.io", &MARK.repeat(20), "invalid"),
        sign_up(&known.to_uppercase(), PASSWORD, "email_taken"),
        log_in(known),
        log_in("'or'1'='1@x.io"),
        odd(json!({ "email": MARK })),
        odd(json!({ MARK: MARK })),
        odd(json!({ "email": { "$ne": 1 }, "password": MARK })),
        odd(json!({ "email": known, "password": null })),
        call(Method::POST, "/auth/login", &json!({ "email": "x".repeat(70_000) }), 413, "too_large"),
        call(Method::PATCH, "/profile/update", &json!({ "firstName": MARK }), 401, "unauthorized"),
        call(Method::GET, "/auth/login", &json!({}), 405, "method_not_allowed"),
        call(Method::GET, "/nothing", &json!({}), 404, "not_found"),
    ]
}

/// With the token of somebody who is not the owner of this e-mail address.
fn changes(taken: &str) -> Vec<Call> {
    let update = |body: Value, code| call(Method::PATCH, "/profile/update", &body, 400, code);
    let password = |old: &str, new: &str, code| {
        let body = json!({ "oldPassword": old, "newPassword": new });
        call(Method::PATCH, "/profile/change-password", &body, 400, code)
    };
    vec![
        update(json!({}), "invalid"),
        update(json!([MARK]), "malformed"),
        update(json!({ "firstName": "a\0" }), "invalid"),
        update(json!({ "firstName": 7 }), "invalid"),
        update(json!({ "firstName": "x".repeat(65) }), "invalid"),
        update(json!({ "firstName": MARK, "role": "admin" }), "invalid"),
        update(json!({ "email": taken }), "email_taken"),
        password(MARK, "battery staple", "wrong_old_password"),
        password(PASSWORD, "x", "invalid"),
    ]
}

/// With a token, too.
fn queries() -> impl Iterator<Item = Call> {
    let refused = [
        "/users/list?limit=0&page=1",
        "/users/list?limit=-1&page=1",
        "/users/list?limit=101&page=1",
        "/users/list?limit=5&page=0",
        "/users/list?limit=5&page=1000000000000000000000",
        "/users/list?limit=1e999&page=1",
        "/users/list?limit=5&limit=6",
        "/users/search?searchText=",
        "/users/search?searchText=%00",
        "/users/search?searchText=a&limit=101",
    ];
    let invalid = |path| Call { method: Method::GET, path, body: None, status: 400, code: "invalid" };
    let unknown = |path| Call { method: Method::GET, path, body: None, status: 404, code: "not_found" };
    refused.into_iter().map(invalid).chain(["/users/999999999"].map(unknown))
}

async fn refuse(people: &People, calls: impl IntoIterator<Item = Call>, caller: Option<&Person>) {
    for Call { method, path, body, status, code } in calls {
        let what = format!("{method} {path} {:.200}", body.as_deref().unwrap_or_default());
        let (found, text) = people.accounts.raw(method, path, caller.map(Person::token), body).await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{what}: {text}"));
        assert_eq!((found, &answer["code"]), (status, &json!(code)), "{what}: {text}");
        let sentence = answer["message"].as_str().unwrap();
        assert!(!sentence.is_empty() && !sentence.contains("column"), "{what}: {text}");
    }
}

#[tokio::test]
async fn bad_bodies_and_queries_are_refused_in_one_form_and_change_nothing() {
    let cluster = stage().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let before = people.accounts.profile(ann.token()).await.unwrap();
    refuse(&people, malformed().chain(credentials(&ann.email)), None).await;
    refuse(&people, changes(&bob.email).into_iter().chain(queries()), Some(&ann)).await;
    assert_eq!(people.accounts.profile(ann.token()).await.unwrap(), before);
    assert!(people.accounts.log_in(&ann.email, &PASSWORD.into()).await.is_ok());
    assert!(people.accounts.log_in("new@x.io", &PASSWORD.into()).await.is_err());
    assert_discreet(&cluster, &[&ann, &bob]);
}
