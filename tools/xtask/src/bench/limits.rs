//! What the parts can do alone.

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Bench;

/// No scenario needs more of a limit than to know it roughly.
const SECONDS_MAX: u64 = 4;
/// The same when only some scenarios are wanted: quick work.
const QUICK_SECONDS_MAX: u64 = 1;

/// Rates in the same run, on the same servers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Limits {
    /// 8 KiB written and forced to the disk that holds PostgreSQL's data, one after the other.
    pub(super) fsync: Timed,
    /// One row, committed, over one connection.
    pub(super) commit: Timed,
    pub(super) postgres: Inserts,
    /// Messages through WebSockets and back.
    pub(super) echo: Timed,
    /// Messages to a channel with one subscriber.
    pub(super) redis: Publish,
    /// One message after the other: a socket, a commit of one row, Redis, another socket. Not in results of before.
    pub(super) path: Option<Path>,
    /// The same, a thousand a second.
    pub(super) paced: Option<Path>,
}

/// Rows a second.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Inserts {
    pub(super) single_one_connection: f64,
    pub(super) single_eight_connections: f64,
    pub(super) batched: f64,
    /// Through the function that the gateways call.
    pub(super) send_messages: f64,
}

/// A rate, and how long each takes in microseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Timed {
    pub(super) per_second: f64,
    pub(super) p50: u64,
    pub(super) p99: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Publish {
    pub(super) per_second: f64,
}

/// How long each takes in microseconds, and the servers' processor time for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Path {
    #[serde(flatten)]
    pub(super) timed: Timed,
    pub(super) cpu_micros: f64,
}

impl Limits {
    /// PostgreSQL's database is copied, so nobody else may be connected to it.
    pub(super) fn measure(bench: &mut Bench<'_>) -> Result<Self> {
        let folder = bench.project.dev().to_string_lossy().into_owned();
        let redis = bench.system.redis_url();
        Ok(Self {
            fsync: bare(bench, "the disk", &["fsync", &folder])?,
            commit: bare(bench, "one commit after the other", &["commit"])?,
            postgres: bare(bench, "PostgreSQL", &["postgres"])?,
            echo: bare(bench, "WebSockets", &["echo"])?,
            redis: bare(bench, "Redis", &["redis", "--url", &redis])?,
            path: Some(path(bench, "one message after the other", &[])?),
            paced: Some(path(bench, "1,000 messages a second", &["--rate", "1000"])?),
        })
    }
}

fn path(bench: &mut Bench<'_>, part: &str, pace: &[&str]) -> Result<Path> {
    let redis = bench.system.redis_url();
    let watched: Vec<_> =
        bench.system.processes().iter().map(|(name, pid)| format!("--watch={name}={pid}")).collect();
    let watched = watched.iter().map(String::as_str);
    let arguments: Vec<_> =
        ["path", "--url", &redis].into_iter().chain(watched).chain(pace.iter().copied()).collect();
    bare(bench, part, &arguments)
}

fn bare<T: DeserializeOwned>(bench: &mut Bench<'_>, part: &str, arguments: &[&str]) -> Result<T> {
    bench.console.step(&format!("measuring {part} alone"));
    let mut command = bench.program("bare");
    let most = if bench.choice.only.is_some() { QUICK_SECONDS_MAX } else { SECONDS_MAX };
    command.args(arguments).args(["--seconds", &bench.seconds.min(most).to_string()]);
    command.env("DATABASE_URL", bench.system.messaging_url());
    let result = bench.result(&mut command).with_context(|| format!("measure {part} alone"))?;
    serde_json::from_value(result).with_context(|| format!("read what {part} can do alone"))
}

impl Inserts {
    /// The better one of the two ways to insert single rows.
    pub(super) fn single(&self) -> f64 {
        self.single_one_connection.max(self.single_eight_connections)
    }
}
