//! Requests that no honest client sends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::service::{LoggedIn, PASSWORD, PATIENCE, Service};

const BODIES: [(Method, &str); 8] = [
    (Method::POST, "/auth/sing-up"),
    (Method::POST, "/auth/sign-up"),
    (Method::POST, "/auth/login"),
    (Method::POST, "/auth/forgot-password"),
    (Method::POST, "/auth/reset-password"),
    (Method::POST, "/auth/verify-email"),
    (Method::PATCH, "/profile/update"),
    (Method::PATCH, "/profile/change-password"),
];

/// The body sent to every path that takes one.
async fn everywhere(service: &Service, user: &LoggedIn, body: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (method, path) in BODIES {
        let request =
            service.request(method, path).bearer_auth(&user.token).header("content-type", "application/json");
        answers.push(Answer::of(request.body(body.to_vec())).await);
    }
    answers
}

#[tokio::test]
async fn answers_are_json_whatever_a_client_would_rather_have() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    for accept in ["text/html", "application/xml;q=0.9", "image/*", "nonsense"] {
        for (path, status) in [("/profile", 200), ("/users/999", 404), ("/nowhere", 404)] {
            let request =
                service.request(Method::GET, path).bearer_auth(&user.token).header("accept", accept);
            let answer = Answer::of(request).await;
            let content_type = answer.header("content-type");
            assert_eq!((answer.status, content_type), (status, "application/json"), "{accept} {path}");
        }
    }
}

