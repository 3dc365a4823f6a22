//! Up to where the log is swept. Pure: what the database says comes in, what the workers are to be told goes out.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::worker::Input;
use super::worker_of;
use crate::domain::ids::Xid;
use crate::store::Sweep;

/// How far the cursor steps back, once, when the database was away: a promoted standby may hand out transaction ids below
/// the old horizon once more. What is read twice dies at the gates.
const STEP_BACK: i64 = 100_000;

/// Where the next sweep begins.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    at: Option<Xid>,
    away: bool,
}

impl Cursor {
    /// Where the next sweep begins; none before the first one.
    pub(super) fn at(&self) -> Option<Xid> {
        self.at
    }

    /// Takes over what a sweep says. Returns the cursor up to which everybody will have been told everything, once the
    /// sweep has been handed over. There is none while there is more to sweep: after a step back the new cursor may lie
    /// before an old one, and would make old news of it.
    pub(super) fn swept(&mut self, swept: &Sweep) -> Option<Xid> {
        (self.at, self.away) = (Some(swept.cursor), false);
        swept.caught_up.then_some(swept.cursor)
    }

    /// The database did not answer.
    pub(super) fn failed(&mut self) {
        if !self.away {
            self.at = self.at.map(|Xid(xid)| Xid((xid - STEP_BACK).max(0)));
        }
        self.away = true;
    }
}

/// How far the workers have been told everything, in one life of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handed {
    /// Every entry before this transaction id was handed over.
    pub(super) cursor: Xid,
    /// The same, as of [`SETTLING`] ago: what lies before has also been delivered by now.
    pub(super) settled: Xid,
}

/// How long what was handed over may be on its way: behind other inputs, reads of the log and a database that is busy with
/// thousands who come back at once.
const SETTLING: Duration = Duration::from_secs(60);
/// How often a cursor is remembered.
const SAMPLE: Duration = Duration::from_secs(1);

/// The cursors of the last minute.
#[derive(Debug, Default)]
pub(super) struct Horizon(VecDeque<(Instant, Xid)>);

impl Horizon {
    /// Takes a cursor that was handed over.
    pub(super) fn note(&mut self, cursor: Xid, now: Instant) -> Handed {
        // Transaction ids that begin again make old cursors meaningless.
        self.0.retain(|(_, earlier)| *earlier <= cursor);
        if self.0.back().is_none_or(|(at, _)| now >= *at + SAMPLE) {
            self.0.push_back((now, cursor));
        }
        while self.0.get(1).is_some_and(|(at, _)| now >= *at + SETTLING) {
            self.0.pop_front();
        }
        Handed { cursor, settled: self.0.front().map_or(cursor, |(_, earliest)| *earliest) }
    }
}

/// What to tell of a sweep, by number of the worker, in this order: a worker's cursor moves after it has heard of
/// everything before.
pub(super) fn news(
    mut swept: Sweep,
    handed_over: Option<Xid>,
    workers: usize,
) -> impl Iterator<Item = (usize, Input)> {
    // The entry with which a user comes goes before those that concern him from then on.
    swept.heads.sort_unstable_by_key(|head| head.seq);
    let heads = swept.heads.into_iter();
    let heads = heads.map(move |head| (worker_of(head.conversation, workers), Input::SweptHead(head)));
    let cursors = (0..workers).filter_map(move |worker| Some((worker, Input::Swept(handed_over?))));
    heads.chain(cursors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_handed_over_a_minute_ago_is_settled() {
        let (mut horizon, begun) = (Horizon::default(), Instant::now());
        let mut at = |second: u64, cursor| {
            let handed = horizon.note(Xid(cursor), begun + Duration::from_secs(second));
            assert_eq!(handed.cursor, Xid(cursor));
            handed.settled.0
        };
        assert_eq!(at(0, 10), 10, "nothing was on its way before the first sweep");
        assert_eq!(at(30, 20), 10);
        assert_eq!(at(61, 30), 10, "the next one is half a minute old");
        assert_eq!(at(90, 40), 20);
        assert_eq!(at(200, 50), 40);
        assert_eq!(at(201, 5), 5, "ids began again");
        for second in 300..1_000 {
            at(second, 60);
        }
        assert!(horizon.0.len() <= 62);
    }
}
