//! The order of one conversation on this replica. Pure: time and log come in.
//!
//! Whatever arrives (our own commits, rings, sweeps, fills), in whatever order and however often: out come the entries
//! in sequence, each once, none left out. A hole is given [`HOLD`] to close by itself, then the log is asked.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use tokio::time::Instant;

use super::held::Weight;
use crate::domain::ids::Seq;

/// How long a hole may wait for late rings.
pub(super) const HOLD: Duration = Duration::from_millis(50);
/// Entries that may wait behind a hole; more are forgotten here and read from the log.
const HELD_MAX: usize = 256;
/// Pause before the log is asked again that could not be read.
const RETRY: Duration = Duration::from_millis(100);

/// What the gate cannot get by waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// The position from which to deliver is not known yet.
    Position,
    /// The log's entries after `after`, up to `up_to`.
    Fill {
        /// Last one released.
        after: Seq,
        /// Last one needed.
        up_to: Seq,
    },
}

/// Releases items in order of their sequence.
#[derive(Debug)]
pub(super) struct Gate<T> {
    position: Option<Seq>,
    held: BTreeMap<Seq, T>,
    /// Weight of all that is held.
    held_bytes: usize,
    head: Seq,
    /// Since when the next entry is missing.
    missing_since: Option<Instant>,
    asked: bool,
    /// Position and head when that was asked.
    asked_at: (Option<Seq>, Seq),
    /// There is no point in waiting for late rings.
    is_hurried: bool,
    /// The log could not be read; not before this time again.
    retry_at: Option<Instant>,
}

impl<T: Weight> Gate<T> {
    /// A gate that has released everything up to `position`; without one it has to be told first.
    pub(super) fn new(position: Option<Seq>) -> Self {
        let head = position.unwrap_or(Seq::ZERO);
        Self {
            position,
            held: BTreeMap::new(),
            held_bytes: 0,
            head,
            missing_since: None,
            asked: false,
            asked_at: (None, head),
            is_hurried: false,
            retry_at: None,
        }
    }

    /// Takes an entry and returns what may go out now.
    pub(super) fn offer(&mut self, seq: Seq, item: T, now: Instant) -> Vec<T> {
        self.head = self.head.max(seq);
        let Some(position) = self.position else {
            self.hold(seq, item);
            self.missing_since.get_or_insert(now);
            return Vec::new();
        };
        if seq <= position {
            return Vec::new();
        }
        if seq > position.next() {
            self.hold(seq, item);
            self.note_hole(now);
            return Vec::new();
        }
        self.position = Some(seq);
        self.missing_since = None;
        let mut released = vec![item];
        released.append(&mut self.release(now));
        released
    }

    /// Learns that the log reaches up to `head`.
    pub(super) fn see_head(&mut self, head: Seq, now: Instant) {
        self.head = self.head.max(head);
        self.note_hole(now);
    }

    /// Takes the position that was needed.
    pub(super) fn learn(&mut self, position: Seq, now: Instant) -> Vec<T> {
        self.asked = false;
        if self.position.is_none() {
            self.position = Some(position);
            self.head = self.head.max(position);
            self.missing_since = None;
        }
        self.release(now)
    }

    /// Takes what the log had of what was needed.
    pub(super) fn fill(&mut self, items: Vec<(Seq, T)>, now: Instant) -> Vec<T> {
        self.asked = false;
        let position = self.position.unwrap_or(Seq::ZERO);
        // An answer says nothing of what has been announced since it was asked for, and may lag behind what has come.
        let is_current = self.asked_at == (self.position, self.head);
        items.into_iter().filter(|(seq, _)| *seq > position).for_each(|(seq, item)| self.put(seq, item));
        let released = self.release(now);
        if released.is_empty() && is_current && self.missing_since.is_some() {
            self.forget_unlogged();
        }
        released
    }

    /// The log does not have what was announced: a forged ring, or a failover lost it. What is real comes again.
    fn forget_unlogged(&mut self) {
        self.let_go();
        self.head = self.position.unwrap_or(Seq::ZERO);
        self.missing_since = None;
    }

    /// The log could not be read; it will be asked again a while later.
    pub(super) fn failed(&mut self, now: Instant) {
        self.asked = false;
        self.retry_at = Some(now + RETRY);
    }

    /// Late rings are not to be waited for: a hole, if there is one, is closed from the log at once.
    pub(super) fn hurry(&mut self) {
        self.is_hurried = self.missing_since.is_some();
    }

    /// Gives up what is held; the log has it, too.
    pub(super) fn spill(&mut self) {
        self.let_go();
        self.hurry();
    }

    /// What to get, when waiting has been long enough. The caller gets it; until then nothing more is asked for.
    pub(super) fn need(&mut self, now: Instant) -> Option<Need> {
        let since = self.missing_since?;
        if self.asked {
            return None;
        }
        if self.retry_at.is_some_and(|at| now < at) {
            return None;
        }
        let need = match self.position {
            None => Need::Position,
            Some(_) if !self.is_hurried && now < since + HOLD => return None,
            // Up to the head, over what is held: one read closes all holes that a lossy bus has left.
            Some(after) => Need::Fill { after, up_to: self.head },
        };
        (self.asked, self.is_hurried, self.retry_at) = (true, false, None);
        self.asked_at = (self.position, self.head);
        Some(need)
    }

    /// When to call [`Gate::need`] again, unless something arrives.
    pub(super) fn due(&self) -> Option<Instant> {
        let since = self.missing_since.filter(|_| !self.asked)?;
        let is_patient = self.position.is_some() && !self.is_hurried;
        let due = if is_patient { since + HOLD } else { since };
        Some(self.retry_at.map_or(due, |at| at.max(due)))
    }

    /// The last one that has come out.
    pub(super) fn position(&self) -> Option<Seq> {
        self.position
    }

    /// Weight of all that waits behind a hole.
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Whether the entry at `seq` has come out.
    pub(super) fn has_released(&self, seq: Seq) -> bool {
        self.position.is_some_and(|position| seq <= position)
    }

    /// Nothing is missing, nothing is held: the gate may be forgotten.
    pub(super) fn is_settled(&self) -> bool {
        self.missing_since.is_none() && !self.asked && self.held.is_empty()
    }

    fn hold(&mut self, seq: Seq, item: T) {
        if self.held.len() < HELD_MAX {
            self.put(seq, item);
        }
    }

    fn put(&mut self, seq: Seq, item: T) {
        if let Entry::Vacant(place) = self.held.entry(seq) {
            self.held_bytes += item.bytes();
            place.insert(item);
        }
    }

    fn let_go(&mut self) {
        self.held.clear();
        self.held_bytes = 0;
    }

    fn release(&mut self, now: Instant) -> Vec<T> {
        let mut released = Vec::new();
        let Some(mut position) = self.position else { return released };
        while let Some(first) = self.held.first_entry() {
            if *first.key() > position.next() {
                break;
            }
            let (seq, item) = first.remove_entry();
            self.held_bytes -= item.bytes();
            if seq == position.next() {
                released.push(item);
                position = seq;
            }
        }
        let moved = self.position != Some(position);
        self.position = Some(position);
        if moved {
            self.missing_since = None;
        }
        self.note_hole(now);
        released
    }

    fn note_hole(&mut self, now: Instant) {
        if self.position.is_some_and(|position| position >= self.head) {
            (self.missing_since, self.is_hurried) = (None, false);
        } else {
            self.missing_since.get_or_insert(now);
        }
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
