//! Counts in Redis. One script is one round trip and one atomic step.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use messenger_chassis::redis::Servers;
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, RedisResult, cmd};
use tokio::time::{Instant, timeout};

use super::limit::{Key, Limit};
use crate::domain::{Outcome, Rule};

/// The rules, for Redis.
const SCRIPT: &str = include_str!("attempts.lua");
/// How long a Redis that does not answer is left alone.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Shared {
    servers: Servers,
    /// Begins with a hash tag: in a Redis Cluster all keys of a script are in one slot.
    prefix: String,
    /// How long an answer may take.
    answer: Duration,
    link: Mutex<Link>,
}

#[derive(Debug, Default)]
struct Link {
    connection: Option<MultiplexedConnection>,
    /// When the next connection may be tried.
    again_at: Option<Instant>,
    broken: bool,
}

impl Shared {
    pub(super) fn new(servers: Servers, prefix: &str, answer: Duration) -> Self {
        Self { servers, prefix: format!("{{{prefix}:attempts}}:"), answer, link: Mutex::default() }
    }

    /// Waits by limit; counts when all of them are nothing. `None`: Redis does not answer.
    pub(super) async fn attempt(&self, limits: &[Limit], now: i64) -> Option<Vec<i64>> {
        let waits: Vec<i64> = self.run("begun", limits, now).await?;
        (waits.len() == limits.len()).then_some(waits)
    }

    /// An attempt has ended so: by limit, whether that has opened a breaker. `None`: Redis does not answer.
    pub(super) async fn settle(&self, limits: &[Limit], outcome: Outcome, now: i64) -> Option<Vec<bool>> {
        let event = match outcome {
            Outcome::Right => "right",
            Outcome::Wrong => "wrong",
            Outcome::Neither => "neither",
        };
        self.run(event, limits, now).await
    }

    async fn run<T: FromRedisValue>(&self, event: &str, limits: &[Limit], now: i64) -> Option<T> {
        let connection = self.claim()?;
        match timeout(self.answer, self.ask(connection, event, limits, now)).await {
            Ok(Ok((connection, answer))) => {
                self.settled(Some(connection));
                Some(answer)
            }
            // A node of a cluster that has not the keys, or a primary that is none any more, is left like one that is dead.
            Ok(Err(_)) | Err(_) => {
                self.settled(None);
                None
            }
        }
    }

    async fn ask<T: FromRedisValue>(
        &self,
        connection: Option<MultiplexedConnection>,
        event: &str,
        limits: &[Limit],
        now: i64,
    ) -> RedisResult<(MultiplexedConnection, T)> {
        let mut connection = match connection {
            Some(connection) => connection,
            None => self.servers.connect_for(&self.prefix, self.answer).await?,
        };
        let mut command = cmd("EVAL");
        command.arg(SCRIPT).arg(limits.len());
        for limit in limits {
            command.arg(self.key(&limit.key()));
        }
        command.arg(event).arg(now);
        for limit in limits {
            let (kind, numbers) = match limit.rule() {
                Rule::Doubling(rule) => {
                    ("doubling", [i64::from(rule.free), rule.window, rule.first, rule.longest])
                }
                Rule::Rate(rate) => ("rate", [rate.interval, i64::from(rate.burst), 0, 0]),
                Rule::Breaker(rule) => {
                    ("breaker", [i64::from(rule.failures), i64::from(rule.percent), rule.window, rule.pause])
                }
            };
            command.arg(kind).arg(&numbers);
        }
        let answer = command.query_async(&mut connection).await?;
        Ok((connection, answer))
    }

    fn key(&self, key: &Key) -> String {
        let mut text = self.prefix.clone();
        for byte in key {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// The connection, or the right to make one: one request at a time tries, and not all the time.
    fn claim(&self) -> Option<Option<MultiplexedConnection>> {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &link.connection {
            return Some(Some(connection.clone()));
        }
        let now = Instant::now();
        if link.again_at.is_some_and(|again_at| now < again_at) {
            metrics::counter!("accounts_throttle_alone_total").increment(1);
            return None;
        }
        link.again_at = Some(now + PAUSE);
        Some(None)
    }

    /// Keeps a connection that works and drops one that does not; logs when that changes.
    fn settled(&self, connection: Option<MultiplexedConnection>) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let broken = connection.is_none();
        if broken {
            metrics::counter!("accounts_throttle_alone_total").increment(1);
            link.again_at = Some(Instant::now() + PAUSE);
        }
        if broken != link.broken {
            if broken {
                tracing::warn!("Redis does not answer: attempts are counted by each replica alone");
            } else {
                tracing::info!("attempts are counted in Redis again");
            }
        }
        link.connection = connection;
        link.broken = broken;
    }
}
