//! Load and latency of the messenger, measured from outside over its public wire.
//!
//! A run signs up users of its own and performs a scenario ([`options::Scenario`]). Each scenario is a module with its
//! options, its work and its result. Those that send check every delivery: none lost, none twice, none out of order.
//! Closed loops keep a number of messages in flight and show the highest throughput; open loops send at a fixed rate,
//! whatever the server does, and measure from the moment a message was due, so that a stall is seen by every message it
//! delays.

// What is measured.
mod group;
mod idle;
mod logins;
mod open;
mod private;
mod reads;
mod slow;
mod storm;

// What it is made of.
mod exchange;
mod figures;
mod files;
mod ledger;
mod measure;
pub mod options;
mod population;
pub mod processes;
mod readers;
mod report;
mod run;
mod sink;
mod source;
mod squad;
mod stage;
mod stalled;
mod traffic;

pub use report::Report;
pub use run::run;
pub use squad::hold;
