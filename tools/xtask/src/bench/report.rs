//! What the load generator says of a scenario. Fields that are not known here are passed over.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::unit::float;

mod facts;

/// Name of the load generator among the processes; the others serve.
pub(super) const LOAD_GENERATOR: &str = "loadgen";
/// How the names of the gateways begin.
const GATEWAY: &str = "gateway-";

/// A result, by what was done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Report {
    /// Of `private`, `group` and `open`.
    Messages(Messages),
    Idle(Idle),
    Storm(Storm),
    Slow(Slow),
    Logins(Logins),
    Reads(Reads),
}

/// Messages in a closed or open loop.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Messages {
    pub(super) seconds: u64,
    pub(super) stored: Rate,
    pub(super) delivered: Rate,
    pub(super) send_to_ack: Latency,
    pub(super) send_to_delivery: Latency,
    pub(super) series: Vec<Second>,
    /// Pages of another conversation that were read meanwhile, where somebody did.
    #[serde(default)]
    pub(super) reads: Option<Reading>,
    pub(super) unsent: u64,
    pub(super) breaches: Breaches,
    pub(super) errors: Errors,
    pub(super) processes: Vec<Usage>,
}

/// Sockets that are open and do nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Idle {
    pub(super) scenario: Sockets,
    pub(super) opened: Rate,
    pub(super) handshake: Latency,
    pub(super) samples: Vec<Sample>,
    pub(super) resident_bytes_per_socket: f64,
    pub(super) alive: u64,
    pub(super) errors: Errors,
}

/// Sockets that all drop at once, and come back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Storm {
    pub(super) storms: Vec<Return>,
    pub(super) ack_calm: Latency,
    pub(super) ack_storm: Latency,
    pub(super) delivery_calm: Latency,
    pub(super) delivery_storm: Latency,
    pub(super) unsent: u64,
    pub(super) breaches: Breaches,
    pub(super) errors: Errors,
    pub(super) processes: Vec<Usage>,
}

/// Readers that read nothing, beside well-behaved ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Slow {
    pub(super) stalled: u64,
    pub(super) closed: u64,
    pub(super) resident_bytes_per_stalled: f64,
    pub(super) ack_calm: Latency,
    /// While the same readers read the same.
    pub(super) ack_reading: Latency,
    pub(super) ack_slow: Latency,
    pub(super) delivery_calm: Latency,
    pub(super) delivery_reading: Latency,
    pub(super) delivery_slow: Latency,
    pub(super) unsent: u64,
    pub(super) breaches: Breaches,
    pub(super) errors: Errors,
    pub(super) processes: Vec<Usage>,
}

/// As many log-ins as come, beside messages.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Logins {
    pub(super) logins: Rate,
    pub(super) refused: Rate,
    pub(super) login: Latency,
    pub(super) ack_calm: Latency,
    pub(super) ack_loaded: Latency,
    pub(super) delivery_calm: Latency,
    pub(super) delivery_loaded: Latency,
    pub(super) unsent: u64,
    pub(super) breaches: Breaches,
    pub(super) errors: Errors,
    pub(super) processes: Vec<Usage>,
}

/// Chat lists and pages of history.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reads {
    pub(super) entries: u64,
    pub(super) chats: Reading,
    pub(super) page: Reading,
    pub(super) errors: Errors,
    pub(super) processes: Vec<Usage>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rate {
    pub(super) count: u64,
    pub(super) per_second: f64,
}

/// In microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Latency {
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) p999: u64,
    pub(super) max: u64,
    /// How many there were.
    pub(super) count: u64,
    /// Quantiles from 0 to 1, each with its latency.
    pub(super) curve: Vec<(f64, u64)>,
}

