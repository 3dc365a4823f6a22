//! Everything that can be configured, read once at the start. All keys have safe defaults but the three URLs.

mod public;
mod rates;

use std::net::SocketAddr;
use std::time::Duration;

use messenger_chassis::env::{Env, EnvError, Key};
use messenger_chassis::http::HttpLimits;
use messenger_chassis::migrate::{MigrateConfig, MigrateKeys};
use messenger_chassis::origins::Origins;
use messenger_chassis::postgres::{PostgresConfig, PostgresKeys, StandbyConfig, StandbyKeys};
use messenger_chassis::telemetry::TelemetryConfig;

use crate::auth::TokenConfig;
use crate::delivery::DeliveryConfig;
use crate::dialect;
use crate::directory::DirectoryConfig;
use crate::fanout::RedisConfig;
use crate::http::{AdmissionConfig, SocketConfig, VisitorLimits};
use crate::hub::{OutboxLimits, Rates};
use crate::lanes::LaneConfig;
use crate::pause::PauseLimits;
use crate::session::SessionConfig;
use crate::store::StoreConfig;
use crate::usecase;

/// What the delivery and the lanes may hold at once by their defaults (1 lane, 4 waits for locks, 1 look at a lock, 8 reads
/// of the log, 1 sweep, 1 measurement of its lag, 1 for handshakes, 1 for those who were away for a moment: 18), and most of
/// the 8 that requests may hold.
const CONNECTIONS: usize = 24;

const POSTGRES: PostgresKeys = PostgresKeys {
    url: "GATEWAY_DATABASE_URL",
    ca: "GATEWAY_DATABASE_CA",
    pooler: "GATEWAY_DATABASE_POOLER",
    connections: "GATEWAY_DATABASE_CONNECTIONS",
    connections_default: CONNECTIONS,
    wait_ms: "GATEWAY_DATABASE_WAIT_MS",
    statement_ms: "GATEWAY_DATABASE_STATEMENT_MS",
};

/// As many as reads of the log and requests may use at once by their defaults, a sweep and a look at the standby.
const STANDBY: StandbyKeys = StandbyKeys {
    url: "GATEWAY_DATABASE_READ_URL",
    connections: "GATEWAY_DATABASE_READ_CONNECTIONS",
    connections_default: 18,
    lag_ms: "GATEWAY_DATABASE_READ_LAG_MS",
};

const MIGRATE: MigrateKeys =
    MigrateKeys { url: "GATEWAY_MIGRATE_DATABASE_URL", role: "GATEWAY_DATABASE_ROLE" };

/// The configuration of a gateway.
#[derive(Debug, Clone)]
pub struct Config {
    /// Threads of the runtime; 0 for one a processor.
    pub threads: usize,
    /// Public listener.
    pub http: SocketAddr,
    /// Admin listener.
    pub admin: SocketAddr,
    /// Request heads and connections of the public listener.
    pub http_limits: HttpLimits,
    /// Sockets at most.
    pub sockets: usize,
    /// Sockets of one user.
    pub sockets_per_user: usize,
    /// Pages from which browsers may come.
    pub origins: Origins,
    /// What one address may have.
    pub visitors: VisitorLimits,
    /// What a user may ask for in a while.
    pub rates: Rates,
    /// The log.
    pub postgres: PostgresConfig,
    /// Where else it is read.
    pub standby: Option<StandbyConfig>,
    /// Who migrates it.
    pub migrate: MigrateConfig,
    /// Partitions of its entries; 0: one table.
    pub partitions: u16,
    /// Time limits of the log.
    pub store: StoreConfig,
    /// The doorbell.
    pub redis: RedisConfig,
    /// The way to accounts.
    pub directory: DirectoryConfig,
    /// Token checks.
    pub tokens: TokenConfig,
    /// Turns of handshakes.
    pub admission: AdmissionConfig,
    /// Connections of clients' requests.
    pub requests: usize,
    /// Group commit.
    pub lanes: LaneConfig,
    /// Delivery.
    pub delivery: DeliveryConfig,
    /// Outbox of a socket.
    pub outbox: OutboxLimits,
    /// Ended sessions that are remembered.
    pub ended_sessions: usize,
    /// Buffers of a socket.
    pub socket: SocketConfig,
    /// Times of a socket.
    pub session: SessionConfig,
    /// Use cases.
    pub limits: usecase::Limits,
    /// Time for which it serves on at a stop, not ready.
    pub leave: Duration,
    /// Time over which the sockets are closed then.
    pub drain: Duration,
    /// When this process counts as having stood still.
    pub pause: PauseLimits,
    /// Time without a sign of anything but clients after which these are sent elsewhere.
    pub isolation: Duration,
    /// Time after which a stop is hard.
    pub stop: Duration,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
}

