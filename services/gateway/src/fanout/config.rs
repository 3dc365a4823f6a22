//! How the bus reaches Redis.

use std::time::Duration;

use messenger_chassis::env::Env;
use messenger_chassis::redis::{RedisKeys, read_url};
use secrecy::SecretString;

const REDIS: RedisKeys = RedisKeys {
    url: "GATEWAY_REDIS_URL",
    ca: "GATEWAY_REDIS_CA",
    required: true,
    about: "Redis URL: a server, a cluster, or sentinels",
};

/// How the bus reaches Redis, and its limits.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// One server, a cluster, or sentinels: see [`messenger_chassis::redis::Servers::parse`].
    pub url: SecretString,
    /// First part of every channel's name; deployments that share a Redis need different ones.
    pub prefix: String,
    /// This replica's name, unique among the replicas.
    pub node: String,
    /// Rings that may wait to be sent.
    pub queue: usize,
    /// Time for a connection to one address, a subscription, or a pipeline of rings.
    pub timeout: Duration,
    /// How often the replica rings itself.
    pub heartbeat: Duration,
    /// Silence after which the subscriptions count as dead.
    pub silence: Duration,
    /// How long a channel without reasons stays subscribed.
    pub linger: Duration,
    /// How often the slots of a cluster are looked at while nothing speaks for a change.
    pub slots: Duration,
}

impl RedisConfig {
    /// Reads the keys `GATEWAY_REDIS_…` and those of the rings; `node` names this replica when no key does.
    pub fn read(env: &mut Env<'_>, node: &str) -> Self {
        Self {
            url: read_url(env, &REDIS).unwrap_or_default(),
            prefix: env.text(
                "GATEWAY_REDIS_PREFIX",
                "messenger",
                "first part of every channel's name, the same for all services",
            ),
            node: env.text("GATEWAY_NODE", node, "name of this replica, unique among the replicas"),
            queue: env.within("GATEWAY_RING_QUEUE", 10_000, 1..=1_000_000, "rings that may wait to be sent"),
            timeout: env.millis(
                "GATEWAY_REDIS_TIMEOUT_MS",
                1_000,
                10..=60_000,
                "time limit of a Redis call and of each address that is tried, milliseconds",
            ),
            heartbeat: env.millis(
                "GATEWAY_REDIS_HEARTBEAT_MS",
                1_000,
                50..=60_000,
                "how often the own channel is rung, milliseconds",
            ),
            silence: env.millis(
                "GATEWAY_REDIS_SILENCE_MS",
                3_000,
                100..=600_000,
                "silence after which Redis counts as dead, milliseconds",
            ),
            linger: env.millis(
                "GATEWAY_REDIS_LINGER_MS",
                1_000,
                0..=600_000,
                "how long an unused subscription stays, milliseconds",
            ),
            slots: env.millis(
                "GATEWAY_REDIS_SLOTS_MS",
                10_000,
                100..=600_000,
                "how often a cluster is asked who has which slot, milliseconds",
            ),
        }
    }
}
