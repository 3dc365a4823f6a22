//! The process: its subcommands, its key file, its stop, its logs.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use futures_util::future::join_all;
use messenger_support::database;
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::json;

use crate::answer::Answer;
use crate::service::{KeyFolder, PASSWORD, PATIENCE, Run, Service};

/// A database that is not there.
const URL: &str = "postgres://u:blue-lantern-42@h/d";

#[tokio::test]
async fn a_schema_that_is_behind_is_refused_until_it_is_migrated() {
    let database = database().await;
    let (url, keys) = (database.url_for("accounts"), KeyFolder::new());
    let (status, log) = Run::new("serve", &url, &keys).finish();
    assert!(!status.success() && log.contains("run the `migrate` subcommand first"), "{log}");
    let migrations: Vec<_> = (0..4).map(|_| Run::new("migrate", &url, &keys).spawn()).collect();
    for (mut process, log) in migrations {
        assert!(process.wait(PATIENCE).unwrap().unwrap().success(), "{}", log.text());
    }
    let client = database.connect("accounts").await;
    client.batch_execute("SELECT id FROM users; SELECT family_hash, salt FROM sessions").await.unwrap();
    assert!(Service::start_on(&url, &[]).process.exited().unwrap().is_none());
}

#[tokio::test]
async fn a_bad_configuration_is_told_by_key_without_its_secrets() {
    let keys = KeyFolder::new();
    let settings = [("ACCOUNTS_HTTP_ADDR", "here"), ("ACCOUNTS_PASSWORD_BLOCK_LIST", "maybe")];
    for subcommand in ["serve", "migrate", "check-config"] {
        let (status, log) = Run::new(subcommand, "postgres://u:hunter2@[", &keys).with(&settings).finish();
        assert_eq!(status.code(), Some(78), "{subcommand}");
        assert!(log.contains("ACCOUNTS_HTTP_ADDR") && log.contains("ACCOUNTS_PASSWORD_BLOCK_LIST"), "{log}");
        assert!(!log.contains("hunter2") && !log.contains("panicked"), "{log}");
    }
    for subcommand in ["serve", "migrate", "check-config"] {
        let (status, log) = Run::new(subcommand, "postgres://u:hunter2@[", &keys).finish();
        assert!(
            status.code() == Some(78) && log.contains("ACCOUNTS_DATABASE_URL") && !log.contains("hunter2"),
            "{log}"
        );
    }
    let pem = [("ACCOUNTS_SIGNING_KEY", "hunter2"), ("ACCOUNTS_SIGNING_KEY_FILE", "")];
    let (status, log) = Run::new("check-config", URL, &keys).with(&pem).finish();
    assert!(
        status.code() == Some(78) && log.contains("ACCOUNTS_SIGNING_KEY") && !log.contains("hunter2"),
        "{log}"
    );
    let (status, log) = Run::new("check-config", URL, &keys).finish();
    assert!(status.success() && !keys.file().exists(), "{log}");
    let (status, log) = Run::new("dance", URL, &keys).finish();
    assert!(status.code() == Some(2) && log.contains("Usage: accounts"), "{log}");
}

#[tokio::test]
async fn the_key_outlives_the_process_and_is_private() {
    let database = database().await;
    let keys = KeyFolder::new();
    let file = keys.file();
    let settings = [("ACCOUNTS_SIGNING_KEY_FILE", file.to_str().unwrap())];
    let url = database.url_for("accounts");
    let first = Service::start_on(&url, &settings);
    let user = first.user("ann@x.io", None).await;
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    drop(first);
    let second = Service::start_on(&url, &settings);
    assert_eq!(second.get("/profile", &user.token).await.status, 200);

    let pem = std::fs::read_to_string(&file).unwrap();
    let given = [("ACCOUNTS_SIGNING_KEY", pem.as_str()), ("ACCOUNTS_SIGNING_KEY_FILE", "")];
    let third = Service::start_on(&url, &given);
    assert_eq!(third.get("/profile", &user.token).await.status, 200);
}

