//! Which passwords are taken, how they are kept, and what checking them costs whom.

use std::time::Instant;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::service::{PASSWORD, Service};

async fn sign_up(service: &Service, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password, "firstName": "Wilhelmina", "lastName": "Lee" });
    service.post("/auth/sign-up", &body).await
}

async fn log_in(service: &Service, email: &str, password: &str) -> u16 {
    service.post("/auth/login", &json!({ "email": email, "password": password })).await.status
}

#[tokio::test]
async fn bad_passwords_are_refused_at_every_door() {
    let service = Service::start().await;
    assert_eq!(sign_up(&service, "wilhelmina7@x.io", PASSWORD).await.status, 201);
    let token = service.log_in("wilhelmina7@x.io").await.token;
    let long = "x".repeat(129);
    for password in [
        "1234567",
        "password123",
        "PassWord123",
        "wilhelmina7@x.io",
        "Wilhelmina7@X.io",
        "wilhelmina7",
        "Wilhelmina",
        "wilhelmina lee",
        "correct\0horse",
        &long,
    ] {
        sign_up(&service, "wilhelmina7@x.io", password).await.invalid(&["password"]);
        let change = json!({ "oldPassword": PASSWORD, "newPassword": password });
        let answer = service.patch("/profile/change-password", &token, &change).await;
        answer.invalid(&["newPassword"]);
        assert!(password.len() < 10 || !answer.body.to_string().contains(password), "{answer:?}");
    }
    let body = json!({ "email": "big@x.io", "password": "x".repeat(1_000_000) });
    service.post("/auth/sign-up", &body).await.refused(413, "too_large");
    let body = json!({ "email": "wilhelmina7@x.io", "password": "correct\0horse" });
    service.post("/auth/login", &body).await.refused(404, "wrong_credentials");
}

#[tokio::test]
async fn good_passwords_are_kept_as_they_are() {
    let service = Service::start().await;
    let emoji = "😀".repeat(64);
    for (n, password) in
        ["ends in a space ", " begins with one", &emoji, "пароль с буквами", "e\u{301}cole 1234"]
            .into_iter()
            .enumerate()
    {
        let email = format!("user{n}@x.io");
        assert_eq!(sign_up(&service, &email, password).await.status, 201, "{password:?}");
        assert_eq!(log_in(&service, &email, password).await, 201, "{password:?}");
        assert_eq!(log_in(&service, &email, password.trim()).await == 201, password.trim() == password);
    }
    // Another keyboard composes the letter.
    assert_eq!(log_in(&service, "user4@x.io", "\u{e9}cole 1234").await, 201);
}

#[tokio::test]
async fn an_unknown_email_takes_as_long_as_a_wrong_password() {
    // Dear enough that a hash left out would show on any machine.
    let settings = [("ACCOUNTS_ARGON2_MEMORY_KIB", "16384"), ("ACCOUNTS_ARGON2_ITERATIONS", "3")];
    let service = Service::start_with(&settings).await;
    service.sign_up("ann@x.io", None, None).await;
    let mut times = [Vec::new(), Vec::new()];
    let mut bodies: [Vec<Value>; 2] = [Vec::new(), Vec::new()];
    // One of each in turn, so that whatever else the machine does concerns both.
    for _ in 0..21 {
        for (index, email) in ["ann@x.io", "bob@x.io"].into_iter().enumerate() {
            let started = Instant::now();
            let body = json!({ "email": email, "password": "wrong horse" });
            let answer = service.post("/auth/login", &body).await;
            times[index].push(started.elapsed());
            answer.refused(404, "wrong_credentials");
            bodies[index].push(answer.body);
        }
    }
    assert_eq!(bodies[0], bodies[1]);
    let [wrong, unknown] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    assert!(unknown > wrong / 2 && wrong > unknown / 2, "wrong {wrong:?}, unknown {unknown:?}");
}

#[tokio::test]
async fn a_flood_of_log_ins_does_not_stop_other_requests() {
    let settings = [
        ("ACCOUNTS_ARGON2_MEMORY_KIB", "16384"),
        ("ACCOUNTS_ARGON2_ITERATIONS", "10"),
        ("ACCOUNTS_ARGON2_CONCURRENCY", "2"),
        ("ACCOUNTS_ARGON2_QUEUE", "4"),
    ];
    let service = Service::start_with(&settings).await;
    let user = service.user("ann@x.io", None).await;
    let body = json!({ "email": "ann@x.io", "password": "wrong horse" });
    let flood = async {
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.extend(join_all((0..25).map(|_| service.post("/auth/login", &body))).await);
        }
        answers
    };
    let (mut served, mut most) = (0, 0);
    let watch = async {
        loop {
            assert_eq!(service.get("/profile", &user.token).await.status, 200);
            let (_, metrics) = service.admin("/metrics").await;
            let active =
                metrics.lines().find_map(|line| line.strip_prefix("accounts_password_hashes_active "));
            most = most.max(active.unwrap().parse::<u32>().unwrap());
            served += 1;
        }
    };
    let answers = tokio::select! {
        answers = flood => answers,
        () = watch => unreachable!("it has no end"),
    };
    assert!(served > 3 && most <= 2, "{served} requests, {most} hashes at once");
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!busy.is_empty() && busy.len() < answers.len(), "{} of {}", busy.len(), answers.len());
    for answer in busy {
        answer.refused(503, "busy");
        assert_eq!(answer.header("retry-after"), "1");
    }
}

async fn hash_of(service: &Service, email: &str) -> String {
    let database = service.database().connect("accounts").await;
    let row = database.query_one("SELECT password_hash FROM users WHERE email = $1", &[&email]).await;
    row.unwrap().get(0)
}

#[tokio::test]
async fn a_log_in_renews_a_hash_that_is_cheaper_than_those_of_today() {
    let old = Service::start().await;
    let user = old.user("ann@x.io", None).await;
    let before = hash_of(&old, "ann@x.io").await;
    assert!(before.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{before}");
    let dearer = [("ACCOUNTS_ARGON2_MEMORY_KIB", "128"), ("ACCOUNTS_ARGON2_ITERATIONS", "2")];
    let new = Service::start_on(&old.database().url_for("accounts"), &dearer);

    assert_eq!(log_in(&new, "ann@x.io", "wrong horse").await, 404);
    assert_eq!(hash_of(&old, "ann@x.io").await, before);
    // At once from several devices: one renews it, and none is refused for that.
    let body = json!({ "email": "ann@x.io", "password": PASSWORD });
    let answers = join_all((0..8).map(|_| new.post("/auth/login", &body))).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    let after = hash_of(&old, "ann@x.io").await;
    assert!(after.starts_with("$argon2id$v=19$m=128,t=2,p=1$"), "{after}");

    for answer in answers {
        assert_eq!(new.get("/profile", answer.body["token"].as_str().unwrap()).await.status, 200);
    }
    assert_eq!(old.get("/profile", &user.token).await.status, 200);
    assert_eq!(log_in(&old, "ann@x.io", PASSWORD).await, 201);
    assert_eq!(hash_of(&old, "ann@x.io").await, after, "a cheaper configuration takes nothing back");
}
