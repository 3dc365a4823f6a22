//! Sizes and rhythm of the delivery.

use std::time::Duration;

use messenger_chassis::env::Env;

use crate::sabotage::Sabotage;

/// What all workers together may keep in memory.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of entries that wait behind holes; beyond them the log is read instead.
    pub held_bytes: usize,
    /// Conversations with a position. Beyond them those are given up that a sweep has overtaken; others stay.
    pub tracked: usize,
}

impl Bounds {
    /// The part of one of so many workers.
    pub(super) fn of_one(self, workers: usize) -> Self {
        Self { held_bytes: self.held_bytes / workers, tracked: self.tracked / workers }
    }
}

/// Sizes of the delivery.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryConfig {
    /// Workers; conversations are spread over them.
    pub workers: usize,
    /// Inputs that may wait for one worker; more are dropped and found by the sweep.
    pub queue: usize,
    /// Reads of the log at once.
    pub log_reads: usize,
    /// What may be kept in memory.
    pub bounds: Bounds,
    /// Rhythm of the sweep.
    pub sweep: SweepConfig,
    /// Defects for the tests of the tests.
    pub sabotage: Sabotage,
}

/// How often the log is swept.
#[derive(Debug, Clone, Copy)]
pub struct SweepConfig {
    /// While rings arrive.
    pub interval: Duration,
    /// While they are in doubt.
    pub interval_in_doubt: Duration,
}

impl DeliveryConfig {
    /// Reads the keys.
    pub fn read(env: &mut Env<'_>) -> Self {
        Self {
            workers: env.within("GATEWAY_DELIVERY_WORKERS", 2, 1..=256, "delivery workers"),
            queue: env.within(
                "GATEWAY_DELIVERY_QUEUE",
                10_000,
                16..=1_000_000,
                "inputs that may wait for one delivery worker",
            ),
            log_reads: env.within("GATEWAY_LOG_READS", 8, 1..=1_000, "reads of the log at once that close holes"),
            bounds: Bounds {
                held_bytes: env.within(
                    "GATEWAY_HELD_BYTES",
                    64 << 20,
                    1 << 20..=1 << 40,
                    "bytes of entries that may wait behind holes; beyond them the log is read at once",
                ),
                tracked: env.within(
                    "GATEWAY_TRACKED_CONVERSATIONS",
                    1_000_000,
                    1_000..=100_000_000,
                    "conversations with a position; beyond them quiet ones without members here are forgotten",
                ),
            },
            sweep: SweepConfig {
                interval: env.millis(
                    "GATEWAY_SWEEP_MS",
                    250,
                    10..=60_000,
                    "pause between sweeps of the log, milliseconds",
                ),
                interval_in_doubt: env.millis(
                    "GATEWAY_SWEEP_IN_DOUBT_MS",
                    100,
                    10..=60_000,
                    "the same while Redis is in doubt, milliseconds",
                ),
            },
            sabotage: env.parsed(
                "GATEWAY_SABOTAGE",
                Sabotage::default(),
                "none; a debug build breaks its promise with ack-before-commit, gate-off or sweep-off, to prove its tests",
            ),
        }
    }
}
