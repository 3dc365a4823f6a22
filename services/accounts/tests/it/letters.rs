//! Forgotten passwords and addresses that are verified, with a mail server that receives the letters.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::mail_server::{MailServer, Manners};
use crate::service::{PASSWORD, PATIENCE, Service};

const NEW: &str = "battery staple";

async fn with_mail(server: &MailServer, settings: &[(&str, &str)]) -> Service {
    let url = format!("smtp+plain://{}", server.address());
    let mail = [
        ("ACCOUNTS_MAIL_URL", url.as_str()),
        ("ACCOUNTS_MAIL_FROM", "Messenger <no-reply@x.io>"),
        ("ACCOUNTS_PUBLIC_URL", "https://chat.x.io"),
    ];
    Service::start_with(&[&mail, settings].concat()).await
}

async fn forget(service: &Service, email: &str) -> Answer {
    let answer = service.post("/auth/forgot-password", &json!({ "email": email })).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer
}

async fn reset(service: &Service, token: &str, password: &str) -> Answer {
    service.post("/auth/reset-password", &json!({ "token": token, "newPassword": password })).await
}

async fn verify(service: &Service, token: &str) -> Answer {
    service.post("/auth/verify-email", &json!({ "token": token })).await
}

async fn log_in(service: &Service, email: &str, password: &str) -> Answer {
    service.post("/auth/login", &json!({ "email": email, "password": password })).await
}

