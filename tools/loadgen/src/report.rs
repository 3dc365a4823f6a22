//! The result of a run, as JSON and as a table.

use std::fmt::Display;

use anyhow::Result;
use serde::Serialize;

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    /// As JSON, over several lines.
    pub json: String,
    /// As a table for people.
    pub table: String,
    /// Whether every acknowledged message arrived once and in order, and what was asked for was done at all.
    pub kept_the_promise: bool,
}

impl Report {
    pub(crate) fn of(found: &(impl Serialize + Display), kept_the_promise: bool) -> Result<Self> {
        Ok(Self { json: serde_json::to_string_pretty(found)?, table: found.to_string(), kept_the_promise })
    }
}