impl Config {
    /// Reads all keys through `lookup`; `node` names this replica when no key does.
    ///
    /// # Errors
    /// Every problem, by key.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>, node: &str) -> Result<(Self, Vec<Key>), EnvError> {
        let mut env = Env::new(lookup);
        env.read_mode();
        let http_limits = public::http_limits(&mut env);
        let config = Self {
            threads: env.within("GATEWAY_THREADS", 0, 0..=1_024, "worker threads; 0: one for each processor"),
            http: env.parsed(
                "GATEWAY_HTTP_ADDR",
                SocketAddr::from(([127, 0, 0, 1], 3200)),
                "public listener, address:port",
            ),
            admin: env.parsed(
                "GATEWAY_ADMIN_ADDR",
                SocketAddr::from(([127, 0, 0, 1], 3201)),
                "admin listener, address:port",
            ),
            http_limits: http_limits.clone(),
            sockets: public::sockets(&mut env),
            sockets_per_user: public::sockets_per_user(&mut env),
            origins: public::origins(&mut env),
            visitors: public::visitors(&mut env, &http_limits.trusted),
            rates: rates::of_users(&mut env),
            admission: AdmissionConfig::read(&mut env),
            postgres: PostgresConfig::read(&mut env, &POSTGRES),
            standby: StandbyConfig::read(&mut env, &STANDBY),
            migrate: MigrateConfig::read(&mut env, &MIGRATE),
            partitions: partitions(&mut env),
            store: store(&mut env),
            requests: requests(&mut env),
            redis: RedisConfig::read(&mut env, node),
            directory: DirectoryConfig::read(&mut env),
            tokens: TokenConfig::read(&mut env),
            lanes: lanes(&mut env),
            delivery: DeliveryConfig::read(&mut env),
            outbox: outbox(&mut env),
            ended_sessions: env.within(
                "GATEWAY_ENDED_SESSIONS",
                1_000_000,
                1_000..=100_000_000,
                "ended sessions remembered until their tokens have expired, about 80 bytes each",
            ),
            socket: public::socket(&mut env),
            session: session(&mut env),
            limits: limits(&mut env),
            pause: pause(&mut env),
            isolation: isolation(&mut env),
            leave: leave(&mut env),
            drain: env.millis(
                "GATEWAY_DRAIN_MS",
                5_000,
                0..=600_000,
                "time over which sockets are closed at a stop, milliseconds",
            ),
            stop: env.millis(
                "GATEWAY_STOP_MS",
                20_000,
                1_000..=900_000,
                "time after which a stop is hard, milliseconds",
            ),
            telemetry: TelemetryConfig::read(&mut env),
        };
        if let Some(standby) = &config.standby {
            standby.judge(&mut env, STANDBY.url, &config.postgres);
        }
        if config.drain >= config.stop {
            env.problem("GATEWAY_DRAIN_MS: must be less than GATEWAY_STOP_MS");
        }
        Ok((config, env.finish()?))
    }
}

fn isolation(env: &mut Env<'_>) -> Duration {
    env.millis(
        "GATEWAY_ISOLATION_MS",
        3_000,
        1_000..=3_600_000,
        "time without reaching PostgreSQL, Redis or accounts after which sockets are sent elsewhere, milliseconds",
    )
}

fn leave(env: &mut Env<'_>) -> Duration {
    env.millis(
        "GATEWAY_LEAVE_MS",
        3_000,
        0..=600_000,
        "time for which it serves on at a stop, not ready, until load balancers have seen it, milliseconds",
    )
}

/// A power of two, because each partition of 16 becomes two of 32.
fn partitions(env: &mut Env<'_>) -> u16 {
    let partitions = env.within(
        "GATEWAY_ENTRIES_PARTITIONS",
        0,
        0..=256,
        "partitions of the log's table, a power of two, made by `migrate` while it is empty and by `partition` at any time; 0: as it is",
    );
    if partitions > 0 && !u16::is_power_of_two(partitions) {
        env.problem("GATEWAY_ENTRIES_PARTITIONS: must be a power of two, or 0");
    }
    partitions
}

fn store(env: &mut Env<'_>) -> StoreConfig {
    StoreConfig {
        call: env.millis(
            "GATEWAY_DATABASE_CALL_MS",
            2_500,
            20..=601_000,
            "time limit of a call to PostgreSQL, above that of a statement, milliseconds",
        ),
    }
}

