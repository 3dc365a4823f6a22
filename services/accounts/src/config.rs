//! The configuration: every key of the service, with its default and its limits.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use messenger_chassis::env::{Env, EnvError, Key};
use messenger_chassis::http::HttpLimits;
use messenger_chassis::migrate::{MigrateConfig, MigrateKeys};
use messenger_chassis::origins::Origins;
use messenger_chassis::postgres::{PostgresConfig, PostgresKeys};
use messenger_chassis::redis::{RedisKeys, read_url};
use messenger_chassis::telemetry::TelemetryConfig;
use secrecy::SecretString;

use crate::crypto::{HashLimits, JWKS_MAX_AGE, TokenConfig};
use crate::domain::{PasswordPolicy, SessionLimits};
use crate::grpc::GrpcConfig;
use crate::http::RequestLimits;
use crate::mail::MailConfig;
use crate::throttle::ThrottleConfig;

mod mail;
mod throttle;

/// Below this minimum an operator evidently wants short, simple passwords: the block list is off unless asked for.
const CHARS_MIN_SAFE: usize = 8;

/// Seconds of a day.
const DAY: u64 = 86_400;

const POSTGRES: PostgresKeys = PostgresKeys {
    url: "ACCOUNTS_DATABASE_URL",
    ca: "ACCOUNTS_DATABASE_CA",
    pooler: "ACCOUNTS_DATABASE_POOLER",
    connections: "ACCOUNTS_DATABASE_CONNECTIONS",
    connections_default: 16,
    wait_ms: "ACCOUNTS_DATABASE_WAIT_MS",
    statement_ms: "ACCOUNTS_DATABASE_STATEMENT_MS",
};
const MIGRATE: MigrateKeys =
    MigrateKeys { url: "ACCOUNTS_MIGRATE_DATABASE_URL", role: "ACCOUNTS_DATABASE_ROLE" };

const REDIS: RedisKeys = RedisKeys {
    url: "ACCOUNTS_REDIS_URL",
    ca: "ACCOUNTS_REDIS_CA",
    required: false,
    about: "Redis for change notices and counts of attempts: a server, a cluster, or sentinels; without it none are sent, and each replica counts alone",
};

/// Everything the service can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database.
    pub postgres: PostgresConfig,
    /// Who migrates it.
    pub migrate: MigrateConfig,
    /// Where change notices go; nowhere when absent.
    pub redis_url: Option<SecretString>,
    /// First part of every channel's name, the same for all services of a deployment.
    pub redis_prefix: String,
    /// The listeners.
    pub listen: Listen,
    /// Who may call the gRPC surface.
    pub grpc: GrpcConfig,
    /// What a client may take before its request is complete.
    pub http: HttpLimits,
    /// What a request may take.
    pub requests: RequestLimits,
    /// Pages of other hosts that may use REST.
    pub cors: Origins,
    /// Where the signing keys come from.
    pub keys: KeySource,
    /// Time between looks at the key file.
    pub key_reload: Duration,
    /// Time for which a new key is published before it signs.
    pub key_lead: Duration,
    /// Issuer, audience and life of tokens.
    pub tokens: TokenConfig,
    /// What new passwords must be.
    pub passwords: PasswordPolicy,
    /// Cost of a password hash and bounds of the work.
    pub hashes: HashLimits,
    /// What may be tried how often.
    pub throttle: ThrottleConfig,
    /// How mail leaves; not at all when absent.
    pub mail: Option<MailConfig>,
    /// Whether new e-mails must be verified by a letter.
    pub verification: bool,
    /// How long log-ins live, and how many a user may have.
    pub sessions: SessionLimits,
    /// Time between looks for what has expired.
    pub housekeeping: Duration,
    /// Time for which it serves on at a stop, not ready.
    pub leave: Duration,
    /// How long the stop may take then.
    pub stop_deadline: Duration,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
}

/// Addresses; port 0 takes a free one.
#[derive(Debug, Clone, Copy)]
pub struct Listen {
    /// REST, public through the load balancer.
    pub http: SocketAddr,
    /// gRPC, for the other services only.
    pub grpc: SocketAddr,
    /// Liveness, readiness, metrics; for operators only.
    pub admin: SocketAddr,
}

/// Where the signing keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// The keys themselves, PEM.
    Pem(SecretString),
    /// A file, created when it is missing.
    File(PathBuf),
}

