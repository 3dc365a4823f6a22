//! Logs: every event is one line of JSON, whatever clients write, and no secret, message or e-mail is in any of them, even
//! where everything is logged.

use messenger_support::{Cluster, ClusterOptions};
use reqwest::Method;
use serde_json::{Value, json};

use crate::bare::{Bare, TEXT, UPGRADE, frame};
use crate::people::{PASSWORD, People, SOON};
use crate::until::metric;

/// Texts that would break or forge a line, or move a terminal's cursor.
const FORGERIES: [&str; 5] = [
    "x\r\n{\"level\":\"ERROR\",\"message\":\"forged-event\"}",
    "x\n2026-01-01T00:00:00Z ERROR forged-event",
    "\u{1b}[31mforged-event\u{1b}[0m\u{1b}]0;title\u{7}",
    "{\"level\":\"ERROR\",\"message\":\"forged-event\"}",
    "\u{2028}forged-event\u{85}\u{9b}31m\u{202e}",
];
/// In every message of the test.
const BODY: &str = "b0dy-that-nobody-else-reads";
/// A password that is wrong, and one that is new.
const WRONG: &str = "wr0ng-passw0rd-of-the-test";
const NEW: &str = "n3w-passw0rd-of-the-test";

/// What must not be in a log.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    fn add(&mut self, secret: impl Into<String>) {
        self.0.push(secret.into());
    }

    /// A token is recognised by any of its parts; the first is the same for all.
    fn add_token(&mut self, token: &str) {
        let parts = token.split('.').filter(|part| part.len() > 16);
        self.0.extend(parts.skip(usize::from(token.contains('.'))).map(str::to_owned));
    }
}

/// Sign-up, log-in, refresh, profile and look-ups, right and wrong.
async fn rest(people: &People, secrets: &mut Secrets) {
    let call = async |method: Method, path: &str, token: Option<&str>, body: Value| -> (u16, Value) {
        let body = (!body.is_null()).then(|| body.to_string());
        let (status, text) = people.accounts.raw(method, path, token, body).await.unwrap();
        assert!(status < 500, "{path}: {status} {text}");
        (status, serde_json::from_str(&text).unwrap_or_default())
    };
    let email = "Cleo.Of-The-Logs@mail.example";
    for text in [email, &email.to_lowercase(), "someone-unknown@mail.example", PASSWORD, WRONG, NEW] {
        secrets.add(text);
    }
    let sign_up = json!({"email": email, "password": PASSWORD, "firstName": "Cleo", "lastName": "Logs"});
    for _ in 0..2 {
        call(Method::POST, "/auth/sign-up", None, sign_up.clone()).await;
    }
    for (email, password) in [(email, WRONG), ("someone-unknown@mail.example", WRONG), (email, PASSWORD)] {
        let (_, answer) =
            call(Method::POST, "/auth/login", None, json!({"email": email, "password": password})).await;
        let Some(token) = answer["token"].as_str() else { continue };
        secrets.add_token(token);
        if let Some(refresh) = answer["refreshToken"].as_str() {
            secrets.add_token(refresh);
            for _ in 0..2 {
                call(Method::POST, "/auth/refresh", None, json!({"refreshToken": refresh})).await;
            }
        }
        for path in [
            "/profile",
            "/users/list?limit=5",
            "/users/search?searchText=cleo.of-the-logs@mail.example",
            "/users/1",
        ] {
            call(Method::GET, path, Some(token), Value::Null).await;
        }
        for name in FORGERIES {
            call(Method::PATCH, "/profile/update", Some(token), json!({"firstName": name})).await;
            let wrong = json!({"email": format!("{name}@mail.example"), "password": name, "firstName": name});
            call(Method::POST, "/auth/sign-up", None, wrong.clone()).await;
            call(Method::POST, "/auth/login", None, wrong).await;
            call(Method::GET, "/profile", Some(&format!("{token}x")), Value::Null).await;
        }
        let change = |old: &str| json!({"oldPassword": old, "newPassword": NEW});
        call(Method::PATCH, "/profile/change-password", Some(token), change(WRONG)).await;
        call(Method::PATCH, "/profile/change-password", Some(token), change(PASSWORD)).await;
        call(Method::DELETE, "/profile/destroy", Some(token), Value::Null).await;
    }
}

