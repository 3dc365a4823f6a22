//! What a proxy is told to do wrong. It must not know how that is done.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What happens to the bytes of one direction; by default nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults {
    /// Every byte comes later by this.
    pub delay: Duration,
    /// And by a random share of this; order is kept.
    pub jitter: Duration,
    /// Nothing passes; it comes when this ends, as on a link that lost its packets for a while.
    pub hold: bool,
    /// Bytes vanish, and no end is passed on: a half-open connection. One that lost bytes never passes any again.
    pub swallow: bool,
    /// Bytes of one write at most.
    pub piece: Option<NonZeroUsize>,
    /// Bytes a second at most.
    pub rate: Option<NonZeroU32>,
    /// What is lost of Redis' published messages; only in a proxy made for Redis, to the client.
    pub pushes: Option<Lossy>,
}

/// A bus that loses and swaps messages. Confirmations and replies pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lossy {
    /// Share of the messages that are lost, 0 to 1.
    pub lose: f64,
    /// Share of the rest that come after their successor, 0 to 1.
    pub swap: f64,
}

/// Everything that a proxy's connections look at.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) to_server: Faults,
    pub(super) to_client: Faults,
    pub(super) refuse: bool,
    pub(super) cut: Option<Cut>,
    /// How often all was healed.
    pub(super) heals: u64,
}

/// The latest end of all connections, numbered: a connection obeys those that came after it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Close(u64),
    Reset(u64),
}

impl State {
    pub(super) fn faults(&self, direction: Direction) -> &Faults {
        match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        }
    }

    pub(super) fn faults_mut(&mut self, direction: Direction) -> &mut Faults {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }

    pub(super) fn next_cut(&self) -> u64 {
        match self.cut {
            None => 1,
            Some(Cut::Close(number) | Cut::Reset(number)) => number + 1,
        }
    }
}
