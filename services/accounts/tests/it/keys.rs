//! Signing keys that change while the service serves.

use std::path::Path;
use std::time::{Duration, Instant};

use jsonwebtoken::decode_header;
use messenger_support::database;
use reqwest::Method;

use crate::answer::Answer;
use crate::service::{KeyFolder, PATIENCE, Run, Service};

fn settings(file: &Path) -> [(&str, &str); 3] {
    [
        ("ACCOUNTS_SIGNING_KEY_FILE", file.to_str().unwrap()),
        ("ACCOUNTS_SIGNING_KEY_RELOAD_MS", "50"),
        ("ACCOUNTS_SIGNING_KEY_LEAD_SECONDS", "2"),
    ]
}

fn keys_command(verb: &str, keys: &KeyFolder) -> (bool, String) {
    let file = keys.file();
    let run = Run::new("keys", "postgres://u:5b9d2f7a1c3e4860@h/d", keys).arg(verb).with(&settings(&file));
    let (status, log) = run.finish();
    (status.success(), log)
}

fn kid(token: &str) -> String {
    decode_header(token).unwrap().kid.unwrap()
}

async fn published(service: &Service) -> Vec<String> {
    let answer = Answer::of(service.request(Method::GET, "/.well-known/jwks.json")).await;
    let keys = answer.body["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Looks until it is so.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_rotation_needs_no_restart_and_voids_nothing() {
    let (database, keys) = (database().await, KeyFolder::new());
    let (url, file) = (database.url_for("accounts"), keys.file());
    let mut replicas = [Service::start_on(&url, &settings(&file)), Service::start_on(&url, &settings(&file))];
    let [one, two] = &replicas;
    let user = one.user("ann@x.io", None).await;
    let old = kid(&user.token);

    assert_eq!(keys_command("rotate", &keys), (true, String::new()));
    let (again, log) = keys_command("rotate", &keys);
    assert!(!again && log.contains("rotate after that"), "{log}");
    for replica in [one, two] {
        until("the new key is published", async || published(replica).await.len() == 2).await;
        until("the new key signs", async || kid(&replica.log_in("ann@x.io").await.token) != old).await;
    }
    let new = one.log_in("ann@x.io").await;
    assert_eq!(published(two).await, [kid(&new.token), old.clone()]);
    for replica in [one, two] {
        assert_eq!(replica.get("/profile", &user.token).await.status, 200, "the old key verifies");
        assert_eq!(replica.get("/profile", &new.token).await.status, 200, "the new key verifies");
    }
    for replica in &mut replicas {
        assert!(replica.process.exited().unwrap().is_none());
    }
}

#[tokio::test]
async fn a_new_key_is_published_before_it_signs() {
    let (database, keys) = (database().await, KeyFolder::new());
    let file = keys.file();
    let mut settings = settings(&file);
    settings[2].1 = "3600";
    let service = Service::start_on(&database.url_for("accounts"), &settings);
    let old = kid(&service.user("ann@x.io", None).await.token);
    let run = Run::new("keys", "postgres://u:5b9d2f7a1c3e4860@h/d", &keys).arg("rotate").with(&settings);
    assert!(run.finish().0.success());
    until("the new key is published", async || published(&service).await.len() == 2).await;
    assert_eq!(kid(&service.log_in("ann@x.io").await.token), old);
}

#[tokio::test]
async fn a_replacement_voids_what_a_thief_could_sign_and_a_refresh_goes_on() {
    let (database, keys) = (database().await, KeyFolder::new());
    let file = keys.file();
    let service = Service::start_on(&database.url_for("accounts"), &settings(&file));
    let user = service.user("ann@x.io", None).await;
    assert_eq!(keys_command("replace", &keys), (true, String::new()));
    until("the old key is void", async || service.get("/profile", &user.token).await.status == 401).await;
    let next = service.refreshed(&user.refresh_token).await;
    assert!(kid(&next.token) != kid(&user.token) && published(&service).await == [kid(&next.token)]);
    assert_eq!(service.get("/profile", &next.token).await.status, 200);
}

#[tokio::test]
async fn a_file_that_breaks_changes_nothing() {
    let (database, keys) = (database().await, KeyFolder::new());
    let file = keys.file();
    let service = Service::start_on(&database.url_for("accounts"), &settings(&file));
    let user = service.user("ann@x.io", None).await;
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "hunter2").unwrap();
    service.log.wait_for("warning", |line| line.contains("the key file cannot be used"));
    assert!(!service.log.text().contains("hunter2"));
    assert_eq!(service.get("/profile", &user.token).await.status, 200);
    assert_eq!(kid(&service.log_in("ann@x.io").await.token), kid(&user.token));
    let (rotated, log) = keys_command("rotate", &keys);
    assert!(!rotated && log.contains("signing.pem") && !log.contains("hunter2"), "{log}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "hunter2", "nothing is written over it");
    std::fs::write(&file, good).unwrap();
    assert_eq!(keys_command("rotate", &keys), (true, String::new()));
    until("the file is read again", async || published(&service).await.len() == 2).await;
}

#[tokio::test]
async fn keys_are_listed_without_secrets() {
    let keys = KeyFolder::new();
    assert!(!keys_command("list", &keys).0 && !keys.file().exists());
    let (ok, log) = keys_command("dance", &keys);
    assert!(!ok && log.contains("Usage: accounts keys"), "{log}");
    let pem = [("ACCOUNTS_SIGNING_KEY", RFC_8037), ("ACCOUNTS_SIGNING_KEY_FILE", "")];
    let listed = Run::new("keys", "postgres://u:5b9d2f7a1c3e4860@h/d", &keys).arg("list").with(&pem).output();
    assert_eq!(listed, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k  signs\n");
    let run = Run::new("keys", "postgres://u:5b9d2f7a1c3e4860@h/d", &keys).arg("rotate").with(&pem);
    let (status, log) = run.finish();
    assert!(!status.success() && log.contains("change them where it comes from"), "{log}");
}

/// The key of RFC 8037, appendix A.
const RFC_8037: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
