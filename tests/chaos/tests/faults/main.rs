//! The promise under each fault, one run of the real system for each.

mod gateways;
mod run;