fn requests(env: &mut Env<'_>) -> usize {
    env.within(
        "GATEWAY_DATABASE_REQUESTS",
        8,
        1..=10_000,
        "PostgreSQL connections that clients' requests other than messages may hold at once",
    )
}

fn lanes(env: &mut Env<'_>) -> LaneConfig {
    LaneConfig {
        lanes: env.within("GATEWAY_LANES", 1, 1..=256, "send statements in flight at once"),
        queue: env.within("GATEWAY_LANE_QUEUE", 10_000, 1..=1_000_000, "sends that may wait in one lane"),
        batch: env.within("GATEWAY_LANE_BATCH", 256, 1..=10_000, "rows of one send statement at most"),
        patience: env.millis(
            "GATEWAY_SEND_PATIENCE_MS",
            5_000,
            100..=60_000,
            "how long a send may wait for the database, milliseconds",
        ),
        waits: env.within(
            "GATEWAY_LOCK_WAITS",
            4,
            1..=256,
            "send statements that may wait for locked conversations at once, beside those of the lanes",
        ),
        parked: env.within(
            "GATEWAY_PARKED_QUEUE",
            5_000,
            16..=1_000_000,
            "sends that may wait for one locked conversation",
        ),
    }
}

fn pause(env: &mut Env<'_>) -> PauseLimits {
    PauseLimits {
        short: env.millis(
            "GATEWAY_PAUSE_MS",
            2_000,
            200..=3_600_000,
            "standstill of the process after which the log is swept at once, milliseconds",
        ),
        long: env.millis(
            "GATEWAY_PAUSE_CLOSE_MS",
            60_000,
            200..=3_600_000,
            "standstill of the process after which its sockets are sent elsewhere, milliseconds",
        ),
    }
}

fn outbox(env: &mut Env<'_>) -> OutboxLimits {
    OutboxLimits {
        soft_bytes: env.within(
            "GATEWAY_OUTBOX_SOFT_BYTES",
            256 * 1024,
            1024..=1 << 30,
            "bytes waiting for one slow socket from which on it is told of gaps instead of entries",
        ),
        bytes: env.within(
            "GATEWAY_OUTBOX_BYTES",
            1024 * 1024,
            1024..=1 << 30,
            "bytes that may wait for one slow socket",
        ),
        frames: env.within(
            "GATEWAY_OUTBOX_FRAMES",
            8_192,
            16..=1_000_000,
            "frames that may wait for one slow socket",
        ),
    }
}

fn session(env: &mut Env<'_>) -> SessionConfig {
    SessionConfig {
        ping_after: env.millis(
            "GATEWAY_PING_MS",
            25_000,
            100..=600_000,
            "silence after which a socket is pinged, milliseconds",
        ),
        dead_after: env.millis(
            "GATEWAY_DEAD_MS",
            35_000,
            200..=1_200_000,
            "silence after which a socket is dead, milliseconds",
        ),
        write_stall: env.millis(
            "GATEWAY_WRITE_STALL_MS",
            10_000,
            100..=600_000,
            "how long a write may make no progress, milliseconds",
        ),
        close_grace: env.millis(
            "GATEWAY_CLOSE_GRACE_MS",
            6_000,
            100..=60_000,
            "time for replies in flight and the closing handshake, milliseconds",
        ),
        in_flight: env.within(
            "GATEWAY_IN_FLIGHT",
            64,
            1..=10_000,
            "requests of a socket in flight; past them it is not read",
        ),
        frames: rates::of_sockets(env),
        limits: dialect::Limits {
            content_bytes: env.within("GATEWAY_CONTENT_BYTES", 16_384, 1..=1 << 20, "bytes of a message"),
        },
    }
}

fn limits(env: &mut Env<'_>) -> usecase::Limits {
    usecase::Limits {
        group_members: env.within("GATEWAY_GROUP_MEMBERS", 1_000, 2..=100_000, "members of a group"),
        conversations: env.within("GATEWAY_CONVERSATIONS", 10_000, 1..=1_000_000, "conversations of a user"),
        blocked_users: env.within(
            "GATEWAY_BLOCKED_USERS",
            1_000,
            1..=100_000,
            "users whom a user has blocked",
        ),
        dialogs_cached: env.within(
            "GATEWAY_DIALOGS_CACHED",
            200_000,
            100..=100_000_000,
            "dialogs whose number is remembered, and conversations whose kind is",
        ),
        receipt_members: env.within(
            "GATEWAY_RECEIPT_MEMBERS",
            50,
            0..=100_000,
            "members of a group in which they are told of each other's watermarks, at most",
        ),
    }
}