impl Config {
    /// Reads the configuration through `lookup`, and lists the keys it has asked for.
    ///
    /// # Errors
    /// Every problem by key.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<(Self, Vec<Key>), EnvError> {
        let mut env = Env::new(lookup);
        env.read_mode();
        let config = Self {
            postgres: PostgresConfig::read(&mut env, &POSTGRES),
            migrate: MigrateConfig::read(&mut env, &MIGRATE),
            redis_url: read_url(&mut env, &REDIS),
            redis_prefix: env.text(
                "ACCOUNTS_REDIS_PREFIX",
                "messenger",
                "first part of the name of every channel and count, the same for all services",
            ),
            listen: listen(&mut env),
            grpc: GrpcConfig::read(&mut env),
            http: http_limits(&mut env),
            requests: request_limits(&mut env),
            cors: env.list(
                "ACCOUNTS_CORS_ORIGINS",
                "pages of other hosts that may use REST: scheme://host[:port], commas between",
            ),
            keys: key_source(&mut env),
            key_reload: env.millis(
                "ACCOUNTS_SIGNING_KEY_RELOAD_MS",
                5_000,
                50..=60_000,
                "time between looks at the key file, milliseconds",
            ),
            key_lead: Duration::from_secs(env.within(
                "ACCOUNTS_SIGNING_KEY_LEAD_SECONDS",
                2 * JWKS_MAX_AGE.as_secs(),
                1..=DAY,
                "time for which a new key is published before it signs, seconds",
            )),
            tokens: tokens(&mut env),
            passwords: passwords(&mut env),
            hashes: hashes(&mut env),
            throttle: throttle::read(&mut env),
            mail: mail::read(&mut env),
            verification: mail::verification(&mut env),
            sessions: sessions(&mut env),
            housekeeping: env.millis(
                "ACCOUNTS_HOUSEKEEPING_MS",
                60_000,
                100..=3_600_000,
                "time between deletions of what has expired, milliseconds",
            ),
            leave: env.millis(
                "ACCOUNTS_LEAVE_MS",
                3_000,
                0..=600_000,
                "time for which it serves on at a stop, not ready, until load balancers have seen it, milliseconds",
            ),
            stop_deadline: env.millis(
                "ACCOUNTS_STOP_DEADLINE_MS",
                10_000,
                100..=600_000,
                "time for requests in hand at the stop, milliseconds",
            ),
            telemetry: TelemetryConfig::read(&mut env),
        };
        if config.verification && config.mail.is_none() {
            env.problem("ACCOUNTS_EMAIL_VERIFICATION: needs ACCOUNTS_MAIL_URL");
        }
        Ok((config, env.finish()?))
    }
}

fn listen(env: &mut Env<'_>) -> Listen {
    let mut address = |name, port, about| env.parsed(name, SocketAddr::from(([127, 0, 0, 1], port)), about);
    Listen {
        http: address("ACCOUNTS_HTTP_ADDR", 3100, "address of REST"),
        grpc: address("ACCOUNTS_GRPC_ADDR", 3101, "address of gRPC, for the other services only"),
        admin: address("ACCOUNTS_ADMIN_ADDR", 3102, "address of /livez, /readyz, /metrics"),
    }
}

fn http_limits(env: &mut Env<'_>) -> HttpLimits {
    HttpLimits {
        head_timeout: env.millis(
            "ACCOUNTS_HTTP_HEAD_TIMEOUT_MS",
            5_000,
            100..=60_000,
            "time for a request head, milliseconds",
        ),
        connections: env.within(
            "ACCOUNTS_HTTP_CONNECTIONS",
            10_000,
            1..=1_000_000,
            "REST connections open at once",
        ),
        connections_per_address: env.within(
            "ACCOUNTS_HTTP_CONNECTIONS_PER_ADDRESS",
            100,
            0..=1_000_000,
            "REST connections of one address at once, trusted proxies excepted; 0: no limit",
        ),
        trusted: env.list(
            "ACCOUNTS_TRUSTED_PROXIES",
            "networks of the load balancers, whose X-Forwarded-For is believed",
        ),
        ..HttpLimits::default()
    }
}

fn request_limits(env: &mut Env<'_>) -> RequestLimits {
    RequestLimits {
        body_bytes: env.within(
            "ACCOUNTS_HTTP_BODY_BYTES",
            64 * 1024,
            1_024..=1_048_576,
            "bytes of a request body",
        ),
        body_timeout: env.millis(
            "ACCOUNTS_HTTP_BODY_TIMEOUT_MS",
            10_000,
            100..=60_000,
            "time for a whole request body, milliseconds",
        ),
    }
}

