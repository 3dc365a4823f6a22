//! One's own account: read, change, remove.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::service::{PASSWORD, Service};

#[tokio::test]
async fn ones_own_data_are_complete() {
    let service = Service::start().await;
    let user = service.user("Ann@x.io", Some("Ann")).await;
    let answer = service.get("/profile", &user.token).await;
    let keys: Vec<_> = answer.body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["createdAt", "email", "firstName", "id", "lastName", "updatedAt", "uuid"]);
    assert_eq!(
        (answer.body["email"].as_str(), answer.body["lastName"].clone()),
        (Some("Ann@x.io"), Value::Null)
    );
    let created = answer.body["createdAt"].as_str().unwrap();
    assert_eq!(created.len(), "2023-07-28T13:20:09.896Z".len(), "{created}");
    assert!(created.parse::<jiff::Timestamp>().is_ok() && created.ends_with('Z'), "{created}");
}

#[tokio::test]
async fn a_change_touches_only_what_it_names() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", Some("Ann")).await;
    let check = async |change: Value, expected: [Option<&str>; 3]| {
        let answer = service.patch("/profile/update", &user.token, &change).await;
        assert_eq!((answer.status, answer.body), (201, json!({ "message": "Profile updated" })), "{change}");
        let body = service.get("/profile", &user.token).await.body;
        assert_eq!(["email", "firstName", "lastName"].map(|key| body[key].as_str()), expected, "{change}");
    };
    check(json!({ "lastName": "Lee" }), [Some("ann@x.io"), Some("Ann"), Some("Lee")]).await;
    check(json!({ "firstName": null }), [Some("ann@x.io"), None, Some("Lee")]).await;
    check(json!({ "email": "Ann2@X.io" }), [Some("Ann2@x.io"), None, Some("Lee")]).await;
    check(json!({ "email": "ANN2@x.io" }), [Some("ANN2@x.io"), None, Some("Lee")]).await;
    assert_eq!(service.log_in("ann2@x.io").await.id, user.id);
}

#[tokio::test]
async fn bad_changes_are_refused_and_change_nothing() {
    let service = Service::start().await;
    service.sign_up("bob@x.io", None, None).await;
    let user = service.user("ann@x.io", Some("Ann")).await;
    let before = service.get("/profile", &user.token).await.body;
    let refused = async |change: Value| service.patch("/profile/update", &user.token, &change).await;
    let taken = refused(json!({ "email": "BOB@x.io", "firstName": "New" })).await;
    taken.refused(400, "email_taken").says("User with this email already exists");
    refused(json!({})).await.invalid(&["firstName", "lastName", "email"]);
    refused(json!({ "email": null })).await.invalid(&["email"]);
    refused(json!({ "firstName": "", "email": "x" })).await.invalid(&["firstName", "email"]);
    refused(json!({ "id": 1 })).await.invalid(&["id"]);
    refused(json!({ "password_hash": "x" })).await.invalid(&["password_hash"]);
    assert_eq!(service.get("/profile", &user.token).await.body, before);
}

#[tokio::test]
async fn a_new_password_replaces_the_old_and_ends_other_sessions() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let other = service.log_in("ann@x.io").await;
    let change = json!({ "oldPassword": PASSWORD, "newPassword": "battery staple", "repeatNewPassword": "battery staple" });
    let answer = service.patch("/profile/change-password", &user.token, &change).await;
    assert_eq!((answer.status, answer.body), (201, json!({ "message": "Password changed" })));
    assert_eq!(service.get("/profile", &user.token).await.status, 200);
    service.get("/profile", &other.token).await.refused(401, "unauthorized");
    let log_in = async |password| {
        service.post("/auth/login", &json!({ "email": "ann@x.io", "password": password })).await
    };
    log_in(PASSWORD).await.refused(404, "wrong_credentials");
    assert_eq!(log_in("battery staple").await.status, 201);
}

#[tokio::test]
async fn a_password_is_not_changed_without_proof_and_policy() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let change = async |old: &str, new: &str, repeated: &str| {
        let body = json!({ "oldPassword": old, "newPassword": new, "repeatNewPassword": repeated });
        service.patch("/profile/change-password", &user.token, &body).await
    };
    change("wrong horse", "battery staple", "battery staple").await.refused(400, "wrong_old_password");
    change(PASSWORD, "battery staple", "battery stable").await.invalid(&["repeatNewPassword"]);
    change(PASSWORD, "short", "short").await.invalid(&["newPassword"]);
    change(PASSWORD, "password123", "password123").await.invalid(&["newPassword"]);
    change("", "short", "x").await.invalid(&["oldPassword", "newPassword", "repeatNewPassword"]);
    service.log_in("ann@x.io").await;
}

#[tokio::test]
async fn of_two_changes_of_a_password_one_wins() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let change = async |n: u32| {
        let body = json!({ "oldPassword": PASSWORD, "newPassword": format!("battery staple {n}") });
        service.patch("/profile/change-password", &user.token, &body).await.status
    };
    let mut statuses = join_all((0..6).map(change)).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400, 400, 400, 400, 400]);
}

#[tokio::test]
async fn a_removed_account_is_gone_and_its_email_free() {
    let service = Service::start().await;
    let (user, other) = (service.user("ann@x.io", Some("Ann")).await, service.user("bob@x.io", None).await);
    let answer = service.destroy(&user.token).await;
    assert_eq!((answer.status, answer.body), (200, json!({ "message": "Profile deleted" })));
    service.get("/profile", &user.token).await.refused(401, "unauthorized");
    service.destroy(&user.token).await.refused(401, "unauthorized");
    service
        .patch("/profile/update", &user.token, &json!({ "firstName": "X" }))
        .await
        .refused(401, "unauthorized");
    service
        .post("/auth/login", &json!({ "email": "ann@x.io", "password": PASSWORD }))
        .await
        .refused(404, "wrong_credentials");
    service.get(&format!("/users/{}", user.id), &other.token).await.refused(404, "not_found");
    assert_eq!(service.get("/users/search?searchText=ann", &other.token).await.body, json!({ "data": [] }));
    assert_ne!(service.sign_up("ann@x.io", None, None).await, user.id);
}

#[tokio::test]
async fn of_two_removals_one_wins() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let answers = join_all((0..4).map(|_| service.destroy(&user.token))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401]);
}
