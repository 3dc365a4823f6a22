//! What holders are told and what they tell, a JSON line each.

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use hdrhistogram::Histogram;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::measure::{Errors, Meter, add_errors};

/// What a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Dialect {
    /// The documented one.
    Documented,
    /// `messenger.v2`.
    V2,
}

/// What is to be done.
#[derive(Serialize, Deserialize)]
pub(crate) enum Order {
    /// The first order: which sockets to hold.
    Take(Take),
    /// Open all.
    Open,
    /// Ask something over each.
    Ask,
    /// Reset all.
    Drop,
    /// Open those again that were dropped, and ask what they missed. Each waits first, up to so many milliseconds.
    Return { spread_ms: u64 },
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Take {
    pub(super) dialect: Dialect,
    /// Sockets that open or ask at once.
    pub(super) at_once: u32,
    pub(super) sockets: Vec<Place>,
}

/// A socket to hold.
#[derive(Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) gateway: String,
    pub(super) token: String,
}

/// How it goes.
#[derive(Serialize, Deserialize)]
pub(super) enum News {
    /// So many more sockets have done what was ordered.
    Progress(u64),
    /// All have, or have given up.
    Done(Told),
}

/// A [`Tally`] on its way.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    done: u64,
    /// Latencies in microseconds, each with how often it was found.
    latency: Vec<(u64, u32)>,
    errors: Errors,
}

/// How an order was carried out.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    /// Sockets that did it.
    pub(crate) done: u64,
    /// How long each took, in microseconds.
    pub(crate) latency: Histogram<u32>,
    pub(crate) errors: Errors,
}

impl Default for Tally {
    fn default() -> Self {
        Self { done: 0, latency: Meter::new().latency, errors: Errors::new() }
    }
}

impl Tally {
    pub(super) fn and(mut self, other: Self) -> Self {
        self.done += other.done;
        for step in other.latency.iter_recorded() {
            self.latency.saturating_record_n(step.value_iterated_to(), step.count_at_value());
        }
        add_errors(&mut self.errors, &other.errors);
        self
    }
}

impl From<Told> for Tally {
    fn from(told: Told) -> Self {
        let mut tally = Self { done: told.done, errors: told.errors, ..Self::default() };
        told.latency.iter().for_each(|(micros, count)| tally.latency.saturating_record_n(*micros, *count));
        tally
    }
}

impl From<&Tally> for Told {
    fn from(tally: &Tally) -> Self {
        let steps = tally.latency.iter_recorded();
        let latency = steps.map(|step| (step.value_iterated_to(), step.count_at_value())).collect();
        Self { done: tally.done, latency, errors: tally.errors.clone() }
    }
}

pub(super) fn to_line(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(value)? + "\n")
}

pub(super) fn from_line<T: DeserializeOwned>(line: &str) -> Result<T> {
    serde_json::from_str(line).context("read a line between the load generator and its holders")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_survives_its_way() {
        let mut tally = Tally { done: 3, errors: [("lost".to_owned(), 1)].into(), ..Tally::default() };
        [5, 5, 30_000_000].iter().for_each(|micros| tally.latency.saturating_record(*micros));
        let line = to_line(&News::Done((&tally).into())).expect("JSON");
        let News::Done(told) = from_line(&line).expect("news") else { panic!("other news") };
        let twice = Tally::from(told).and(tally);
        assert_eq!((twice.done, twice.latency.len()), (6, 6));
        assert_eq!(twice.latency.value_at_quantile(0.5), 5);
        assert!(twice.latency.max().abs_diff(30_000_000) < 30_000);
        assert_eq!(twice.errors["lost"], 2);
    }
}
