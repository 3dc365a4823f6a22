//! What waits to be written to one socket: bounded in bytes and frames, never waited for.

mod own;
mod queue;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tracing::Span;
use uuid::Uuid;

use self::own::OwnMessages;
use self::queue::{Limits, Outgoing, Queue};

use super::SocketId;
use crate::dialect::Dialect;
use crate::domain::close::Close;
use crate::domain::ids::{ConversationId, Seq, SessionId, UserId};

/// What may wait for one slow client. Past the last two limits the socket closes with [`Close::SlowConsumer`]; the client
/// reconnects and reads what it missed.
#[derive(Debug, Clone, Copy)]
pub struct OutboxLimits {
    /// Bytes of text from which on a client that can hear of gaps is told those instead of entries.
    pub soft_bytes: usize,
    /// Bytes of text.
    pub bytes: usize,
    /// Number of frames.
    pub frames: usize,
}

/// One encoded event, shared by all its receivers.
#[derive(Debug, Clone)]
pub struct Frame {
    /// JSON text, UTF-8.
    pub text: Bytes,
    /// What it tells of.
    pub about: About,
    /// Its way to all its sockets, if it is traced: ends when the last of them has it.
    pub written: Option<Arc<Span>>,
}

/// What a frame tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// An entry of the log.
    Entry {
        /// Its place.
        place: (ConversationId, Seq),
        /// Who caused it, with the idempotency key.
        origin: (UserId, Uuid),
    },
    /// Something that passes: whoever misses it learns it another way.
    Passing,
    /// Entries that were given up.
    Gap,
}

/// Whether the socket goes on after a [`Outbox::drain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// More may come.
    Open,
    /// Close it, with this reason.
    Closed(Close),
}

#[derive(Debug, Default)]
struct State {
    queue: Queue,
    close: Option<Close>,
    /// Up to here the socket is told nothing. Only logs that were growing when it opened.
    floors: HashMap<ConversationId, Seq>,
    own: OwnMessages,
}

impl State {
    fn is_old(&self, about: About) -> bool {
        let About::Entry { place: (conversation, seq), .. } = about else { return false };
        !self.floors.is_empty() && self.floors.get(&conversation).is_some_and(|floor| seq <= *floor)
    }
}

/// The queue between the deliveries of this replica and one socket.
#[derive(Debug)]
pub struct Outbox {
    id: SocketId,
    user: UserId,
    session: SessionId,
    dialect: Dialect,
    limits: Limits,
    state: Mutex<State>,
    wake: Notify,
}

impl Outbox {
    pub(super) fn new(
        id: SocketId,
        (user, session): (UserId, SessionId),
        dialect: Dialect,
        limits: OutboxLimits,
    ) -> Self {
        let OutboxLimits { soft_bytes, bytes, frames } = limits;
        let limits = Limits { soft_bytes: dialect.has_gaps().then_some(soft_bytes), bytes, frames };
        Self { id, user, session, dialect, limits, state: Mutex::default(), wake: Notify::new() }
    }

    /// The socket's number.
    pub fn id(&self) -> SocketId {
        self.id
    }

    /// The log-in whose socket it is.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// The dialect its frames must be in.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The socket opens: of these logs it is told only what comes after the given places. Drops what was queued before
    /// that was known.
    pub fn open_after(&self, places: impl Iterator<Item = (ConversationId, Seq)>) {
        let mut state = self.lock();
        state.floors = places.collect();
        let State { queue, floors, .. } = &mut *state;
        queue.begin_after(floors);
    }

    /// Asks the client to move after that time, if it can hear of it.
    pub fn ask_to_move(&self, after: Duration) {
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        if let Some(text) = self.dialect.reconnect(after_ms) {
            self.push(Frame { text: text.into(), about: About::Passing, written: None });
        }
    }

    /// The socket is about to send this message: where the dialect lets the reply stand for it, it is not told of it.
    pub fn expect_reply(&self, client_id: Uuid) {
        if self.dialect.replies_stand_for_messages() {
            self.lock().own.remember(client_id);
        }
    }

    /// Queues a frame, or closes the socket when its client is too slow. Never waits.
    pub fn push(&self, frame: Frame) {
        self.offer(frame.about, || Some((frame.text, frame.written)));
    }

    /// The same with a frame that is made only if the socket is to be told; whether it was queued.
    pub fn offer(&self, about: About, encode: impl FnOnce() -> Option<(Bytes, Option<Arc<Span>>)>) -> bool {
        let mut state = self.lock();
        if state.close.is_some() || state.is_old(about) || self.is_own(&state, about) {
            return false;
        }
        let Some((text, written)) = encode() else { return false };
        if state.queue.push(Frame { text, about, written }, &self.limits).is_err() {
            *state = State { close: Some(Close::SlowConsumer), ..State::default() };
            metrics::counter!("gateway_slow_closes_total").increment(1);
        }
        drop(state);
        self.wake.notify_one();
        true
    }

    fn is_own(&self, state: &State, about: About) -> bool {
        let About::Entry { origin: (user, client_id), .. } = about else { return false };
        user == self.user && state.own.contains(client_id)
    }

    /// Asks for the socket to be closed once what is queued has been written. The first reason stays, unless the session
    /// was ended: then nothing more is written.
    pub fn close(&self, reason: Close) {
        let mut state = self.lock();
        if reason == Close::Revoked {
            *state = State { close: Some(reason), ..State::default() };
        }
        state.close.get_or_insert(reason);
        drop(state);
        self.wake.notify_one();
    }

