//! Calls against an HTTP server in this process that answers what the test gives and keeps what it was asked.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;

/// Answers one request with `status` and `body`; yields the request's head and body.
async fn once(status: &str, body: &str) -> (Accounts, JoinSet<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nretry-after: 7\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    let mut server = JoinSet::new();
    server.spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a client");
        let asked = read_request(&mut socket).await;
        socket.write_all(answer.as_bytes()).await.expect("answered");
        asked
    });
    (Accounts::new(&base).expect("an address"), server)
}

async fn read_request(socket: &mut tokio::net::TcpStream) -> String {
    let mut asked = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&asked).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().expect("a number")) {
                return text;
            }
        }
        assert!(socket.read_buf(&mut asked).await.expect("readable") > 0, "the request ended early");
    }
}

#[tokio::test]
async fn signs_up_with_the_documented_spelling() {
    let (accounts, mut server) = once("201 Created", r#"{"message":"User registered","id":5}"#).await;
    let user = NewUser { email: "a@b.c", password: "12345678", first_name: Some("Ann"), last_name: None };
    let created = accounts.sign_up(&user).await.expect("created");
    assert_eq!(created.id, 5);
    let asked = server.join_next().await.expect("asked").expect("served");
    assert!(asked.starts_with("POST /auth/sing-up HTTP/1.1\r\n"), "{asked}");
    assert!(asked.ends_with(r#"{"email":"a@b.c","password":"12345678","firstName":"Ann"}"#), "{asked}");
}

#[tokio::test]
async fn a_log_in_needs_no_renewal_keys() {
    let body = r#"{"message":"ok","token":"t","id":1,"email":"a@b.c","firstName":"Ann","lastName":null}"#;
    let (accounts, _server) = once("201 Created", body).await;
    let login = accounts.log_in("a@b.c", &"12345678".into()).await.expect("logged in");
    assert_eq!((login.token.expose_secret(), login.id, login.expires_in), ("t", 1, None));
    assert!(!format!("{login:?}").contains("\"t\""));
}

#[tokio::test]
async fn a_refresh_shows_the_token_and_brings_the_next() {
    let body = r#"{"message":"ok","token":"t2","refreshToken":"mrt_2","expiresIn":900,"id":1,"email":"a@b.c",
        "firstName":null,"lastName":null}"#;
    let (accounts, mut server) = once("201 Created", body).await;
    let login = accounts.refresh(&"mrt_1".into()).await.expect("refreshed");
    assert_eq!(login.refresh_token.as_ref().map(ExposeSecret::expose_secret), Some("mrt_2"));
    assert_eq!((login.token.expose_secret(), login.expires_in), ("t2", Some(900)));
    assert!(!format!("{login:?}").contains("mrt_"));
    let asked = server.join_next().await.expect("asked").expect("served");
    assert!(asked.starts_with("POST /auth/refresh HTTP/1.1\r\n"), "{asked}");
    assert!(asked.ends_with(r#"{"refreshToken":"mrt_1"}"#), "{asked}");
}

#[tokio::test]
async fn a_log_out_has_no_body_either_way() {
    let (accounts, mut server) = once("204 No Content", "").await;
    accounts.log_out("tok").await.expect("logged out");
    let asked = server.join_next().await.expect("asked").expect("served");
    assert!(asked.starts_with("POST /auth/logout HTTP/1.1\r\n") && asked.ends_with("\r\n\r\n"), "{asked}");
    let (accounts, _server) = once("200 OK", "{}").await;
    assert!(matches!(accounts.log_out("tok").await, Err(RestError::Unexpected { status: 200, .. })));
    let refused = r#"{"message":"There is no such session","code":"not_found"}"#;
    let (accounts, _server) = once("404 Not Found", refused).await;
    let error = accounts.end_session("tok", Uuid::nil()).await.expect_err("refused");
    assert!(matches!(error, RestError::Refused { status: 404, .. }), "{error}");
}

#[tokio::test]
async fn ones_own_log_ins_are_read() {
    let body = r#"{"data":[{"id":"00000000-0000-0000-0000-000000000007","userAgent":null,
        "createdAt":"2026-01-01T00:00:00.000Z","lastSeenAt":"2026-01-01T00:00:00.000Z","current":true}]}"#;
    let (accounts, _server) = once("200 OK", body).await;
    let sessions = accounts.sessions("tok").await.expect("sessions");
    assert!(sessions.len() == 1 && sessions[0].current && sessions[0].id == Uuid::from_u128(7));
}

#[tokio::test]
async fn a_search_is_encoded_and_authorised() {
    let (accounts, mut server) =
        once("200 OK", r#"{"data":[{"id":1,"firstName":"Ann","lastName":null}]}"#).await;
    let users = accounts.search_users("tok", "a&b c", 10).await.expect("users");
    assert_eq!(users, [User { id: 1, first_name: Some("Ann".into()), last_name: None }]);
    let asked = server.join_next().await.expect("asked").expect("served");
    assert!(asked.starts_with("GET /users/search?searchText=a%26b+c&limit=10 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("authorization: Bearer tok\r\n"), "{asked}");
}

#[tokio::test]
async fn a_users_page_with_more_than_names_is_refused() {
    let user = r#"{"id":1,"firstName":"A","lastName":"B","email":"x"}"#;
    let page = format!(r#"{{"data":[{user}],"page":1,"limit":10,"hasMore":false}}"#);
    let (accounts, _server) = once("200 OK", &page).await;
    let error = accounts.list_users("tok", 10, 1).await.expect_err("an address leaked");
    let RestError::Unexpected { status: 200, problem } = error else { panic!("{error}") };
    assert!(problem.contains("unknown field `email`"), "{problem}");
}

#[tokio::test]
async fn a_refusal_keeps_all_it_says() {
    let body =
        r#"{"message":"Invalid body","code":"invalid","errors":[{"path":"email","message":"missing"}]}"#;
    let (accounts, _server) = once("400 Bad Request", body).await;
    let error = accounts.log_in("", &"".into()).await.expect_err("refused");
    assert_eq!(error.to_string(), "Invalid body; email: missing");
    let RestError::Refused { status, code, retry_after, .. } = error else { panic!("{error}") };
    assert_eq!((status, code.as_deref(), retry_after), (400, Some("invalid"), Some(7)));
}

#[tokio::test]
async fn another_success_than_the_documented_one_is_unexpected() {
    let (accounts, _server) = once("200 OK", r#"{"message":"ok","id":1}"#).await;
    let user = NewUser { email: "a@b.c", password: "12345678", first_name: None, last_name: None };
    let error = accounts.sign_up(&user).await.expect_err("not 201");
    assert!(matches!(error, RestError::Unexpected { status: 200, .. }), "{error}");
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let error = Accounts::new(&base).expect("an address").jwks().await.expect_err("nobody");
    assert!(matches!(error, RestError::Unreachable(_)), "{error}");
}

#[test]
fn only_http_addresses_are_taken() {
    for base in ["localhost:3000", "ws://localhost", "", "http://"] {
        assert!(matches!(Accounts::new(base), Err(RestError::Address(_))), "{base}");
    }
    let nested = Accounts::new("http://localhost/messenger").expect("an address");
    let request = nested.request(Method::GET, "profile", &[]).expect("a request").build().expect("builds");
    assert_eq!(request.url().as_str(), "http://localhost/messenger/profile");
}
