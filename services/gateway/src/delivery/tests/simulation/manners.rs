//! What differs from run to run.

use super::chance::Chance;
use super::network::Weather;
use crate::hub::OutboxLimits;

/// How a run is: drawn once.
#[derive(Debug)]
pub(super) struct Manners {
    pub(super) weather: Weather,
    pub(super) limits: OutboxLimits,
    /// Steps in which things happen.
    pub(super) steps: u32,
    /// Steps, of 100, in which a statement is begun.
    pub(super) busy: u32,
    /// One of so many steps has a crash, a pause, a broken connection.
    pub(super) trouble: u32,
    /// One of so many reads fails.
    pub(super) failures: u32,
    /// Entries of the largest transaction.
    pub(super) burst: u32,
    /// Inputs that may wait for a worker.
    pub(super) queue: usize,
    /// Steps, of 100, in which a worker does nothing.
    pub(super) idle: u32,
    /// Steps that an answer takes at most.
    pub(super) latency: u32,
    pub(super) sweep_interval: u32,
    pub(super) sweep_transactions: i64,
    pub(super) fill_rows: usize,
    pub(super) resume_conversations: usize,
    pub(super) resume_positions: usize,
    pub(super) page: u32,
    /// Frames that may be on the way to a client before its session waits.
    pub(super) wire: usize,
    /// Frames that a client reads in a step at most.
    pub(super) reading: u32,
    /// Steps that a device stays away at most.
    pub(super) away: u32,
}

impl Manners {
    pub(super) fn draw(chance: &mut Chance) -> Self {
        let soft_bytes = chance.pick(&[400, 1_200, 5_000]);
        let bytes = soft_bytes + chance.pick(&[100, 4_000, 40_000]);
        Self {
            weather: Weather {
                lost: chance.pick(&[0, 5, 30, 100]),
                repeated: chance.pick(&[0, 10, 50]),
                delay: chance.pick(&[0, 3, 12]),
                bare: chance.pick(&[0, 20]),
            },
            limits: OutboxLimits { soft_bytes, bytes, frames: chance.pick(&[5, 12, 100]) },
            steps: chance.pick(&[60, 150, 250]),
            busy: chance.pick(&[10, 25, 50]),
            trouble: chance.pick(&[0, 10, 25, 60]),
            failures: chance.pick(&[0, 0, 20]),
            burst: chance.pick(&[1, 2, 2, 4, 4, 4, 4, 110]),
            queue: chance.pick(&[4, 40, 1_000]),
            idle: chance.pick(&[0, 30, 70]),
            latency: chance.pick(&[0, 2, 8]),
            sweep_interval: chance.pick(&[5, 12, 25]),
            sweep_transactions: chance.pick(&[4, 30, 10_000]),
            fill_rows: chance.pick(&[2, 10, 500]),
            resume_conversations: chance.pick(&[1, 3, 1_000]),
            resume_positions: chance.pick(&[1, 3, 1_000]),
            page: chance.pick(&[2, 10, 100]),
            wire: chance.pick(&[1, 4, 50]),
            reading: chance.pick(&[1, 3, 20]),
            away: chance.pick(&[2, 20, 60]),
        }
    }

    /// From now on nothing goes wrong.
    pub(super) fn heal(&mut self) {
        self.weather = Weather::FAIR;
        (self.trouble, self.failures, self.busy, self.idle) = (0, 0, 0, 0);
        (self.latency, self.queue, self.wire, self.reading, self.page) = (1, 1_000, 50, 20, 100);
        (self.sweep_transactions, self.fill_rows) = (10_000, 500);
    }
}
