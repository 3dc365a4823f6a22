//! One conversation as one device was shown it.

use std::collections::HashSet;

/// First and last place.
type Range = (i64, i64);

#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Highest place shown.
    last: i64,
    /// Whether it begins somewhere, with what is new.
    begins_with_news: bool,
    /// Places that the device was told it would not be shown in their turn.
    gaps: Vec<Range>,
    /// Those of them that it was shown later.
    filled: HashSet<i64>,
    holes: Vec<Hole>,
}

/// Places that were passed over without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) from: i64,
    pub(super) to: i64,
    /// The record that passed over them.
    pub(super) record: u64,
}

/// What a place is to a device that is shown it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The next one, or the first one behind a hole.
    Next,
    /// One of a gap.
    Filled,
    /// One that was passed over by this record.
    Behind(u64),
    /// One that it was shown before.
    Again,
}

impl Stream {
    pub(super) fn follow(&mut self, after: i64) {
        self.last = self.last.max(after);
        self.begins_with_news = true;
    }

    /// Whether it was said to begin somewhere: nothing older belongs into it.
    pub(super) fn begins_with_news(&self) -> bool {
        self.begins_with_news
    }

    pub(super) fn gap(&mut self, from: i64, to: i64) {
        let from = from.max(self.last + 1);
        if from <= to {
            self.gaps.push((from, to));
        }
    }

    /// `visible` tells which parts of a range the user may see.
    pub(super) fn receive(
        &mut self,
        seq: i64,
        record: u64,
        visible: impl Fn(i64, i64) -> Vec<Range>,
    ) -> Place {
        let in_gap = self.gaps.iter().any(|(from, to)| (*from..=*to).contains(&seq));
        if seq > self.last {
            for (from, to) in self.unsaid(visible(self.last + 1, seq - 1)) {
                self.holes.push(Hole { from, to, record });
            }
            self.last = seq;
            if in_gap {
                self.filled.insert(seq);
            }
            return Place::Next;
        }
        if let Some(index) = self.holes.iter().position(|hole| (hole.from..=hole.to).contains(&seq)) {
            let hole = self.holes.swap_remove(index);
            let rest = [Hole { to: seq - 1, ..hole }, Hole { from: seq + 1, ..hole }];
            self.holes.extend(rest.into_iter().filter(|hole| hole.from <= hole.to));
            return Place::Behind(hole.record);
        }
        if in_gap && self.filled.insert(seq) { Place::Filled } else { Place::Again }
    }

    pub(super) fn holes(&self) -> &[Hole] {
        &self.holes
    }

    /// What the user may see up to `end` and this device never was shown, holes left out: the end, and open gaps.
    pub(super) fn unseen(&self, end: i64, visible: impl Fn(i64, i64) -> Vec<Range>) -> Vec<Range> {
        let mut unseen = self.unsaid(visible(self.last + 1, end));
        for (from, to) in &self.gaps {
            for (from, to) in visible(*from, (*to).min(end)) {
                let open = (from..=to).filter(|seq| !self.filled.contains(seq));
                unseen.extend(ranges(open));
            }
        }
        unseen
    }

    /// Without the parts that lie in gaps.
    fn unsaid(&self, ranges: Vec<Range>) -> Vec<Range> {
        self.gaps
            .iter()
            .fold(ranges, |rest, gap| rest.into_iter().flat_map(|range| without(range, *gap)).collect())
    }
}

fn without((from, to): Range, gap: Range) -> impl Iterator<Item = Range> {
    [(from, to.min(gap.0 - 1)), (from.max(gap.1 + 1), to)].into_iter().filter(|(from, to)| from <= to)
}

/// Neighbours put together.
fn ranges(places: impl Iterator<Item = i64>) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for place in places {
        match ranges.last_mut() {
            Some((_, to)) if *to + 1 == place => *to = place,
            _ => ranges.push((place, place)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(from: i64, to: i64) -> Vec<Range> {
        if from <= to { vec![(from, to)] } else { Vec::new() }
    }

    #[test]
    fn a_gap_excuses_what_is_passed_over_and_may_be_filled_once() {
        let mut stream = Stream::default();
        assert_eq!(stream.receive(1, 1, all), Place::Next);
        stream.gap(2, 4);
        assert_eq!(stream.receive(5, 3, all), Place::Next);
        assert!(stream.holes().is_empty());
        assert_eq!(stream.receive(3, 4, all), Place::Filled);
        assert_eq!(stream.receive(3, 5, all), Place::Again);
        assert_eq!(stream.unseen(6, all), [(6, 6), (2, 2), (4, 4)]);
    }

    #[test]
    fn a_hole_that_is_filled_late_was_an_order_broken() {
        let mut stream = Stream::default();
        stream.follow(10);
        assert_eq!(stream.receive(14, 7, all), Place::Next);
        assert_eq!(stream.holes(), [Hole { from: 11, to: 13, record: 7 }]);
        assert_eq!(stream.receive(12, 8, all), Place::Behind(7));
        assert_eq!(
            stream.holes().iter().map(|hole| (hole.from, hole.to)).collect::<Vec<_>>(),
            [(11, 11), (13, 13)]
        );
    }
}
