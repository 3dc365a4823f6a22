//! The environment of a cluster's processes.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use messenger_backing::random_secret;

use crate::certificates::{Authority, Certificate};
use crate::key_folder::KeyFolder;

/// What every process gets unless the options say otherwise: free ports, cheap hashes, short passwords, few
/// connections, logs that a program can read, and time enough for a machine that is busy with other tests.
pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("ACCOUNTS_HTTP_ADDR", "127.0.0.1:0"),
    ("ACCOUNTS_GRPC_ADDR", "127.0.0.1:0"),
    ("ACCOUNTS_ADMIN_ADDR", "127.0.0.1:0"),
    ("ACCOUNTS_ARGON2_MEMORY_KIB", "64"),
    ("ACCOUNTS_ARGON2_ITERATIONS", "1"),
    ("ACCOUNTS_ARGON2_WAIT_MS", "20000"),
    ("ACCOUNTS_LOGIN_FREE_FAILURES", "0"),
    ("ACCOUNTS_LOGIN_ADDRESS_PER_MINUTE", "0"),
    ("ACCOUNTS_LOGIN_ACCOUNT_PER_HOUR", "0"),
    ("ACCOUNTS_LOGIN_BREAKER_FAILURES", "0"),
    ("ACCOUNTS_REFRESHES_PER_MINUTE", "0"),
    ("ACCOUNTS_LOOK_UPS_PER_MINUTE", "0"),
    ("ACCOUNTS_SIGN_UPS_PER_HOUR", "0"),
    ("ACCOUNTS_PASSWORD_MIN_CHARS", "4"),
    ("ACCOUNTS_DATABASE_CONNECTIONS", "4"),
    ("ACCOUNTS_DATABASE_STATEMENT_MS", "20000"),
    ("GATEWAY_HTTP_ADDR", "127.0.0.1:0"),
    ("GATEWAY_ADMIN_ADDR", "127.0.0.1:0"),
    ("GATEWAY_DATABASE_CONNECTIONS", "6"),
    ("GATEWAY_DATABASE_STATEMENT_MS", "20000"),
    ("GATEWAY_DATABASE_CALL_MS", "21000"),
    ("GATEWAY_SEND_PATIENCE_MS", "20000"),
    ("GATEWAY_ACCOUNTS_DEADLINE_MS", "10000"),
    // What is not about limits may ask as fast as it can.
    ("GATEWAY_RATE_FRAMES", "0"),
    ("GATEWAY_RATE_SENDS", "0"),
    ("GATEWAY_RATE_READS", "0"),
    ("GATEWAY_RATE_GROUPS", "0"),
    ("GATEWAY_RATE_MEMBERS", "0"),
    ("GATEWAY_RATE_REFUSALS", "0"),
    ("GATEWAY_RATE_HANDSHAKES", "0"),
    ("GATEWAY_HANDSHAKES_PER_ADDRESS", "0"),
    ("GATEWAY_SOCKETS_PER_ADDRESS", "0"),
    ("ACCOUNTS_HTTP_CONNECTIONS_PER_ADDRESS", "0"),
    // Nobody's load balancer has to see a stop coming.
    ("ACCOUNTS_LEAVE_MS", "0"),
    ("GATEWAY_LEAVE_MS", "0"),
    ("LOG_FORMAT", "json"),
    ("RUST_LOG", "info"),
];

/// What is this cluster's alone.
pub(super) fn own_settings(keys: &KeyFolder, redis_url: &str) -> Result<[(&'static str, String); 7]> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    // Channels of no other test, in this process or another one.
    let prefix = format!("t-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let token = random_secret()?;
    Ok([
        ("ACCOUNTS_SIGNING_KEY_FILE", keys.file()),
        ("ACCOUNTS_GRPC_TOKEN", token.clone()),
        ("ACCOUNTS_REDIS_URL", redis_url.to_owned()),
        ("ACCOUNTS_REDIS_PREFIX", prefix.clone()),
        ("GATEWAY_ACCOUNTS_TOKEN", token),
        ("GATEWAY_REDIS_URL", redis_url.to_owned()),
        ("GATEWAY_REDIS_PREFIX", prefix),
    ])
}

/// What accounts and the gateways need to know each other by certificates of this root.
pub(super) fn mutual_tls(authority: &Authority) -> Vec<(&'static str, String)> {
    let accounts = authority.issue("accounts.internal");
    let Certificate { certificate, key } = authority.issue("gateway.internal");
    vec![
        ("ACCOUNTS_GRPC_TLS_CERT", accounts.certificate),
        ("ACCOUNTS_GRPC_TLS_KEY", accounts.key),
        ("ACCOUNTS_GRPC_TLS_CLIENT_CA", authority.root()),
        ("ACCOUNTS_GRPC_CLIENT_NAMES", "gateway.internal".to_owned()),
        // Until it is known where accounts listens.
        ("GATEWAY_ACCOUNTS_URL", "https://accounts.internal".to_owned()),
        ("GATEWAY_ACCOUNTS_TLS_CA", authority.root()),
        ("GATEWAY_ACCOUNTS_TLS_NAME", "accounts.internal".to_owned()),
        ("GATEWAY_ACCOUNTS_TLS_CERT", certificate),
        ("GATEWAY_ACCOUNTS_TLS_KEY", key),
    ]
}