/// Mails so far with this result.
async fn mails(service: &Service, result: &str) -> u64 {
    let (_, metrics) = service.admin("/metrics").await;
    let begin = format!("accounts_mails_total{{result=\"{result}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&begin)).map_or(0, |count| count.parse().unwrap())
}

async fn wait_for_mails(service: &Service, result: &str, count: u64) {
    let deadline = Instant::now() + PATIENCE;
    while mails(service, result).await < count {
        assert!(Instant::now() < deadline, "no {count} mails {result}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_once_and_ends_all_sessions() {
    let server = MailServer::start(Manners::Takes);
    let service = with_mail(&server, &[]).await;
    let (user, other) = (service.user("Ann@x.io", None).await, service.log_in("ann@x.io").await);
    forget(&service, "ANN@x.io").await;
    let mail = server.mail();
    assert_eq!(mail.to, "Ann@x.io");
    let token = mail.token("reset-password");
    assert_eq!(token.len(), 64);

    reset(&service, &token, "short").await.invalid(&["newPassword"]);
    reset(&service, &token, "ann@x.io").await.invalid(&["newPassword"]);
    for wrong in ["", "x", &"0".repeat(64), &token.to_uppercase()] {
        reset(&service, wrong, NEW).await.refused(400, "invalid_token");
    }
    let answer = reset(&service, &token, NEW).await;
    assert_eq!((answer.status, &answer.body["message"]), (201, &Value::from("Password changed")));
    for session in [user, other] {
        service.get("/profile", &session.token).await.refused(401, "unauthorized");
    }
    log_in(&service, "ann@x.io", PASSWORD).await.refused(404, "wrong_credentials");
    assert_eq!(log_in(&service, "ann@x.io", NEW).await.status, 201);
    reset(&service, &token, PASSWORD).await.refused(400, "invalid_token");
    assert!(!service.log.text().contains(&token), "the token is in the log");
    assert!(!service.log.text().to_lowercase().contains("ann@x.io"), "the e-mail is in the log");
}

#[tokio::test]
async fn whether_anybody_has_an_email_is_not_told() {
    let server = MailServer::start(Manners::Takes);
    let service = with_mail(&server, &[]).await;
    service.sign_up("ann@x.io", None, None).await;
    let known = forget(&service, "ann@x.io").await;
    let unknown = forget(&service, "bob@x.io").await;
    assert_eq!(known.body, unknown.body);
    forget(&service, "ann@x.io").await;
    assert_eq!((server.mail().to.as_str(), server.mail().to.as_str()), ("ann@x.io", "ann@x.io"));
    wait_for_mails(&service, "sent", 2).await;
    assert!(server.is_empty(), "requests are answered in their order, so bob's was");
}

#[tokio::test]
async fn of_several_letters_the_last_one_counts_and_none_for_long() {
    let server = MailServer::start(Manners::Takes);
    let service = with_mail(&server, &[]).await;
    let user = service.user("ann@x.io", None).await;
    let database = service.database().connect("accounts").await;
    let token = async || {
        forget(&service, "ann@x.io").await;
        server.mail().token("reset-password")
    };
    let (first, second) = (token().await, token().await);
    reset(&service, &first, NEW).await.refused(400, "invalid_token");
    let stored = database.query("SELECT token_hash FROM mail_tokens", &[]).await.unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].get::<_, Vec<u8>>(0).len(), 32, "a hash, not the token");

    let life = "SELECT extract(epoch FROM expires_at - created_at)::int FROM mail_tokens";
    assert_eq!(database.query_one(life, &[]).await.unwrap().get::<_, i32>(0), 1_800);
    database.execute("UPDATE mail_tokens SET expires_at = created_at", &[]).await.unwrap();
    reset(&service, &second, NEW).await.refused(400, "invalid_token");

    // Whoever reads the old mailbox opens nothing once the address has changed.
    let third = token().await;
    let change = json!({ "email": "new@x.io", "password": PASSWORD });
    let change = service.patch("/profile/update", &user.token, &change).await;
    assert_eq!(change.status, 201, "{change:?}");
    reset(&service, &third, NEW).await.refused(400, "invalid_token");
    verify(&service, &third).await.refused(400, "invalid_token");
}

/// Whoever owns the e-mail can have a letter replace the password: with the thief of a fresh token that must not end so.
#[tokio::test]
async fn where_letters_are_written_a_fresh_log_in_alone_moves_no_e_mail_and_its_owner_hears_of_it() {
    let server = MailServer::start(Manners::Takes);
    let service = with_mail(&server, &[]).await;
    let user = service.user("ann@x.io", None).await;
    let mut change = json!({ "email": "thief@x.io" });
    let stolen = service.patch("/profile/update", &user.token, &change).await;
    stolen.refused(403, "reauthentication_required");
    change["password"] = json!("guessed horse");
    let guessed = service.patch("/profile/update", &user.token, &change).await;
    guessed.refused(403, "reauthentication_required");
    assert_eq!(
        service.patch("/profile/update", &user.token, &json!({ "firstName": "Ann" })).await.status,
        201
    );
    assert!(server.is_empty());

    change["password"] = json!(PASSWORD);
    assert_eq!(service.patch("/profile/update", &user.token, &change).await.status, 201);
    let told = server.mail();
    assert_eq!(told.to, "ann@x.io");
    assert!(told.text.contains("Another e-mail address") && !told.text.contains("thief"), "{}", told.text);
    let new = json!({ "oldPassword": PASSWORD, "newPassword": NEW });
    assert_eq!(service.patch("/profile/change-password", &user.token, &new).await.status, 201);
    let told = server.mail();
    assert!(told.to == "thief@x.io" && told.text.contains("was changed"), "{}", told.text);
}

#[tokio::test]
async fn a_token_works_once_also_at_the_same_moment() {
    let server = MailServer::start(Manners::Takes);
    let service = with_mail(&server, &[]).await;
    service.sign_up("ann@x.io", None, None).await;
    forget(&service, "ann@x.io").await;
    let token = server.mail().token("reset-password");
    let answers = futures_util::future::join_all((0..6).map(|_| reset(&service, &token, NEW))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_server_that_refuses_for_now_gets_the_mail_later_and_one_that_refuses_for_good_never() {
    let server = MailServer::start(Manners::Refuses("550 no such user"));
    let service = with_mail(&server, &[]).await;
    service.sign_up("ann@x.io", None, None).await;
    forget(&service, "ann@x.io").await;
    wait_for_mails(&service, "failed", 1).await;
    assert_eq!(mails(&service, "retried").await, 0);

    server.set(Manners::Refuses("451 try again"));
    forget(&service, "ann@x.io").await;
    wait_for_mails(&service, "retried", 1).await;
    server.set(Manners::Takes);
    assert_eq!(reset(&service, &server.mail().token("reset-password"), NEW).await.status, 201);
}

#[tokio::test]
async fn a_server_that_says_nothing_delays_nobody() {
    let server = MailServer::start(Manners::Silent);
    let service = with_mail(&server, &[("ACCOUNTS_MAIL_TIMEOUT_MS", "2000")]).await;
    let user = service.user("ann@x.io", None).await;
    for _ in 0..3 {
        forget(&service, "ann@x.io").await;
        assert_eq!(service.get("/profile", &user.token).await.status, 200);
    }
    assert_eq!(mails(&service, "sent").await + mails(&service, "failed").await, 0);
    wait_for_mails(&service, "retried", 1).await;
    server.set(Manners::Takes);
    assert_eq!(server.mail().to, "ann@x.io");
}

#[tokio::test]
async fn a_server_without_tls_is_told_nothing() {
    let server = MailServer::start(Manners::Takes);
    let url = format!("smtp+starttls://user:hunter2@{}", server.address());
    let service = with_mail(&server, &[("ACCOUNTS_MAIL_URL", &url)]).await;
    service.sign_up("ann@x.io", None, None).await;
    forget(&service, "ann@x.io").await;
    wait_for_mails(&service, "retried", 1).await;
    let said = server.commands();
    assert!(
        !said.is_empty() && said.iter().all(|line| line.starts_with("EHLO") || line == "QUIT"),
        "{said:?}"
    );
    assert!(!service.log.text().contains("hunter2"));
}

#[tokio::test]
async fn letters_are_limited_by_user_and_by_address() {
    let server = MailServer::start(Manners::Takes);
    let limits = [("ACCOUNTS_MAIL_PER_HOUR", "2"), ("ACCOUNTS_MAIL_REQUESTS_PER_HOUR", "4")];
    let service = with_mail(&server, &limits).await;
    service.sign_up("ann@x.io", None, None).await;
    service.sign_up("bob@x.io", None, None).await;
    for _ in 0..3 {
        forget(&service, "ann@x.io").await;
    }
    forget(&service, "bob@x.io").await;
    let to: Vec<_> = (0..3).map(|_| server.mail().to).collect();
    assert_eq!(to, ["ann@x.io", "ann@x.io", "bob@x.io"]);
    let answer = service.post("/auth/forgot-password", &json!({ "email": "bob@x.io" })).await;
    answer.refused(429, "too_many_attempts");
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
}

#[tokio::test]
async fn where_addresses_are_verified_nobody_logs_in_before() {
    let server = MailServer::start(Manners::Takes);
    let service = with_mail(&server, &[("ACCOUNTS_EMAIL_VERIFICATION", "on")]).await;
    service.sign_up("ann@x.io", None, None).await;
    let first = server.mail().token("verify-email");
    log_in(&service, "ann@x.io", "wrong horse").await.refused(404, "wrong_credentials");
    log_in(&service, "ann@x.io", PASSWORD).await.refused(403, "email_not_verified");
    let second = server.mail().token("verify-email");
    verify(&service, &first).await.refused(400, "invalid_token");
    reset(&service, &second, NEW).await.refused(400, "invalid_token");
    assert_eq!(verify(&service, &second).await.status, 201);
    verify(&service, &second).await.refused(400, "invalid_token");
    let user = service.log_in("ann@x.io").await;

    service.sign_up("bob@x.io", None, None).await;
    let bob = server.mail().token("verify-email");
    let change = json!({ "email": "new@x.io", "firstName": "Ann", "password": PASSWORD });
    assert_eq!(service.patch("/profile/update", &user.token, &change).await.status, 201);
    let mail = server.mail();
    assert_eq!(mail.to, "new@x.io");
    let profile = service.get("/profile", &user.token).await.body;
    assert_eq!((&profile["email"], &profile["firstName"]), (&json!("ann@x.io"), &json!("Ann")));
    assert_eq!(verify(&service, &mail.token("verify-email")).await.status, 201);
    assert_eq!(service.get("/profile", &user.token).await.body["email"], "new@x.io");

    assert_eq!(server.mail().to, "ann@x.io", "who had the address is told");
    let taken = json!({ "email": "bob@x.io", "password": PASSWORD });
    let taken = service.patch("/profile/update", &user.token, &taken).await;
    taken.refused(400, "email_taken");
    assert_eq!(verify(&service, &bob).await.status, 201);
}

#[tokio::test]
async fn whoever_signed_up_before_is_not_asked_to_verify() {
    let server = MailServer::start(Manners::Takes);
    let before = with_mail(&server, &[]).await;
    before.sign_up("ann@x.io", None, None).await;
    let url = format!("smtp+plain://{}", server.address());
    let settings = [
        ("ACCOUNTS_MAIL_URL", url.as_str()),
        ("ACCOUNTS_MAIL_FROM", "no-reply@x.io"),
        ("ACCOUNTS_PUBLIC_URL", "https://chat.x.io"),
        ("ACCOUNTS_EMAIL_VERIFICATION", "on"),
    ];
    let after = Service::start_on(&before.database().url_for("accounts"), &settings);
    assert_eq!(log_in(&after, "ann@x.io", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn without_a_mail_server_there_are_no_letters() {
    let service = Service::start().await;
    let answer = service.post("/auth/forgot-password", &json!({ "email": "ann@x.io" })).await;
    answer.refused(404, "mail_off");
    verify(&service, "x").await.refused(400, "invalid_token");
}

#[tokio::test]
async fn in_development_letters_go_to_the_log() {
    let settings = [
        ("ACCOUNTS_MAIL_URL", "log:"),
        ("ACCOUNTS_MAIL_FROM", "no-reply@x.io"),
        ("ACCOUNTS_PUBLIC_URL", "http://localhost:3000"),
    ];
    let service = Service::start_with(&settings).await;
    service.sign_up("ann@x.io", None, None).await;
    forget(&service, "ann@x.io").await;
    service.log.wait_for("mail", |line| line.contains("a mail was made"));
    let line = service.log.wait_for("link", |line| line.contains("reset-password#token="));
    let token: String =
        line.split_once("#token=").unwrap().1.chars().take_while(char::is_ascii_alphanumeric).collect();
    assert!(line.contains("DEBUG") && !service.log.text().contains("ann@x.io"), "{line}");
    assert_eq!(reset(&service, &token, NEW).await.status, 201);
}

#[tokio::test]
async fn nothing_that_a_user_writes_gets_into_the_head_of_a_mail() {
    let server = MailServer::start(Manners::Takes);
    let service = with_mail(&server, &[]).await;
    let evil = "ann@x.io\r\nBcc: bob@x.io";
    for path in ["/auth/sign-up", "/auth/forgot-password"] {
        let mut body = json!({ "email": evil });
        if path == "/auth/sign-up" {
            body["password"] = json!(PASSWORD);
        }
        service.post(path, &body).await.invalid(&["email"]);
    }
    let body = json!({ "email": "ann@x.io", "password": PASSWORD, "firstName": "Ann\r\nBcc: bob@x.io" });
    service.post("/auth/sign-up", &body).await.invalid(&["firstName"]);
    let body = json!({ "email": "ann@x.io", "password": PASSWORD, "firstName": "<b>Bcc: bob@x.io</b>" });
    assert_eq!(Answer::of(service.request(Method::POST, "/auth/sign-up").json(&body)).await.status, 201);
    forget(&service, "ann@x.io").await;
    let mail = server.mail();
    let recipients = server.commands().into_iter().filter(|line| line.starts_with("RCPT")).count();
    assert_eq!((mail.to.as_str(), recipients), ("ann@x.io", 1));
    assert!(!mail.text.contains("Bcc"), "{}", mail.text);
}
