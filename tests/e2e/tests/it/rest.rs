//! REST of the documented system, over the running service.

use messenger_client::rest::Accounts;
use reqwest::Method;
use serde_json::{Value, json};

use crate::people::{People, shared};

/// Status and body of a call.
async fn call(
    accounts: &Accounts,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Option<Value>,
) -> (u16, Value) {
    let body = body.map(|body| body.to_string());
    let (status, body) = accounts.raw(method, path, token, body).await.unwrap();
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

fn keys(body: &Value) -> Vec<&str> {
    body.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn sign_up_and_log_in_as_documented() {
    let cluster = shared().await;
    let accounts = People::of(&cluster).accounts;
    let post = |path, body| call(&accounts, Method::POST, path, None, Some(body));
    let user = json!({ "email": "email@mail.com0", "firstName": "Patrick0", "lastName": "Star", "password": "1234" });
    let (status, body) = post("/auth/sing-up", user.clone()).await;
    assert_eq!(status, 201, "a short password, where the operator allows it: {body}");
    assert_eq!(keys(&body), ["id", "message"]);
    let id = body["id"].clone();
    let (status, body) = post("/auth/sign-up", user).await;
    assert_eq!((status, &body["message"]), (400, &json!("User with this email already exists")));
    let (status, body) =
        post("/auth/sign-up", json!({ "userEmail": "other@mail.com0", "password": "1234" })).await;
    assert_eq!(status, 201, "the other spelling, of the path and of the address: {body}");

    let (status, body) = post("/auth/login", json!({ "email": "email@mail.com0", "password": "1234" })).await;
    assert_eq!(status, 201);
    for (key, value) in [("id", id), ("email", json!("email@mail.com0")), ("firstName", json!("Patrick0"))] {
        assert_eq!(body[key], value);
    }
    assert_eq!(body["token"].as_str().unwrap().split('.').count(), 3);
    for wrong in [
        json!({ "email": "email@mail.com0", "password": "12345" }),
        json!({ "email": "nobody@mail.com0", "password": "1234" }),
    ] {
        let (status, body) = post("/auth/login", wrong).await;
        assert_eq!((status, &body["message"]), (404, &json!("No such user exists or wrong password")));
    }
}

#[tokio::test]
async fn ones_own_profile() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let token = Some(ann.token());
    let call = |method, path, body| call(&people.accounts, method, path, token, body);

    let (status, own) = call(Method::GET, "/profile", None).await;
    assert_eq!((status, &own["id"], &own["email"]), (200, &json!(ann.id), &json!(ann.email)));
    assert_eq!((&own["firstName"], &own["lastName"]), (&json!("Ann"), &Value::Null));
    let change = json!({ "firstName": "Anna", "lastName": "Lee" });
    let (status, body) = call(Method::PATCH, "/profile/update", Some(change)).await;
    assert_eq!((status, keys(&body)), (201, vec!["message"]));
    let (_, body) = call(Method::GET, "/profile", None).await;
    assert_eq!((&body["firstName"], &body["lastName"]), (&json!("Anna"), &json!("Lee")));
    let taken = json!({ "email": bob.email });
    assert_eq!(call(Method::PATCH, "/profile/update", Some(taken)).await.0, 400);

    let wrong = json!({ "oldPassword": "wrong", "newPassword": "battery staple" });
    assert_eq!(call(Method::PATCH, "/profile/change-password", Some(wrong)).await.0, 400);
    let right = json!({
        "oldPassword": crate::people::PASSWORD, "newPassword": "battery", "repeatNewPassword": "battery"
    });
    assert_eq!(call(Method::PATCH, "/profile/change-password", Some(right)).await.0, 201);
    let login = people.accounts.log_in(&ann.email, &"battery".into()).await.unwrap();
    assert_eq!(login.id, ann.id);
}

#[tokio::test]
async fn other_users_and_public_documents() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let zoe = people.join("Zoeiris").await;
    let call = |path| call(&people.accounts, Method::GET, path, Some(zoe.token()), None);

    let row = json!({ "id": zoe.id, "firstName": "Zoeiris", "lastName": null });
    let (status, body) = call("/users/list?limit=1&page=1").await;
    assert_eq!((status, body["data"].as_array().unwrap().len()), (200, 1));
    assert_eq!(keys(&body["data"][0]), ["firstName", "id", "lastName"], "no address, no hash");
    let own = format!("/users/{}", zoe.id);
    assert_eq!(call(&own).await, (200, row.clone()));
    let (status, body) = call("/users/search?searchText=zoeiris&limit=5").await;
    assert_eq!((status, &body["data"]), (200, &json!([row])));
    assert_eq!(call("/users/999999999").await.0, 404);
    assert_eq!(
        people.accounts.raw(Method::GET, "/users/list?limit=1&page=1", None, None).await.unwrap().0,
        401
    );

    assert_eq!(call("/.well-known/jwks.json").await.1["keys"][0]["alg"], "EdDSA");
    let (status, body) = call("/api/openapi.json").await;
    assert_eq!(status, 200);
    assert!(body["openapi"].as_str().unwrap().starts_with("3.1"));
    let (status, page) = call("/api/").await;
    assert!(status == 200 && page.as_str().unwrap().contains("swagger"), "{page}");
}