#[tokio::test]
async fn what_is_not_a_json_object_is_refused_without_parser_text() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let deep = "[".repeat(60_000);
    let nested = format!("{{\"email\":{}", "{\"a\":".repeat(10_000));
    let bodies: [&[u8]; 14] = [
        b"",
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        b"\"text\"",
        b"42",
        b"{\"email\":\"a\"} trailing",
        b"\xef\xbb\xbf{}",
        b"{\"email\":\"\xff\"}",
        b"{\"email\":\"\\ud800\"}",
        b"{\"email\":1e999}",
        deep.as_bytes(),
        nested.as_bytes(),
    ];
    for body in bodies {
        for answer in everywhere(&service, &user, body).await {
            answer.refused(400, "malformed");
            let text = answer.body.to_string();
            assert!(
                !text.contains("line") && !text.contains("column") && !text.contains("expected"),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn wrong_types_and_unknown_fields_are_named() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let check = async |method: Method, path: &str, body: &str, field: &str| {
        let request =
            service.request(method, path).bearer_auth(&user.token).header("content-type", "application/json");
        let answer = Answer::of(request.body(body.to_owned())).await;
        answer.invalid(&[field]);
    };
    for value in ["1", "1.5", "true", "null", "[]", "{}", "[\"a@x.io\"]", "{\"$ne\":null}"] {
        check(Method::POST, "/auth/sign-up", &format!("{{\"email\":{value},\"password\":\"x\"}}"), "email")
            .await;
        check(
            Method::POST,
            "/auth/login",
            &format!("{{\"email\":\"a@x.io\",\"password\":{value}}}"),
            "password",
        )
        .await;
        check(
            Method::PATCH,
            "/profile/change-password",
            &format!("{{\"oldPassword\":{value}}}"),
            "oldPassword",
        )
        .await;
    }
    check(Method::PATCH, "/profile/update", "{\"firstName\":7}", "firstName").await;
    check(Method::POST, "/auth/login", "{\"email\":\"a@x.io\"}", "password").await;
    check(
        Method::POST,
        "/auth/login",
        "{\"email\":\"a@x.io\",\"email\":\"b@x.io\",\"password\":\"x\"}",
        "email",
    )
    .await;
    for (method, path) in BODIES {
        check(method, path, "{\"role\":\"admin\"}", "role").await;
    }
    let long = json!({ "x".repeat(1_000): 1 }).to_string();
    check(Method::POST, "/auth/login", &long, &"x".repeat(64)).await;
}

#[tokio::test]
async fn only_uncompressed_json_is_read() {
    let service = Service::start().await;
    let body = json!({ "email": "ann@x.io", "password": PASSWORD }).to_string();
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-type", "application/jsonp"),
        ("content-type", ""),
    ] {
        let request = service.request(Method::POST, "/auth/sign-up").header(name, value).body(body.clone());
        Answer::of(request).await.refused(415, "unsupported_media_type");
    }
    let bare = service.request(Method::POST, "/auth/sign-up").body(body.clone());
    Answer::of(bare).await.refused(415, "unsupported_media_type");
    let request = service.request(Method::POST, "/auth/sign-up").header("content-type", "application/json");
    let packed = request.header("content-encoding", "gzip").body(body.clone());
    Answer::of(packed).await.refused(415, "unsupported_media_type");
    let request = service
        .request(Method::POST, "/auth/sign-up")
        .header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(Answer::of(request.body(body)).await.status, 201);
}

#[tokio::test]
async fn a_large_body_is_refused_whether_announced_or_not() {
    let service = Service::start().await;
    let padded = |bytes: usize| {
        let empty = json!({ "email": "ann@x.io", "password": "" }).to_string().len();
        json!({ "email": "ann@x.io", "password": "x".repeat(bytes - empty) }).to_string()
    };
    let post = |body: reqwest::Body| {
        service.request(Method::POST, "/auth/login").header("content-type", "application/json").body(body)
    };
    Answer::of(post(padded(65_536).into())).await.refused(404, "wrong_credentials");
    let large = Answer::of(post(padded(65_537).into())).await;
    large.refused(413, "too_large");
    assert_eq!(large.header("connection"), "close", "what was not read must not be taken for a request");
    let head = "POST /auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let announced = raw(&service, &format!("{head}content-length: 1000000000\r\n\r\n{{"));
    assert!(announced.starts_with("HTTP/1.1 413"), "{announced}");
    let chunk = format!("11000\r\n{}\r\n", "x".repeat(0x11000));
    let chunked = raw(&service, &format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}"));
    assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_ends_the_request() {
    let service = Service::start_with(&[("ACCOUNTS_HTTP_BODY_TIMEOUT_MS", "200")]).await;
    let head = "POST /auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let answer = raw(&service, head);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("\"code\":\"timeout\""), "{answer}");
}

#[tokio::test]
async fn a_request_head_has_limits() {
    let service = Service::start_with(&[("ACCOUNTS_HTTP_HEAD_TIMEOUT_MS", "200")]).await;
    assert!(
        !raw(&service, "GET /profile HTTP/1.1\r\nhost: x\r\n").contains("200 OK"),
        "a head that never ends"
    );
    let large =
        raw(&service, &format!("GET /profile HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(100_000)));
    assert!(large.is_empty() || large.starts_with("HTTP/1.1 431"), "{large}");
    assert!(!raw(&service, "\u{16}\u{3}\u{1} hello\r\n\r\n").contains("200 OK"));
    assert_eq!(service.admin("/livez").await.0, 200);
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_refused_in_the_same_form() {
    let service = Service::start().await;
    for path in [
        "/",
        "/nothing",
        "/auth",
        "/auth/login/",
        "/users",
        "/users/1/2",
        "/metrics",
        "/readyz",
        "/%00",
        "/..%2fetc",
    ] {
        Answer::of(service.request(Method::GET, path)).await.refused(404, "not_found");
    }
    for (method, path, allowed) in [
        (Method::GET, "/auth/login", "POST"),
        (Method::POST, "/profile", "GET,HEAD"),
        (Method::PUT, "/profile/update", "PATCH"),
        (Method::GET, "/profile/destroy", "DELETE"),
        (Method::TRACE, "/users/list", "GET,HEAD"),
        (Method::OPTIONS, "/users/list", "GET,HEAD"),
    ] {
        let answer = Answer::of(service.request(method, path)).await;
        answer.refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allowed, "{path}");
    }
}

#[tokio::test]
async fn request_ids_are_kept_when_harmless() {
    let service = Service::start().await;
    let id_of = async |given: &str| {
        let answer = Answer::of(service.request(Method::GET, "/nothing").header("x-request-id", given)).await;
        answer.header("x-request-id").to_owned()
    };
    assert_eq!(id_of("abc-1.2_3").await, "abc-1.2_3");
    assert_ne!(id_of("a b").await, "a b");
    assert_eq!(id_of(&"x".repeat(65)).await.len(), 36);
}

/// Sends bytes as they are and reads what comes back until the service closes the connection or has answered.
fn raw(service: &Service, request: &str) -> String {
    let mut stream = TcpStream::connect(service.http_address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The service may refuse and close before it has read everything.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let mut buffer = [0; 4_096];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..read]);
        if is_whole(&answer) {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Whether a head and the JSON body after it are there.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    text.split_once("\r\n\r\n").is_some_and(|(_, body)| serde_json::from_str::<Value>(body).is_ok())
}
