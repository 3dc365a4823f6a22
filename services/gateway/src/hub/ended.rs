//! Sessions that have ended while tokens of theirs may still look valid.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::ids::SessionId;

/// What is remembered of ended sessions.
#[derive(Debug, Clone, Copy)]
pub struct EndedLimits {
    /// For how long: no token may be valid longer.
    pub keep: Duration,
    /// Sessions at most. Beyond it the oldest are forgotten, whose tokens expire first.
    pub sessions: usize,
}

impl Default for EndedLimits {
    fn default() -> Self {
        Self { keep: Duration::from_secs(1_000), sessions: 1_000_000 }
    }
}

#[derive(Debug)]
pub(super) struct Ended {
    limits: EndedLimits,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    sessions: HashSet<SessionId>,
    /// In the order of coming, each with the time when it may be forgotten.
    order: VecDeque<(Instant, SessionId)>,
}

impl Ended {
    pub(super) fn new(limits: EndedLimits) -> Self {
        Self { limits, known: Mutex::default() }
    }

    /// False when it was known already.
    pub(super) fn note(&self, session: SessionId) -> bool {
        let now = Instant::now();
        let mut known = self.lock();
        known.forget(|until, count| until <= now || count > self.limits.sessions);
        let is_news = known.sessions.insert(session);
        if is_news {
            known.order.push_back((now + self.limits.keep, session));
            known.forget(|_, count| count > self.limits.sessions);
        }
        metrics::gauge!("gateway_ended_sessions").set(known.order.len() as f64);
        is_news
    }

    pub(super) fn contains(&self, session: SessionId) -> bool {
        self.lock().sessions.contains(&session)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Forgets from the oldest on, as long as `is_over` holds of its time and of how many there are.
    fn forget(&mut self, is_over: impl Fn(Instant, usize) -> bool) {
        while let Some((until, session)) = self.order.front().copied() {
            if !is_over(until, self.order.len()) {
                return;
            }
            self.order.pop_front();
            self.sessions.remove(&session);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn session(number: u128) -> SessionId {
        SessionId(Uuid::from_u128(number))
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_is_remembered_as_long_as_its_tokens_may_live() {
        let keep = Duration::from_secs(960);
        let ended = Ended::new(EndedLimits { keep, sessions: 9 });
        assert!(ended.note(session(1)));
        assert!(!ended.note(session(1)), "known");
        tokio::time::advance(keep - Duration::from_secs(1)).await;
        ended.note(session(2));
        assert!(ended.contains(session(1)) && ended.contains(session(2)));
        tokio::time::advance(Duration::from_secs(1)).await;
        ended.note(session(3));
        assert!(!ended.contains(session(1)) && ended.contains(session(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_the_oldest_is_forgotten() {
        let ended = Ended::new(EndedLimits { keep: Duration::from_secs(9), sessions: 2 });
        (1..=3).for_each(|number| assert!(ended.note(session(number))));
        let known = [1, 2, 3].map(|number| ended.contains(session(number)));
        assert_eq!(known, [false, true, true]);
    }
}
