//! Messages that are not acknowledged yet. Pure: time comes in.
//!
//! One message of a destination is under way at a time, so that their order is kept whatever is refused or repeated;
//! those to different destinations go side by side, unless the server has said that they are too many: then one by one,
//! and again one more with every few that are taken.

use std::collections::{HashSet, VecDeque};

use tokio::time::Instant;
use uuid::Uuid;

use super::{Letter, OutboxFull};
use crate::wire::v2::To;

/// Messages taken in a row after which one more may go beside the others.
const CALM: u32 = 8;

/// The server has asked for less.
#[derive(Debug)]
struct Slow {
    not_before: Instant,
    /// Messages under way at once.
    side_by_side: usize,
    /// Messages taken since that has changed.
    taken: u32,
}

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
    slow: Option<Slow>,
}

impl Outbox {
    pub(super) fn new(limit: usize) -> Self {
        Self { waiting: VecDeque::new(), limit, slow: None }
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
        if let Some(slow) = &self.slow
            && (now < slow.not_before || self.under_way() >= slow.side_by_side)
        {
            return None;
        }
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
        let resting = self.waiting.iter().filter(|waiting| !waiting.under_way);
        let slow = self.slow.as_ref().filter(|_| !self.waiting.is_empty()).map(|slow| slow.not_before);
        resting.filter_map(|waiting| waiting.not_before).chain(slow).filter(|at| *at > now).min()
    }

    fn under_way(&self) -> usize {
        self.waiting.iter().filter(|waiting| waiting.under_way).count()
    }

    /// The message was refused for now. Returns how often that has happened to it.
    pub(super) fn refused(&mut self, id: Uuid, again_at: Instant) -> u32 {
        let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.letter.id == id) else { return 0 };
        waiting.under_way = false;
        waiting.not_before = Some(again_at);
        waiting.refusals += 1;
        waiting.refusals
    }

    /// The server said that there were too many messages, whichever this was of them.
    pub(super) fn slow_down(&mut self, not_before: Instant) {
        self.slow = Some(Slow { not_before, side_by_side: 1, taken: 0 });
    }

    /// The server has taken a message; `most` may go side by side when nothing is slow.
    pub(super) fn taken(&mut self, most: usize) {
        let Some(slow) = &mut self.slow else { return };
        slow.taken += 1;
        if slow.taken == CALM {
            slow.taken = 0;
            slow.side_by_side += 1;
        }
        self.slow.take_if(|slow| slow.side_by_side >= most);
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
    async fn too_many_go_one_by_one_and_then_more_again() {
        let (mut outbox, now) = (Outbox::new(99), Instant::now());
        for id in 1..=40 {
            outbox.post(letter(id, To::User(id.try_into().unwrap()))).unwrap();
        }
        assert_eq!([next(&mut outbox, now), next(&mut outbox, now)], [Some(1), Some(2)]);
        let later = now + Duration::from_millis(50);
        for id in [1, 2] {
            outbox.refused(Uuid::from_u128(id), later);
            outbox.slow_down(later);
        }
        assert_eq!((next(&mut outbox, now), outbox.due(now)), (None, Some(later)));
        for id in 1..=u128::from(CALM) {
            assert_eq!([next(&mut outbox, later), next(&mut outbox, later)], [Some(id), None]);
            outbox.taken(3);
            outbox.settle(Uuid::from_u128(id));
        }
        let pair = [next(&mut outbox, later), next(&mut outbox, later), next(&mut outbox, later)];
        assert_eq!(pair, [Some(9), Some(10), None]);
        (0..CALM).for_each(|_| outbox.taken(3));
        assert_eq!([next(&mut outbox, now), next(&mut outbox, now)], [Some(11), Some(12)]);
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
