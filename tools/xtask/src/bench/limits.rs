//! What the parts can do alone.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::Bench;

/// No scenario needs more of a limit than to know it roughly.
const SECONDS_MAX: u64 = 4;

/// Rates in the same run, on the same servers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Limits {
    pub(super) postgres: Inserts,
    pub(super) echo: Echo,
}

/// Rows a second.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Inserts {
    pub(super) single_one_connection: f64,
    pub(super) single_eight_connections: f64,
    pub(super) batched: f64,
    pub(super) send_batch: f64,
}

/// Messages a second, and percentiles of their way there and back in microseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Echo {
    pub(super) per_second: f64,
    pub(super) p50: u64,
    pub(super) p99: u64,
}

impl Limits {
    pub(super) fn measure(bench: &mut Bench<'_>) -> Result<Self> {
        let seconds = bench.seconds.min(SECONDS_MAX).to_string();
        bench.console.step("measuring PostgreSQL alone");
        let mut command = bench.program("bare");
        let url = bench.system.messaging_url();
        command.args(["postgres", "--seconds", &seconds]).env("DATABASE_URL", url);
        let postgres = bench.result(&mut command).context("measure PostgreSQL alone")?;
        bench.console.step("measuring WebSockets alone");
        let mut command = bench.program("bare");
        command.args(["echo", "--seconds", &seconds]);
        let echo = bench.result(&mut command).context("measure WebSockets alone")?;
        Ok(Self { postgres, echo })
    }
}

impl Inserts {
    /// The better one of the two ways to insert single rows.
    pub(super) fn single(&self) -> f64 {
        self.single_one_connection.max(self.single_eight_connections)
    }
}
