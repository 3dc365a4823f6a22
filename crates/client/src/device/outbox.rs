//! Messages that are not acknowledged yet. Pure: time comes in.
//!
//! One message of a destination is under way at a time, so that their order is kept whatever is refused or repeated;
//! those to different destinations go side by side.

use std::collections::{HashSet, VecDeque};

use tokio::time::Instant;
use uuid::Uuid;

use super::{Letter, OutboxFull};
use crate::wire::v2::To;

#[derive(Debug)]
struct Waiting {
    letter: Letter,
    under_way: bool,
    not_before: Option<Instant>,
    refusals: u32,
}

#[derive(Debug)]
pub(super) struct Outbox {
    waiting: VecDeque<Waiting>,
    limit: usize,
}

impl Outbox {
    pub(super) fn new(limit: usize) -> Self {
        Self { waiting: VecDeque::new(), limit }
    }

    /// Takes a message; returns how many wait now.
    pub(super) fn post(&mut self, letter: Letter) -> Result<usize, OutboxFull> {
        if self.waiting.len() >= self.limit {
            return Err(OutboxFull(self.limit));
        }
        self.waiting.push_back(Waiting { letter, under_way: false, not_before: None, refusals: 0 });
        Ok(self.waiting.len())
    }

    /// The oldest message that may go now; from here on it is under way.
    pub(super) fn next(&mut self, now: Instant) -> Option<Letter> {
        let mut taken: HashSet<To> = HashSet::new();
        for waiting in &mut self.waiting {
            let first = taken.insert(waiting.letter.to);
            if first && !waiting.under_way && waiting.not_before.is_none_or(|at| at <= now) {
                waiting.under_way = true;
                return Some(waiting.letter.clone());
            }
        }
        None
    }

    /// When a message may go that may not yet.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        self.waiting
            .iter()
            .filter(|waiting| !waiting.under_way)
            .filter_map(|waiting| waiting.not_before)
            .filter(|at| *at > now)
            .min()
    }

    /// The message was refused for now. Returns how often that has happened to it.
    pub(super) fn refused(&mut self, id: Uuid, again_at: Instant) -> u32 {
        let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.letter.id == id) else { return 0 };
        waiting.under_way = false;
        waiting.not_before = Some(again_at);
        waiting.refusals += 1;
        waiting.refusals
    }

    /// The socket is gone: what was under way may or may not be stored and goes again.
    pub(super) fn in_doubt(&mut self) {
        self.waiting.iter_mut().for_each(|waiting| waiting.under_way = false);
    }

    /// The message was stored or refused for good; returns how many wait now.
    pub(super) fn settle(&mut self, id: Uuid) -> usize {
        self.waiting.retain(|waiting| waiting.letter.id != id);
        self.waiting.len()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn letter(id: u128, to: To) -> Letter {
        Letter { id: Uuid::from_u128(id), to, content: String::new(), reply_to: None }
    }

    fn next(outbox: &mut Outbox, now: Instant) -> Option<u128> {
        outbox.next(now).map(|letter| letter.id.as_u128())
    }

    #[tokio::test]
    async fn one_message_of_a_destination_is_under_way() {
        let (mut outbox, now) = (Outbox::new(9), Instant::now());
        for (id, to) in [(1, To::User(1)), (2, To::User(1)), (3, To::Conversation(5))] {
            outbox.post(letter(id, to)).unwrap();
        }
        assert_eq!(
            [next(&mut outbox, now), next(&mut outbox, now), next(&mut outbox, now)],
            [Some(1), Some(3), None]
        );
        outbox.settle(Uuid::from_u128(1));
        assert_eq!(next(&mut outbox, now), Some(2));
    }

    #[tokio::test]
    async fn what_is_refused_for_now_holds_up_its_destination_only() {
        let (mut outbox, now) = (Outbox::new(9), Instant::now());
        for (id, to) in [(1, To::User(1)), (2, To::User(1)), (3, To::User(2))] {
            outbox.post(letter(id, to)).unwrap();
        }
        let later = now + Duration::from_secs(1);
        next(&mut outbox, now);
        assert_eq!(outbox.refused(Uuid::from_u128(1), later), 1);
        assert_eq!((next(&mut outbox, now), next(&mut outbox, now)), (Some(3), None));
        assert_eq!((outbox.due(now), next(&mut outbox, later)), (Some(later), Some(1)));
    }

    #[tokio::test]
    async fn what_is_in_doubt_goes_again_first() {
        let (mut outbox, now) = (Outbox::new(2), Instant::now());
        outbox.post(letter(1, To::User(1))).unwrap();
        outbox.post(letter(2, To::User(1))).unwrap();
        assert_eq!(outbox.post(letter(3, To::User(1))), Err(OutboxFull(2)));
        next(&mut outbox, now);
        outbox.in_doubt();
        assert_eq!((next(&mut outbox, now), outbox.len()), (Some(1), 2));
    }
}
