//! What the gates of one worker hold behind holes, all together: bounded in bytes. Pure.
//!
//! Beyond the limit the conversation that has held for longest gives up what it holds; the log has it, too.

use std::collections::BTreeMap;

use crate::domain::ids::ConversationId;

/// What a thing costs while it is held.
pub(super) trait Weight {
    /// Bytes, about.
    fn bytes(&self) -> usize;
}

/// What one conversation holds, as the shelf knows it.
#[derive(Debug, Default)]
pub(super) struct Place {
    order: Option<u64>,
    bytes: usize,
}

/// The conversations that hold something, in the order in which they began to.
#[derive(Debug)]
pub(super) struct Shelf {
    limit: usize,
    bytes: usize,
    holders: BTreeMap<u64, ConversationId>,
    next: u64,
}

impl Shelf {
    /// An empty shelf for `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, holders: BTreeMap::new(), next: 0 }
    }

    /// The conversation holds that many bytes now.
    pub(super) fn note(&mut self, conversation: ConversationId, place: &mut Place, bytes: usize) {
        let before = std::mem::replace(&mut place.bytes, bytes);
        self.bytes = self.bytes + bytes - before;
        count(before, bytes);
        match (bytes, place.order) {
            (0, Some(order)) => {
                self.holders.remove(&order);
                place.order = None;
            }
            (1.., None) => {
                self.next += 1;
                self.holders.insert(self.next, conversation);
                place.order = Some(self.next);
            }
            _ => {}
        }
    }

    /// The conversation that should hold nothing any more; none within the limit.
    pub(super) fn overfull(&mut self) -> Option<ConversationId> {
        if self.bytes <= self.limit {
            return None;
        }
        let (_, oldest) = self.holders.pop_first()?;
        metrics::counter!("gateway_held_spills_total").increment(1);
        Some(oldest)
    }
}

/// The gauge is shared by all workers, so each tells only of changes.
#[expect(clippy::cast_precision_loss, reason = "a gauge of bytes in memory, far below 2^52")]
fn count(before: usize, now: usize) {
    if before != now {
        metrics::gauge!("gateway_held_bytes").increment(now as f64 - before as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ConversationId = ConversationId(1);
    const B: ConversationId = ConversationId(2);
    const C: ConversationId = ConversationId(3);

    #[test]
    fn beyond_the_limit_who_holds_for_longest_gives_up() {
        let mut shelf = Shelf::new(10);
        let [mut a, mut b, mut c] = [Place::default(), Place::default(), Place::default()];
        shelf.note(A, &mut a, 4);
        shelf.note(B, &mut b, 4);
        // Held more, but not for shorter.
        shelf.note(A, &mut a, 6);
        assert_eq!(shelf.overfull(), None);
        shelf.note(C, &mut c, 5);
        assert_eq!(shelf.overfull(), Some(A));
        shelf.note(A, &mut a, 0);
        assert_eq!(shelf.overfull(), None);
    }

    #[test]
    fn who_holds_nothing_any_more_leaves_no_trace() {
        let mut shelf = Shelf::new(10);
        let [mut a, mut b] = [Place::default(), Place::default()];
        for _ in 0..100 {
            shelf.note(A, &mut a, 5);
            shelf.note(A, &mut a, 0);
        }
        assert!(shelf.holders.is_empty());
        shelf.note(B, &mut b, 6);
        shelf.note(A, &mut a, 5);
        assert_eq!(shelf.overfull(), Some(B), "the other one began anew");
    }
}