fn key_source(env: &mut Env<'_>) -> KeySource {
    let pem = env.secret("ACCOUNTS_SIGNING_KEY", "Ed25519 keys as PKCS#8 PEM, newest first; or use the file");
    let file = env.optional("ACCOUNTS_SIGNING_KEY_FILE", "file with the keys, created on the first start");
    match (pem, file) {
        (Some(pem), None) => KeySource::Pem(pem),
        (None, Some(file)) => KeySource::File(file.into()),
        (pem, _) => {
            let problem =
                if pem.is_some() { "are both set: choose one" } else { "are both missing: set one" };
            env.problem(format!("ACCOUNTS_SIGNING_KEY, ACCOUNTS_SIGNING_KEY_FILE: {problem}"));
            KeySource::File(PathBuf::new())
        }
    }
}

fn tokens(env: &mut Env<'_>) -> TokenConfig {
    let ttl =
        env.within("ACCOUNTS_TOKEN_TTL_SECONDS", 900, 10..=31_536_000, "life of an access token, seconds");
    TokenConfig {
        issuer: env.text("ACCOUNTS_TOKEN_ISSUER", "messenger-accounts", "claim iss of the tokens"),
        audience: env.text("ACCOUNTS_TOKEN_AUDIENCE", "messenger", "claim aud of the tokens"),
        ttl: Duration::from_secs(ttl),
    }
}

fn sessions(env: &mut Env<'_>) -> SessionLimits {
    let mut seconds =
        |key, default, max, about| Duration::from_secs(env.within(key, default, 1..=max, about));
    SessionLimits {
        life: seconds("ACCOUNTS_SESSION_LIFE_SECONDS", 30 * DAY, 3_650 * DAY, "life of a log-in, seconds"),
        idle: seconds(
            "ACCOUNTS_SESSION_IDLE_SECONDS",
            14 * DAY,
            3_650 * DAY,
            "time after which a log-in ends that is not refreshed, seconds",
        ),
        grace: seconds(
            "ACCOUNTS_REFRESH_GRACE_SECONDS",
            10,
            60,
            "time for which a spent refresh token gets the same answer again, seconds",
        ),
        recent: seconds(
            "ACCOUNTS_RECENT_LOGIN_SECONDS",
            900,
            DAY,
            "time after a log-in in which the e-mail is changed and the account removed without the password, seconds",
        ),
        per_user: env.within(
            "ACCOUNTS_SESSIONS_PER_USER",
            100,
            1..=10_000,
            "sessions a user may have at once; the oldest ends",
        ),
    }
}

fn passwords(env: &mut Env<'_>) -> PasswordPolicy {
    let chars_min = env.within(
        "ACCOUNTS_PASSWORD_MIN_CHARS",
        CHARS_MIN_SAFE,
        1..=128,
        "fewest characters of a new password; below 8 the block list is off unless it is set",
    );
    let chars_max =
        env.within("ACCOUNTS_PASSWORD_MAX_CHARS", 128, 8..=1_024, "most characters of a new password");
    if chars_min > chars_max {
        env.problem("ACCOUNTS_PASSWORD_MIN_CHARS: must not be above ACCOUNTS_PASSWORD_MAX_CHARS");
    }
    let default = if chars_min < CHARS_MIN_SAFE { "off" } else { "on" };
    let block_list =
        env.text("ACCOUNTS_PASSWORD_BLOCK_LIST", default, "on or off: refuse the most common passwords");
    if block_list != "on" && block_list != "off" {
        env.problem("ACCOUNTS_PASSWORD_BLOCK_LIST: must be on or off");
    }
    PasswordPolicy { chars_min, chars_max, block_list: block_list == "on" }
}

fn hashes(env: &mut Env<'_>) -> HashLimits {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let limits = HashLimits {
        memory_kib: env.within(
            "ACCOUNTS_ARGON2_MEMORY_KIB",
            19_456,
            8..=4_194_304,
            "memory of a password hash, KiB",
        ),
        iterations: env.within("ACCOUNTS_ARGON2_ITERATIONS", 2, 1..=100, "passes of a password hash"),
        parallelism: env.within("ACCOUNTS_ARGON2_PARALLELISM", 1, 1..=64, "lanes of a password hash"),
        concurrency: env.within(
            "ACCOUNTS_ARGON2_CONCURRENCY",
            cores.div_ceil(2).min(256),
            1..=256,
            "password hashes in work at once; half of the cores",
        ),
        queue: env.within(
            "ACCOUNTS_ARGON2_QUEUE",
            64,
            0..=10_000,
            "requests that may wait for a password hash",
        ),
        wait: env.millis(
            "ACCOUNTS_ARGON2_WAIT_MS",
            2_000,
            10..=60_000,
            "longest wait for a password hash, milliseconds",
        ),
    };
    if limits.memory_kib < 8 * limits.parallelism {
        env.problem("ACCOUNTS_ARGON2_MEMORY_KIB: must be at least 8 times ACCOUNTS_ARGON2_PARALLELISM");
    }
    limits
}

#[cfg(test)]
mod tests;
