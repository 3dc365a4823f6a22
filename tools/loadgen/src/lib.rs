//! Load and latency of the messenger, measured from outside over its public wire.
//!
//! A run signs up users of its own, puts them into conversations ([`options::Scenario`]), sends for a while and
//! checks every delivery: none lost, none twice, none out of order. Closed loops keep a number of messages in
//! flight and show the highest throughput; the open loop sends at a fixed rate, whatever the server does, and
//! measures from the moment a message was due, so that a stall is seen by every message it delays.

mod ledger;
mod measure;
pub mod options;
mod population;
pub mod processes;
pub mod report;
mod run;
mod sink;
mod source;
mod stage;

pub use run::run;