    /// Waits until there is something to drain. One waiter: the socket's session. Cancel-safe.
    pub async fn ready(&self) {
        loop {
            if !self.is_idle() {
                return;
            }
            self.wake.notified().await;
        }
    }

    /// Moves what is queued to `frames`.
    pub fn drain(&self, frames: &mut Vec<Frame>) -> Drained {
        let mut state = self.lock();
        state.queue.drain(|outgoing| match outgoing {
            Outgoing::Frame(frame) => frames.push(frame),
            Outgoing::Gap(conversation, from, to) => {
                metrics::counter!("gateway_gaps_total").increment(1);
                let text = self.dialect.gap(conversation, from, to);
                frames.extend(text.map(|text| Frame { text: text.into(), about: About::Gap, written: None }));
            }
        });
        state.close.map_or(Drained::Open, Drained::Closed)
    }

    /// Bytes of text that are queued.
    pub(super) fn bytes(&self) -> usize {
        self.lock().queue.bytes()
    }

    fn is_idle(&self) -> bool {
        let state = self.lock();
        state.queue.is_empty() && state.close.is_none()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &'static str) -> Frame {
        at(1, 1, text)
    }

    fn at(conversation: i64, seq: i64, text: &'static str) -> Frame {
        Frame {
            text: Bytes::from_static(text.as_bytes()),
            about: About::Entry {
                place: (ConversationId(conversation), Seq(seq)),
                origin: (UserId(1), Uuid::nil()),
            },
            written: None,
        }
    }

    fn outbox(bytes: usize, frames: usize) -> Outbox {
        Outbox::new(
            SocketId(1),
            (UserId(1), SessionId(Uuid::nil())),
            Dialect::Seed,
            OutboxLimits { soft_bytes: 1, bytes, frames },
        )
    }

    fn texts(frames: &[Frame]) -> Vec<&[u8]> {
        frames.iter().map(|frame| &*frame.text).collect()
    }

    #[tokio::test]
    async fn frames_come_out_in_order() {
        let outbox = outbox(100, 10);
        outbox.push(frame("a"));
        outbox.push(frame("b"));
        outbox.ready().await;
        let mut frames = Vec::new();
        assert_eq!(outbox.drain(&mut frames), Drained::Open);
        assert_eq!(texts(&frames), [b"a", b"b"]);
    }

    #[test]
    fn drained_bytes_are_free_again() {
        let outbox = outbox(4, 10);
        for _ in 0..100 {
            outbox.push(frame("four"));
            assert_eq!(outbox.drain(&mut Vec::new()), Drained::Open);
        }
    }

    #[test]
    fn too_many_bytes_or_frames_close_the_socket_and_free_the_queue() {
        for outbox in [outbox(3, 10), outbox(100, 2)] {
            (0..4).for_each(|_| outbox.push(frame("x")));
            let mut frames = Vec::new();
            assert_eq!(outbox.drain(&mut frames), Drained::Closed(Close::SlowConsumer));
            assert!(frames.is_empty());
        }
    }

    #[tokio::test]
    async fn the_first_reason_to_close_stays_and_queued_frames_are_written_first() {
        let outbox = outbox(100, 10);
        outbox.push(frame("a"));
        outbox.close(Close::Restart);
        outbox.close(Close::Unauthorized);
        outbox.ready().await;
        let mut frames = Vec::new();
        assert_eq!(outbox.drain(&mut frames), Drained::Closed(Close::Restart));
        assert_eq!(texts(&frames), [b"a"]);
    }

    #[test]
    fn who_was_signed_out_is_told_nothing_more() {
        let outbox = outbox(100, 10);
        outbox.push(frame("a"));
        outbox.close(Close::Restart);
        outbox.close(Close::Revoked);
        outbox.push(frame("b"));
        let mut frames = Vec::new();
        assert_eq!(outbox.drain(&mut frames), Drained::Closed(Close::Revoked));
        assert_eq!(texts(&frames), [b""; 0]);
    }

    #[test]
    fn a_socket_is_told_of_its_own_messages_only_where_the_reply_does_not_stand_for_them() {
        let limits = OutboxLimits { soft_bytes: 100, bytes: 100, frames: 10 };
        for (dialect, told) in [(Dialect::Seed, 1), (Dialect::V2, 3)] {
            let outbox = Outbox::new(SocketId(1), (UserId(1), SessionId(Uuid::nil())), dialect, limits);
            let message = |user, client| About::Entry {
                place: (ConversationId(1), Seq(1)),
                origin: (UserId(user), Uuid::from_u128(client)),
            };
            outbox.expect_reply(Uuid::from_u128(7));
            let offers = [message(1, 7), message(2, 7), message(1, 7)];
            let queued = offers
                .iter()
                .filter(|about| outbox.offer(**about, || Some((Bytes::from_static(b"x"), None))));
            assert_eq!(queued.count(), told, "{dialect:?}: nobody takes another's key for the own");
        }
    }

    #[test]
    fn what_is_older_than_the_socket_is_not_told() {
        let outbox = outbox(5, 10);
        outbox.push(at(1, 4, "old"));
        outbox.push(at(1, 5, "a"));
        outbox.open_after([(ConversationId(1), Seq(4))].into_iter());
        for frame in [at(1, 3, "older"), at(1, 6, "b"), at(2, 1, "c")] {
            outbox.push(frame);
        }
        let mut frames = Vec::new();
        assert_eq!(outbox.drain(&mut frames), Drained::Open);
        assert_eq!(texts(&frames), [b"a", b"b", b"c"]);
    }
}
