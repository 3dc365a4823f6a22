//! What the messenger does under load.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::Bench;
use super::batches::Batches;

/// Name of the load generator among the processes; the others serve.
const LOAD_GENERATOR: &str = "loadgen";

/// A load, and the load generator's words for it.
#[derive(Debug)]
pub(super) struct Scenario {
    name: &'static str,
    arguments: &'static [&'static str],
}

/// The first is the one that the limits are compared with.
pub(super) const SCENARIOS: [Scenario; 4] = [
    Scenario {
        name: "private, 32 pairs x 8 in flight",
        arguments: &["private", "--pairs", "32", "--in-flight", "8"],
    },
    Scenario {
        name: "group of 100, 4 senders x 4 in flight",
        arguments: &["group", "--members", "100", "--senders", "4", "--in-flight", "4"],
    },
    Scenario { name: "one pair, one in flight", arguments: &["private", "--pairs", "1", "--in-flight", "1"] },
    Scenario {
        name: "open loop, 32 pairs, 1,000/s",
        arguments: &["open", "--rate", "1000", "--pairs", "32"],
    },
];

/// A scenario's result.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Load {
    pub(super) name: String,
    /// Messages that a gateway stored with one statement, on average, warm-up included.
    pub(super) rows_per_statement: Option<f64>,
    pub(super) report: Report,
}

/// What we read of the load generator's result.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) seconds: u64,
    pub(super) stored: Rate,
    pub(super) delivered: Rate,
    pub(super) send_to_ack: Latency,
    pub(super) send_to_delivery: Latency,
    pub(super) unsent: u64,
    pub(super) breaches: Breaches,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) processes: Vec<Usage>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rate {
    pub(super) count: u64,
    pub(super) per_second: f64,
}

/// In microseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Latency {
    pub(super) p50: u64,
    pub(super) p99: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Breaches {
    pub(super) lost: u64,
    pub(super) duplicated: u64,
    pub(super) reordered: u64,
    pub(super) misplaced: u64,
}

/// Of a process and its descendants, in the measured time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Usage {
    pub(super) name: String,
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
}

impl Load {
    pub(super) fn measure(bench: &mut Bench<'_>, scenario: &Scenario) -> Result<Self> {
        bench.console.step(scenario.name);
        let mut command = bench.program("loadgen");
        let addresses = bench.system.addresses();
        let url = |scheme, port| format!("{scheme}://127.0.0.1:{port}");
        command.args(scenario.arguments).args([
            "--json",
            "--accounts",
            &url("http", addresses.accounts.http),
        ]);
        for gateway in &addresses.gateways {
            command.args(["--gateway", &url("ws", gateway.http)]);
        }
        command.args(["--seconds", &bench.seconds.to_string()]);
        let admin: Vec<u16> = addresses.gateways.iter().map(|gateway| gateway.admin).collect();
        for (name, pid) in bench.system.processes() {
            command.args(["--watch", &format!("{name}={pid}")]);
        }
        let before = Batches::read(&admin)?;
        let report = bench.result(&mut command).context(scenario.name)?;
        let rows_per_statement = Batches::read(&admin)?.since(&before).rows_per_statement();
        Ok(Self { name: scenario.name.to_owned(), rows_per_statement, report })
    }
}

impl Report {
    pub(super) fn kept_the_promise(&self) -> bool {
        self.breaches == Breaches::default() && self.stored.count > 0
    }

    /// What all serving processes together spent on a message, in microseconds; `None` where it is not measured.
    pub(super) fn cpu_micros_per_message(&self) -> Option<f64> {
        let servers = self.processes.iter().filter(|process| process.name != LOAD_GENERATOR);
        let seconds: f64 = servers.map(|process| process.cpu_seconds).sum();
        #[expect(clippy::cast_precision_loss, reason = "an average is not exact")]
        let messages = self.stored.count as f64;
        (seconds > 0.0 && messages > 0.0).then(|| seconds * 1e6 / messages)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A load with 1,000 messages a second for ten seconds.
    pub(in crate::bench) fn load(name: &str) -> Load {
        let usage = |name: &str, cpu_seconds| Usage {
            name: name.to_owned(),
            cpu_seconds,
            resident_bytes: 20 * 1024 * 1024,
        };
        let rate = Rate { count: 10_000, per_second: 1_000.0 };
        let report = Report {
            seconds: 10,
            stored: rate.clone(),
            delivered: rate,
            send_to_ack: Latency { p50: 900, p99: 4_250 },
            send_to_delivery: Latency { p50: 1_000, p99: 1_234_567 },
            unsent: 0,
            breaches: Breaches::default(),
            errors: BTreeMap::new(),
            processes: vec![usage("gateway-1", 1.5), usage("postgres", 0.5), usage("loadgen", 9.0)],
        };
        Load { name: name.to_owned(), rows_per_statement: Some(12.5), report }
    }

    #[test]
    fn the_load_generators_own_work_is_not_the_servers() {
        let mut report = load("x").report;
        assert_eq!(report.cpu_micros_per_message(), Some(200.0));
        report.processes.clear();
        assert_eq!(report.cpu_micros_per_message(), None);
    }

    #[test]
    fn a_breach_or_silence_breaks_the_promise() {
        let mut report = load("x").report;
        assert!(report.kept_the_promise());
        report.breaches.duplicated = 1;
        assert!(!report.kept_the_promise());
        report.breaches.duplicated = 0;
        report.stored.count = 0;
        assert!(!report.kept_the_promise());
    }
}
