//! Messages that are not acknowledged yet, in order. Pure: it knows no socket.

use std::collections::VecDeque;

use super::{Letter, OutboxFull};

/// A bounded queue whose head is the message being sent.
#[derive(Debug)]
pub(super) struct Outbox {
    letters: VecDeque<Letter>,
    limit: usize,
    /// The head was sent at least once and may be stored.
    in_doubt: bool,
    /// Temporary refusals of the head.
    refusals: u32,
}

impl Outbox {
    pub(super) fn new(limit: usize) -> Self {
        Self { letters: VecDeque::new(), limit, in_doubt: false, refusals: 0 }
    }

    /// Takes a message; returns how many wait now.
    pub(super) fn post(&mut self, letter: Letter) -> Result<usize, OutboxFull> {
        if self.letters.len() >= self.limit {
            return Err(OutboxFull(self.limit));
        }
        self.letters.push_back(letter);
        Ok(self.letters.len())
    }

    /// The message to send now. It stays the head until it is settled, so that order is kept.
    pub(super) fn head(&mut self) -> Option<Letter> {
        self.in_doubt = !self.letters.is_empty();
        self.letters.front().cloned()
    }

    /// Whether the head may be stored already although nobody said so.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// The head was refused for now; returns how often that has happened to it.
    pub(super) fn refused(&mut self) -> u32 {
        self.in_doubt = false;
        self.refusals += 1;
        self.refusals
    }

    /// The head was stored or refused for good; returns how many wait now.
    pub(super) fn settle(&mut self) -> usize {
        self.letters.pop_front();
        self.in_doubt = false;
        self.refusals = 0;
        self.letters.len()
    }

    pub(super) fn len(&self) -> usize {
        self.letters.len()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::session::Chat;

    fn letter(n: u128) -> Letter {
        Letter { id: Uuid::from_u128(n), chat: Chat::Dialog(1), content: n.to_string() }
    }

    #[test]
    fn keeps_order_and_its_limit() {
        let mut outbox = Outbox::new(2);
        assert_eq!(outbox.head(), None);
        assert!(!outbox.is_in_doubt());
        assert_eq!(outbox.post(letter(1)), Ok(1));
        assert_eq!(outbox.post(letter(2)), Ok(2));
        assert_eq!(outbox.post(letter(3)), Err(OutboxFull(2)));
        assert_eq!(outbox.head(), Some(letter(1)));
        assert_eq!(outbox.head(), Some(letter(1)), "a second attempt has the same id");
        assert!(outbox.is_in_doubt());
        assert_eq!(outbox.settle(), 1);
        assert!(!outbox.is_in_doubt());
        assert_eq!(outbox.head(), Some(letter(2)));
    }

    #[test]
    fn a_refused_message_is_not_in_doubt() {
        let mut outbox = Outbox::new(2);
        outbox.post(letter(1)).expect("room");
        outbox.head();
        assert_eq!(outbox.refused(), 1);
        assert!(!outbox.is_in_doubt());
        outbox.head();
        assert_eq!(outbox.refused(), 2);
        outbox.settle();
        assert_eq!(outbox.refused(), 1, "the count is the head's own");
    }
}
