//! Which tracks a worker gives up: those in which nothing happens, and beyond the limit of their number those that
//! can be begun anew without a trace.

use std::time::Duration;

use tokio::time::Instant;

use super::Worker;
use crate::delivery::log::Item;
use crate::delivery::track::Track;
use crate::domain::ids::{ConversationId, Xid};

/// A dialog in which nothing happened for this long is forgotten, and a group that has no member here any more.
const IDLE: Duration = Duration::from_secs(600);
/// Pause between two looks for idle tracks.
const LOOK: Duration = Duration::from_secs(60);
/// Pause between two looks for tracks to evict.
const EVICTION: Duration = Duration::from_secs(1);
/// An eviction leaves room for this part of the limit, so that not every new track causes one.
const ROOM: usize = 10;

/// When the tracks were looked through last.
#[derive(Debug)]
pub(super) struct Looks {
    idle_at: Instant,
    looked_at: Option<Instant>,
    evicted_at: Option<Instant>,
    /// Tracks counted in the gauge, which all workers share.
    counted: usize,
}

impl Looks {
    pub(super) fn new(now: Instant) -> Self {
        Self { idle_at: now, looked_at: None, evicted_at: None, counted: 0 }
    }

    /// Whether copies of what an evicted track has delivered may still be on their way.
    pub(super) fn evicted_lately(&self, now: Instant) -> bool {
        self.evicted_at.is_some_and(|at| now < at + IDLE)
    }
}

impl Worker {
    /// Everything before this cursor has been handed over.
    pub(super) fn swept(&mut self, cursor: Xid, now: Instant) {
        if self.cursor.is_some_and(|before| cursor < before) {
            // Transaction ids begin again below the old horizon: what lay before that need not lie before this one.
            self.tracks.values_mut().for_each(|track| track.swept = None);
        }
        self.cursor = Some(cursor);
        self.forget_idle(now);
        self.evict(now);
    }

    /// Forgets tracks in which nothing happens, once a sweep has overtaken them: while a transaction that writes for long
    /// holds the sweeps back, their positions would not be found again.
    fn forget_idle(&mut self, now: Instant) {
        if now < self.looks.idle_at + LOOK {
            return;
        }
        self.looks.idle_at = now;
        self.tracks.retain(|_, track| !(is_replaceable(track) && now > track.used_at + IDLE));
        self.count();
    }

    /// Beyond the limit, forgets the tracks used least lately of those that a sweep has overtaken. Others stay, however
    /// many there are: a position that lies after `cursor` is not found again.
    fn evict(&mut self, now: Instant) {
        let is_early = self.looks.looked_at.is_some_and(|at| now < at + EVICTION);
        if is_early || self.tracks.len() <= self.bounds.tracked {
            return;
        }
        self.looks.looked_at = Some(now);
        let wanted = self.tracks.len() - (self.bounds.tracked - self.bounds.tracked / ROOM);
        let replaceable = self.tracks.iter().filter(|(_, track)| is_replaceable(track));
        let mut found: Vec<(Instant, ConversationId)> =
            replaceable.map(|(conversation, track)| (track.used_at, *conversation)).collect();
        if wanted < found.len() {
            found.select_nth_unstable(wanted);
            found.truncate(wanted);
        }
        if !found.is_empty() {
            self.looks.evicted_at = Some(now);
        }
        metrics::counter!("gateway_tracks_evicted_total").increment(found.len() as u64);
        found.iter().for_each(|(_, conversation)| drop(self.tracks.remove(conversation)));
        self.count();
    }

    fn count(&mut self) {
        let (count, before) =
            (self.tracks.len(), std::mem::replace(&mut self.looks.counted, self.tracks.len()));
        let gauge = metrics::gauge!("gateway_tracked_conversations");
        match count.checked_sub(before) {
            Some(more) => gauge.increment(as_count(more)),
            None => gauge.decrement(as_count(before - count)),
        }
    }
}

/// A track begun in its place would find the same position before `cursor`, and nothing else is known here.
fn is_replaceable(track: &Track<Item>) -> bool {
    track.is_deserted()
        && track.gate.is_settled()
        && track.swept.is_some()
        && track.swept == track.gate.position()
}

fn as_count(tracks: usize) -> u32 {
    u32::try_from(tracks).unwrap_or(u32::MAX)
}
