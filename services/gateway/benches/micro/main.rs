//! What the pure parts of a message's way cost, each alone: no server, no socket, no task.
//!
//! `cargo bench -p messenger-gateway` measures; a word behind `--` chooses by name. As a test everything runs once.

mod auth;
mod dialect;
mod hub;
mod limits;
mod order;
mod ring;
mod samples;
mod traces;

use std::time::Duration;

use criterion::Criterion;
use messenger_gateway::domain;

// The gate and the ring are private to their rooms, and nothing outside of these can drive them without a database and a
// bus. Their files are compiled a second time as part of this program, so that no interface grows for it.
#[path = "../../src/delivery/gate.rs"]
#[expect(dead_code, reason = "the worker and the tests use more of it")]
mod gate;
#[path = "../../src/delivery/held.rs"]
#[expect(dead_code, reason = "the worker and the tests use more of it")]
mod held;
#[path = "../../src/fanout/ring.rs"]
#[expect(dead_code, unused_imports, unreachable_pub, reason = "the bus and the tests use more of it")]
mod wire;

/// As in the gateway.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Before anything is measured: caches, branch predictors, clock of the processor.
const WARM_UP: Duration = Duration::from_millis(300);
/// For each benchmark.
const MEASUREMENT: Duration = Duration::from_secs(1);
/// Samples of a measurement.
const SAMPLES: usize = 30;
/// Resamplings behind an interval of confidence.
const RESAMPLINGS: usize = 5_000;

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default()
        .warm_up_time(WARM_UP)
        .measurement_time(MEASUREMENT)
        .sample_size(SAMPLES)
        .nresamples(RESAMPLINGS)
        .without_plots()
        .configure_from_args();
    dialect::measure(&mut criterion)?;
    order::measure(&mut criterion);
    hub::measure(&mut criterion);
    limits::measure(&mut criterion)?;
    auth::measure(&mut criterion)?;
    ring::measure(&mut criterion)?;
    traces::measure(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}