/// Requests whose head is a forgery: in path, query and every header that a service may look at.
async fn heads(cluster: &Cluster, token: &str) {
    let escaped = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02x}")).collect() };
    for text in FORGERIES {
        let visible: String = text.chars().filter(|c| (' '..='~').contains(c)).collect();
        let headers = format!(
            "Host: x\r\nUser-Agent: {visible}\r\nX-Request-Id: {visible}\r\ntraceparent: {visible}\r\n\
             X-Forwarded-For: {visible}\r\nOrigin: {visible}\r\nReferer: {visible}\r\n"
        );
        for (address, head) in [
            (cluster.accounts().http(), "Authorization: Bearer nothing.of-a.token\r\n".to_owned()),
            (cluster.gateway(0).http(), format!("{UPGRADE}Authorization: Bearer {token}x\r\n")),
            (cluster.gateway(0).http(), format!("{UPGRADE}Sec-WebSocket-Protocol: auth, {token}x\r\n")),
            (cluster.gateway(0).http(), format!("{UPGRADE}Authorization: Bearer {visible}\r\n")),
        ] {
            for path in [
                format!("/{}", escaped(text)),
                format!("/?token={token}&x={}", escaped(text)),
                "/users/list".to_owned(),
            ] {
                let request = format!("GET {path} HTTP/1.1\r\n{headers}{head}\r\n");
                let (status, _) = Bare::connect_to(address).await.ask(request.as_bytes()).await;
                assert!((400..500).contains(&status), "{request}: {status}");
            }
        }
        // Bytes that no header may have: refused before anybody looks at them.
        let raw =
            [b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: ", text.as_bytes(), b"\x1b[2J\r\n\r\n"].concat();
        assert_eq!(Bare::connect_to(cluster.gateway(0).http()).await.ask(&raw).await.0, 400);
    }
}

/// Every line is one event, and every event says only what it may.
fn judge(logs: &str, secrets: &Secrets) {
    let lines: Vec<&str> = logs.split('\n').filter(|line| !line.is_empty()).collect();
    assert!(lines.len() > 50, "these are no logs of a verbose run: {} lines", lines.len());
    for line in &lines {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let level = event["level"].as_str().unwrap_or_else(|| panic!("no level: {line}"));
        assert!(event["timestamp"].is_string() && event["target"].is_string(), "{line}");
        assert!(level != "ERROR", "{line}");
        assert!(event["message"] != "forged-event", "{line}");
        assert!(!line.chars().any(char::is_control), "a control character: {line:?}");
    }
    for secret in &secrets.0 {
        if let Some(line) = lines.iter().find(|line| line.contains(secret.as_str())) {
            panic!("{secret} in {line}");
        }
    }
}

#[tokio::test]
async fn whatever_happens_logs_are_lines_of_json_without_secrets() {
    let options =
        ClusterOptions { gateways: 2, settings: &[("RUST_LOG", "trace")], ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options).await;
    let people = People::of(&cluster);
    let mut secrets = Secrets::default();
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    for person in [&ann, &bob] {
        secrets.add_token(person.token());
        secrets.add(&person.email);
    }
    secrets.add(BODY);
    rest(&people, &mut secrets).await;
    heads(&cluster, ann.token()).await;

    let (mut a, mut b) = (ann.socket(&cluster, 0).await, bob.socket(&cluster, 1).await);
    for text in FORGERIES {
        let content = format!("{BODY} {text}");
        a.ask("privateMessage", json!({"receiverId": bob.id, "content": content})).await;
        assert_eq!(b.push("privateMessage").await["message"], json!(content));
        a.refused("privateMessage", json!({"receiverId": 999_999_999, "content": content})).await;
        a.ask_text(&json!({"type": content}).to_string()).await;
        a.ask_text(&format!("{{\"type\": \"{BODY}")).await;
    }
    let group = a.ask("newGroup", json!({"groupName": BODY})).await["groupId"].as_i64().unwrap();
    a.ask("addUserInGroup", json!({"groupId": group, "userId": bob.id})).await;
    b.push("addUserInGroup").await;
    let mut bare = Bare::open(&cluster, 0, &ann).await;
    bare.send(&frame(TEXT, format!("{BODY}\u{0}").as_bytes())).await;
    bare.send(&frame(TEXT, b"\xff\xfe")).await;
    assert_eq!(bare.close().await.0, 1007);

    for gateway in 0..2 {
        let status = cluster.terminate(gateway, SOON).await;
        assert!(status.success(), "{status}");
    }
    assert!(metric(cluster.accounts().admin(), "http_request_seconds_count", "").await > 0.0);
    judge(&cluster.logs(), &secrets);
}
