use super::*;

const REQUIRED: [(&str, &str); 3] = [
    ("ACCOUNTS_DATABASE_URL", "postgres://u:hunter2@h/d"),
    ("ACCOUNTS_SIGNING_KEY_FILE", "keys.pem"),
    ("ACCOUNTS_GRPC_TOKEN", "5b9d2f7a1c3e4860b7d5a9f2e1c4083d"),
];

fn read(pairs: &[(&str, &str)]) -> Result<(Config, Vec<Key>), EnvError> {
    let pairs: Vec<_> = REQUIRED.iter().chain(pairs).copied().collect();
    // The last one wins, so that a test can replace what is required.
    Config::read(&|key| pairs.iter().rev().find(|(k, _)| *k == key).map(|(_, v)| (*v).to_owned()))
}

fn problem(pairs: &[(&str, &str)]) -> String {
    read(pairs).unwrap_err().to_string()
}

#[test]
fn the_defaults_are_safe() {
    let (config, keys) = read(&[]).unwrap();
    assert!(config.listen.http.ip().is_loopback() && config.listen.grpc.ip().is_loopback());
    assert!(config.passwords.block_list);
    assert_eq!((config.passwords.chars_min, config.passwords.chars_max), (8, 128));
    assert_eq!(
        (config.hashes.memory_kib, config.hashes.iterations, config.hashes.parallelism),
        (19_456, 2, 1)
    );
    assert!(
        keys.iter()
            .any(|key| key.name == "ACCOUNTS_TOKEN_TTL_SECONDS" && key.default.as_deref() == Some("900"))
    );
}

#[test]
fn what_is_missing_is_named() {
    let EnvError(problems) = Config::read(&|_| None).unwrap_err();
    assert!(problems.iter().any(|problem| problem.starts_with("ACCOUNTS_DATABASE_URL")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("ACCOUNTS_SIGNING_KEY_FILE")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.starts_with("ACCOUNTS_GRPC_TOKEN")), "{problems:?}");
}

#[test]
fn one_switch_allows_the_documented_example_password() {
    let (config, _) = read(&[("ACCOUNTS_PASSWORD_MIN_CHARS", "4")]).unwrap();
    assert!(config.passwords.accept("1234").is_ok());
    let (config, _) =
        read(&[("ACCOUNTS_PASSWORD_MIN_CHARS", "4"), ("ACCOUNTS_PASSWORD_BLOCK_LIST", "on")]).unwrap();
    assert!(config.passwords.accept("1234").is_err());
}

#[test]
fn bad_values_are_named() {
    let check = |key, value| {
        let text = problem(&[(key, value)]);
        assert!(text.contains(key), "{key}={value}: {text}");
    };
    check("ACCOUNTS_HTTP_ADDR", "localhost");
    check("ACCOUNTS_TOKEN_TTL_SECONDS", "0");
    check("ACCOUNTS_PASSWORD_MIN_CHARS", "129");
    check("ACCOUNTS_PASSWORD_BLOCK_LIST", "maybe");
    check("ACCOUNTS_SIGNING_KEY", "-----BEGIN PRIVATE KEY-----");
    check("ACCOUNTS_ARGON2_CONCURRENCY", "0");
    check("LOG_FORMAT", "xml");
    let short = [("ACCOUNTS_PASSWORD_MIN_CHARS", "100"), ("ACCOUNTS_PASSWORD_MAX_CHARS", "99")];
    assert!(problem(&short).contains("ACCOUNTS_PASSWORD_MIN_CHARS"));
    let thin = [("ACCOUNTS_ARGON2_MEMORY_KIB", "8"), ("ACCOUNTS_ARGON2_PARALLELISM", "2")];
    assert!(problem(&thin).contains("ACCOUNTS_ARGON2_MEMORY_KIB"));
}

#[test]
fn mail_needs_a_safe_way_a_sender_and_a_place_for_links() {
    let url = ("ACCOUNTS_MAIL_URL", "smtps://user:hunter2@mail.x.io");
    let from = ("ACCOUNTS_MAIL_FROM", "Messenger <no-reply@x.io>");
    let public = ("ACCOUNTS_PUBLIC_URL", "https://chat.x.io");
    let on = ("ACCOUNTS_EMAIL_VERIFICATION", "on");
    let (config, _) = read(&[url, from, public, on]).unwrap();
    assert!(config.mail.is_some() && config.verification && !format!("{config:?}").contains("hunter2"));
    let (config, _) = read(&[]).unwrap();
    assert!(config.mail.is_none() && !config.verification);
    assert!(problem(&[url, public]).contains("ACCOUNTS_MAIL_FROM"));
    assert!(problem(&[url, from]).contains("ACCOUNTS_PUBLIC_URL"));
    let open = problem(&[("ACCOUNTS_MAIL_URL", "smtp://user:hunter2@mail.x.io"), from, public]);
    assert!(open.contains("ACCOUNTS_MAIL_URL") && !open.contains("hunter2"), "{open}");
    assert!(problem(&[on]).contains("ACCOUNTS_EMAIL_VERIFICATION"));
}

#[test]
fn limits_of_attempts_are_on_unless_they_are_0() {
    let (config, _) = read(&[]).unwrap();
    let (pair, limits) = (config.throttle.pair.unwrap(), config.throttle);
    assert_eq!((pair.free, pair.first, pair.longest), (5, 2_000, 900_000));
    assert!(limits.address.is_some() && limits.account.is_some() && limits.sign_ups.is_some());
    let breaker = limits.breaker.unwrap();
    assert_eq!((breaker.failures, breaker.percent, breaker.window, breaker.pause), (100, 50, 60_000, 60_000));
    assert!(limits.refreshes.is_some() && limits.look_ups.is_some());
    let off = [
        ("ACCOUNTS_LOGIN_FREE_FAILURES", "0"),
        ("ACCOUNTS_LOGIN_ADDRESS_PER_MINUTE", "0"),
        ("ACCOUNTS_LOGIN_ACCOUNT_PER_HOUR", "0"),
        ("ACCOUNTS_LOGIN_BREAKER_FAILURES", "0"),
        ("ACCOUNTS_REFRESHES_PER_MINUTE", "0"),
        ("ACCOUNTS_LOOK_UPS_PER_MINUTE", "0"),
        ("ACCOUNTS_SIGN_UPS_PER_HOUR", "0"),
    ];
    let limits = read(&off).unwrap().0.throttle;
    assert!(limits.pair.is_none() && limits.address.is_none());
    assert!(limits.account.is_none() && limits.sign_ups.is_none() && limits.breaker.is_none());
    assert!(limits.refreshes.is_none() && limits.look_ups.is_none());
    assert!(problem(&[("ACCOUNTS_TRUSTED_PROXIES", "10.0.0.0/99")]).contains("ACCOUNTS_TRUSTED_PROXIES"));
}

#[test]
fn secrets_do_not_print() {
    let (config, _) = read(&[("ACCOUNTS_REDIS_URL", "redis://:hunter2@h")]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}
