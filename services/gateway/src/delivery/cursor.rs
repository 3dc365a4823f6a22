//! Up to where the log is swept. Pure: what the database says comes in, what the workers are to be told goes out.

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
