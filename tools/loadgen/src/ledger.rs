//! What was acknowledged and what arrived, by sequence number, and where the two differ. Pure.

use serde::Serialize;

/// A set of sequence numbers: they are dense, so a bit each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seqs(Vec<u64>);

/// What one listener heard of one conversation, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    seqs: Seqs,
    last: u64,
    duplicated: u64,
    reordered: u64,
}

/// Breaches of the promise; all zero when it was kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Breaches {
    /// Acknowledged messages that a listener did not hear.
    pub(crate) lost: u64,
    /// Messages that a listener heard again.
    pub(crate) duplicated: u64,
    /// Messages that a listener heard after a later one.
    pub(crate) reordered: u64,
    /// Messages that were acknowledged with a place that another had.
    pub(crate) misplaced: u64,
}

impl Seqs {
    /// Adds a number; whether it was new.
    pub(crate) fn add(&mut self, seq: u64) -> bool {
        let (word, bit) = place(seq);
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(mine, other)| *mine |= other);
    }

    /// How many of these are not in `other`.
    pub(crate) fn missing_in(&self, other: &Self) -> u64 {
        let others = other.0.iter().chain(std::iter::repeat(&0));
        self.0.iter().zip(others).map(|(mine, other)| u64::from((mine & !other).count_ones())).sum()
    }

    /// How many of these are also in `other`.
    pub(crate) fn shared_with(&self, other: &Self) -> u64 {
        self.0.iter().zip(&other.0).map(|(mine, other)| u64::from((mine & other).count_ones())).sum()
    }

    pub(crate) fn len(&self) -> u64 {
        self.missing_in(&Self::default())
    }
}

fn place(seq: u64) -> (usize, u64) {
    ((seq / 64) as usize, 1 << (seq % 64))
}

impl Heard {
    /// Notes an arrival.
    pub(crate) fn note(&mut self, seq: u64) {
        if !self.seqs.add(seq) {
            self.duplicated += 1;
        } else if seq < self.last {
            self.reordered += 1;
        }
        self.last = self.last.max(seq);
    }
}

/// Compares a conversation: the acknowledged numbers of each sender, and what each listener heard. Both with
/// the index of the member, because nobody hears their own messages.
pub(crate) fn compare(acked: &[(usize, Seqs)], heard: &[(usize, Heard)]) -> Breaches {
    let mut breaches = Breaches::default();
    let mut all = Seqs::default();
    for (_, seqs) in acked {
        breaches.misplaced += seqs.shared_with(&all);
        all.merge(seqs);
    }
    for (listener, heard) in heard {
        breaches.duplicated += heard.duplicated;
        breaches.reordered += heard.reordered;
        let others = acked.iter().filter(|(sender, _)| sender != listener);
        breaches.lost += others.map(|(_, seqs)| seqs.missing_in(&heard.seqs)).sum::<u64>();
    }
    breaches
}

impl Breaches {
    /// Adds those of another conversation.
    pub(crate) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.misplaced += other.misplaced;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seqs(numbers: &[u64]) -> Seqs {
        let mut seqs = Seqs::default();
        numbers.iter().for_each(|seq| assert!(seqs.add(*seq)));
        seqs
    }

    fn heard(numbers: &[u64]) -> Heard {
        let mut heard = Heard::default();
        numbers.iter().for_each(|seq| heard.note(*seq));
        heard
    }

    fn breaches(acked: &[&[u64]], listened: &[&[u64]]) -> Breaches {
        let acked: Vec<_> = acked.iter().enumerate().map(|(who, numbers)| (who, seqs(numbers))).collect();
        let heard: Vec<_> = (100..).zip(listened).map(|(who, numbers)| (who, heard(numbers))).collect();
        compare(&acked, &heard)
    }

    #[test]
    fn a_kept_promise_has_no_breaches() {
        let long: Vec<u64> = (1..=1000).collect();
        assert_eq!(breaches(&[&long], &[&long, &long]), Breaches::default());
        assert_eq!(breaches(&[&[2, 5], &[3, 4]], &[&[2, 3, 4, 5]]), Breaches::default());
        // A message whose acknowledgement was lost may arrive.
        assert_eq!(breaches(&[&[1, 2]], &[&[1, 2, 3]]), Breaches::default());
    }

    #[test]
    fn every_kind_of_breach_is_counted() {
        let none = Breaches::default();
        assert_eq!(breaches(&[&[1, 2, 640]], &[&[1], &[1, 2, 640]]), Breaches { lost: 2, ..none });
        assert_eq!(breaches(&[&[1, 2]], &[&[1, 2, 2, 1]]), Breaches { duplicated: 2, ..none });
        assert_eq!(breaches(&[&[1, 2, 3]], &[&[1, 3, 2]]), Breaches { reordered: 1, ..none });
        assert_eq!(breaches(&[&[1, 2], &[2, 3]], &[&[1, 2, 3]]), Breaches { misplaced: 1, ..none });
    }

    #[test]
    fn nobody_misses_their_own_messages() {
        let acked = [(0, seqs(&[1, 3])), (1, seqs(&[2]))];
        let listeners = [(0, heard(&[2])), (1, heard(&[1, 3]))];
        assert_eq!(compare(&acked, &listeners), Breaches::default());
        let deaf = [(0, heard(&[])), (1, heard(&[3]))];
        assert_eq!(compare(&acked, &deaf).lost, 2);
        assert_eq!(acked[0].1.len(), 2);
    }
}
