//! Looking up other users: what is found, what is refused, what is never told.

use reqwest::{Method, Url};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::service::{LoggedIn, Service};

async fn three_users(service: &Service) -> LoggedIn {
    service.sign_up("ann@x.io", Some("Ann"), Some("Lee")).await;
    service.sign_up("bob@x.io", Some("Bob"), Some("Anders")).await;
    service.user("cee@x.io", None).await
}

async fn search(service: &Service, user: &LoggedIn, query: &[(&str, &str)]) -> Answer {
    let url = Url::parse_with_params("http://x/users/search", query).unwrap();
    let path = url.as_str().trim_start_matches("http://x");
    Answer::of(service.request(Method::GET, path).bearer_auth(&user.token)).await
}

fn names(body: &Value) -> Vec<&str> {
    body["data"].as_array().unwrap().iter().map(|user| user["firstName"].as_str().unwrap_or("-")).collect()
}

#[tokio::test]
async fn lists_come_in_pages_without_private_data() {
    let service = Service::start().await;
    let user = three_users(&service).await;
    let first = service.get("/users/list?limit=2&page=1", &user.token).await;
    assert_eq!(
        first.body,
        json!({
            "data": [
                { "id": user.id - 2, "firstName": "Ann", "lastName": "Lee" },
                { "id": user.id - 1, "firstName": "Bob", "lastName": "Anders" },
            ],
            "page": 1, "limit": 2, "hasMore": true,
        })
    );
    let second = service.get("/users/list?limit=2&page=2", &user.token).await;
    let last = json!([{ "id": user.id, "firstName": null, "lastName": null }]);
    assert_eq!((&second.body["data"], &second.body["hasMore"]), (&last, &json!(false)));
    let all = service.get("/users/list", &user.token).await;
    assert_eq!((all.body["data"].as_array().unwrap().len(), &all.body["limit"]), (3, &json!(20)));
    assert_eq!(service.get("/users/list?page=1000", &user.token).await.body["data"], json!([]));
}

#[tokio::test]
async fn pages_out_of_range_are_refused() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let check = async |query: &str, fields: &[&str]| {
        service.get(&format!("/users/list?{query}"), &user.token).await.invalid(fields);
    };
    for limit in ["0", "-1", "101", "1.5", "1e3", "abc", "", "9223372036854775808", "%00", "20%20"] {
        check(&format!("limit={limit}"), &["limit"]).await;
    }
    check("page=0", &["page"]).await;
    check("limit=0&page=-1", &["limit", "page"]).await;
    check("page=9223372036854775807", &["page"]).await;
    check("limit=100&page=1002", &["page"]).await;
    check("page=1&page=2", &["page"]).await;
    assert_eq!(service.get("/users/list?sort=name", &user.token).await.status, 200);
}

#[tokio::test]
async fn a_search_finds_starts_of_names_and_whole_emails() {
    let service = Service::start().await;
    let user = three_users(&service).await;
    let check = async |text: &str, expected: &[&str]| {
        let answer = search(&service, &user, &[("searchText", text)]).await;
        assert_eq!(names(&answer.body), expected, "{text}");
        assert!(!answer.body.to_string().contains("@x.io"), "{answer:?}");
    };
    check("an", &["Ann", "Bob"]).await;
    check("ANN LEE", &["Ann"]).await;
    check("lee", &["Ann"]).await;
    check("Bob@X.io", &["Bob"]).await;
    check("bob@x", &[]).await;
    for text in ["%", "_nn", "\\", "a'; DROP TABLE users; --", "$1", "nobody"] {
        check(text, &[]).await;
    }
    let limited = search(&service, &user, &[("searchText", "an"), ("limit", "1")]).await;
    assert_eq!(names(&limited.body), ["Ann"]);
}

#[tokio::test]
async fn bad_searches_are_refused() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let check = async |query: &[(&str, &str)], fields: &[&str]| {
        search(&service, &user, query).await.invalid(fields);
    };
    check(&[], &["searchText"]).await;
    check(&[("searchText", "")], &["searchText"]).await;
    check(&[("searchText", "a\0b")], &["searchText"]).await;
    check(&[("searchText", &"x".repeat(129))], &["searchText"]).await;
    check(&[("searchText", " "), ("limit", "1000000000")], &["searchText", "limit"]).await;
    check(&[("searchText", "a"), ("limit", "x")], &["limit"]).await;
}

#[tokio::test]
async fn one_user_is_found_by_id() {
    let service = Service::start().await;
    let user = three_users(&service).await;
    let answer = service.get(&format!("/users/{}", user.id - 2), &user.token).await;
    assert_eq!(answer.body, json!({ "id": user.id - 2, "firstName": "Ann", "lastName": "Lee" }));
    service.get("/users/999999", &user.token).await.refused(404, "not_found");
    for id in ["0", "-1", "+1", "1.5", "abc", "9223372036854775808", "1%00", "%ff", "1'"] {
        service.get(&format!("/users/{id}"), &user.token).await.invalid(&["id"]);
    }
}