/// What happened in a second of the measured time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Second {
    pub(super) second: u64,
    pub(super) stored: u64,
    pub(super) delivered: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Reading {
    pub(super) rate: Rate,
    pub(super) latency: Latency,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sockets {
    pub(super) sockets: u64,
}

/// Memory while that many sockets were open.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sample {
    pub(super) sockets: u64,
    pub(super) processes: Vec<Memory>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Memory {
    pub(super) name: String,
    pub(super) resident_bytes: u64,
}

/// How the sockets of a storm came back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Return {
    pub(super) back_seconds: f64,
    pub(super) reconnect: Latency,
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

/// How often each error happened.
pub(super) type Errors = BTreeMap<String, u64>;

impl Report {
    /// Reads the load generator's JSON.
    pub(super) fn read(json: &serde_json::Value) -> Result<Self> {
        fn of<T: DeserializeOwned>(json: &serde_json::Value) -> Result<T> {
            Ok(T::deserialize(json)?)
        }
        let name = json["scenario"]["name"].as_str().context("the result names no scenario")?;
        Ok(match name {
            "private" | "group" | "open" => Self::Messages(of(json)?),
            "idle" => Self::Idle(of(json)?),
            "storm" => Self::Storm(of(json)?),
            "slow" => Self::Slow(of(json)?),
            "logins" => Self::Logins(of(json)?),
            "reads" => Self::Reads(of(json)?),
            other => bail!("`{other}` is no scenario that is known here"),
        })
    }

    /// Whether every acknowledged message arrived once and in order, and anything was stored where something should.
    pub(super) fn kept_the_promise(&self) -> bool {
        let stored = self.messages().is_none_or(|messages| messages.stored.count > 0);
        stored && self.breaches().is_none_or(|breaches| *breaches == Breaches::default())
    }

    pub(super) fn messages(&self) -> Option<&Messages> {
        if let Self::Messages(messages) = self { Some(messages) } else { None }
    }

    pub(super) fn breaches(&self) -> Option<&Breaches> {
        match self {
            Self::Messages(Messages { breaches, .. })
            | Self::Storm(Storm { breaches, .. })
            | Self::Slow(Slow { breaches, .. })
            | Self::Logins(Logins { breaches, .. }) => Some(breaches),
            Self::Idle(_) | Self::Reads(_) => None,
        }
    }

    /// Messages of an open loop that were due but found no room in flight.
    pub(super) fn unsent(&self) -> u64 {
        match self {
            Self::Messages(Messages { unsent, .. })
            | Self::Storm(Storm { unsent, .. })
            | Self::Slow(Slow { unsent, .. })
            | Self::Logins(Logins { unsent, .. }) => *unsent,
            Self::Idle(_) | Self::Reads(_) => 0,
        }
    }

    pub(super) fn errors(&self) -> &Errors {
        match self {
            Self::Messages(Messages { errors, .. })
            | Self::Idle(Idle { errors, .. })
            | Self::Storm(Storm { errors, .. })
            | Self::Slow(Slow { errors, .. })
            | Self::Logins(Logins { errors, .. })
            | Self::Reads(Reads { errors, .. }) => errors,
        }
    }

    /// What each process used; nothing where it is not measured.
    pub(super) fn processes(&self) -> &[Usage] {
        match self {
            Self::Messages(Messages { processes, .. })
            | Self::Storm(Storm { processes, .. })
            | Self::Slow(Slow { processes, .. })
            | Self::Logins(Logins { processes, .. })
            | Self::Reads(Reads { processes, .. }) => processes,
            Self::Idle(_) => &[],
        }
    }
}

impl Messages {
    /// What all serving processes together spent on a stored message, in microseconds; `None` where it is not measured.
    pub(super) fn cpu_per_message(&self) -> Option<f64> {
        self.cpu(|process| process.name != LOAD_GENERATOR, &self.stored)
    }

    /// What the gateways spent on a delivery, in microseconds.
    pub(super) fn gateway_cpu_per_delivery(&self) -> Option<f64> {
        self.cpu(|process| process.name.starts_with(GATEWAY), &self.delivered)
    }

    fn cpu(&self, of: impl Fn(&Usage) -> bool, each: &Rate) -> Option<f64> {
        let seconds: f64 =
            self.processes.iter().filter(|process| of(process)).map(|process| process.cpu_seconds).sum();
        (seconds > 0.0 && each.count > 0).then(|| seconds * 1e6 / float(each.count))
    }
}

#[cfg(test)]
mod tests;