#[tokio::test]
async fn a_stop_lets_requests_in_hand_finish() {
    let slow = [("ACCOUNTS_ARGON2_MEMORY_KIB", "65536"), ("ACCOUNTS_ARGON2_ITERATIONS", "10")];
    let mut service =
        Service::start_with(&[slow.as_slice(), &[("ACCOUNTS_ARGON2_CONCURRENCY", "1")]].concat()).await;
    let log = std::sync::Arc::clone(&service.log);
    let attempts = {
        let service = &service;
        let sign_ups = (0..4).map(move |n| async move {
            let body = json!({ "email": format!("u{n}@x.io"), "password": PASSWORD });
            service.post("/auth/sign-up", &body).await.status
        });
        let stop = async {
            // All four are in hand when the gauge of the waiting ones says three.
            while !service.admin("/metrics").await.1.contains("accounts_password_hashes_waiting 3") {}
            let pid = nix::unistd::Pid::from_raw(service.process.pid().try_into().unwrap());
            nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
        };
        futures_util::future::join(join_all(sign_ups), stop).await.0
    };
    assert_eq!(attempts, [201; 4]);
    let status = service.process.wait(PATIENCE).unwrap().unwrap();
    assert!(status.success(), "{status}: {}", log.text());
}

#[tokio::test]
async fn metrics_tell_routes_and_never_ids() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    service.get(&format!("/users/{}", user.id), &user.token).await;
    service.get("/no/such/route", &user.token).await;
    let (status, metrics) = service.admin("/metrics").await;
    assert_eq!(status, 200);
    let series = |route: &str, status: &str| {
        metrics.lines().any(|line| {
            line.starts_with("http_request_seconds_count")
                && line.contains(&format!("route=\"{route}\""))
                && line.contains(&format!("status=\"{status}\""))
        })
    };
    assert!(
        series("/auth/login", "201") && series("/users/{id}", "200") && series("unmatched", "404"),
        "{metrics}"
    );
    assert!(!metrics.contains("no/such"), "{metrics}");
}

#[tokio::test]
async fn logs_hold_no_secret_and_no_email() {
    let settings = [("RUST_LOG", "trace")];
    let mut service = Service::start_with(&settings).await;
    let user = service.user("secret.person@x.io", Some("Ann")).await;
    let wrong = json!({ "email": "secret.person@x.io", "password": "hunter2 wrong" });
    service.post("/auth/login", &wrong).await.refused(404, "wrong_credentials");
    let change = json!({ "oldPassword": PASSWORD, "newPassword": "hunter2 staple" });
    assert_eq!(service.patch("/profile/change-password", &user.token, &change).await.status, 201);
    service.get("/users/search?searchText=secret.person@x.io", &user.token).await;
    service.get(&format!("/profile?token={}", user.token), "bad").await.refused(401, "unauthorized");
    let odd = service.request(Method::POST, "/auth/login").header("content-type", "application/json");
    Answer::of(odd.body("{\"password\":\"hunter2\"")).await.refused(400, "malformed");
    let next = service.refreshed(&user.refresh_token).await;
    service.refresh(&user.refresh_token[..40]).await.refused(401, "unauthorized");
    let taken = json!({ "email": "secret.person@x.io", "password": "hunter2 again" });
    service.post("/auth/sign-up", &taken).await.refused(400, "email_taken");

    service.process.stop(&[(Signal::SIGTERM, Duration::from_secs(20))]).unwrap();
    let log = service.log.text();
    assert!(log.contains("listening"), "{log}");
    for secret in
        ["hunter2", PASSWORD, "secret.person", "argon2id", "PRIVATE KEY", &*user.token, "mrt_", &*next.token]
    {
        assert!(
            !log.contains(secret),
            "{secret} is in: {}",
            log.lines().find(|line| line.contains(secret)).unwrap()
        );
    }
}
