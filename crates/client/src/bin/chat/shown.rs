//! Which entries are on the screen already. Pure.
//!
//! An own message comes twice, as the answer to it and as an entry, in either order; and a page that is read may hold
//! what comes by itself a moment later.

use std::collections::{BTreeMap, BTreeSet};

use crate::names::KEPT;

/// Places on the screen, by conversation.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Up to here everything that comes by itself has come, or was read.
    positions: BTreeMap<i64, u64>,
    /// Own messages that were shown when they were stored, and whose entries are to come.
    stored: BTreeSet<(i64, u64)>,
}

impl Shown {
    /// An entry has come by itself; whether it is new.
    pub(crate) fn entry(&mut self, conversation: i64, seq: u64) -> bool {
        let was_stored = self.stored.remove(&(conversation, seq));
        let is_next = self.advance(conversation, seq);
        is_next && !was_stored
    }

    /// An own message was stored; whether it is new.
    pub(crate) fn stored(&mut self, conversation: i64, seq: u64) -> bool {
        if self.positions.get(&conversation).is_some_and(|position| seq <= *position) {
            return false;
        }
        if self.stored.len() >= KEPT {
            self.stored.pop_first();
        }
        self.stored.insert((conversation, seq))
    }

    /// The newest page was read; it ends here.
    pub(crate) fn page(&mut self, conversation: i64, last_seq: u64) {
        self.advance(conversation, last_seq);
    }

    /// The conversation's log begins anew.
    pub(crate) fn reset(&mut self, conversation: i64) {
        self.positions.remove(&conversation);
        self.stored.retain(|(of, _)| *of != conversation);
    }

    fn advance(&mut self, conversation: i64, seq: u64) -> bool {
        if self.positions.len() >= KEPT && !self.positions.contains_key(&conversation) {
            self.positions.pop_first();
        }
        let position = self.positions.entry(conversation).or_insert(0);
        let is_further = seq > *position;
        *position = seq.max(*position);
        is_further
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_message_is_new_once_whichever_comes_first() {
        let mut shown = Shown::default();
        assert!(shown.stored(7, 5));
        assert!(shown.entry(7, 4), "what others said before is not lost");
        assert!(!shown.entry(7, 5));
        assert!(shown.entry(7, 6));
        assert!(!shown.stored(7, 6));
        assert!(shown.entry(8, 6), "of another conversation");
    }

    #[test]
    fn what_a_page_held_is_not_new() {
        let mut shown = Shown::default();
        assert!(shown.stored(7, 9));
        shown.page(7, 10);
        assert!(!shown.entry(7, 9) && !shown.entry(7, 10) && !shown.stored(7, 10));
        assert!(shown.entry(7, 11));
        shown.reset(7);
        assert!(shown.entry(7, 1));
    }
}
