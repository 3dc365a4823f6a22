//! One of several workers that own the conversations of interest, by hash. A worker never waits for the log, the
//! network or a client: what takes time is asked for as a [`Read`] and comes back as an [`Input`]. Knows no task and no
//! clock: what happens is its inputs, in their order, and the time of each turn.
//!
//! Invariant: every entry whose transaction id lies before `cursor` and that concerns somebody present has been offered
//! to the gate of its conversation. So a conversation without a track has nothing undelivered before `cursor`, and a
//! new track finds its position there. A group whose last member here was taken out keeps its track for a while: what
//! it has delivered may lie after `cursor`, and a member who comes back must not hear it again.

mod forgetting;
mod presence;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use self::forgetting::Looks;
use self::presence::{Presence, note_dialog};
use super::broadcast::{bid_farewell, broadcast, broadcast_unreadable, broadcast_watermark};
use super::figures::{Arrival, Figures};
use super::gate::Need;
use super::held::Shelf;
use super::log::{Item, Rows};
use super::track::{Membership, Track};
use super::{Bounds, Departures};
use crate::domain::entry::Head;
use crate::domain::event::{Audience, Event, Watermark};
use crate::domain::ids::{ConversationId, Seq, UserId, Xid};
use crate::fanout::{Bus, Channel};
use crate::hub::Hub;
use crate::sabotage::{Defect, Sabotage};
use crate::store;

/// What a worker is told.
#[derive(Debug)]
pub(super) enum Input {
    /// A committed entry: ours, or rung by another replica.
    Event(Arc<Event>, Arrival, Option<Box<str>>),
    /// The log of a conversation reaches this far.
    Head(Head),
    /// The same, found by a sweep: all up to there lies before the cursor that follows.
    SweptHead(Head),
    /// A member's watermark has moved.
    Watermark(Watermark),
    /// The sweep has handed over every entry before this transaction id.
    Swept(Xid),
    /// A user is present from now on (counted).
    Present(UserId),
    /// The groups of a user who is present.
    Groups(UserId, Vec<store::Membership>, oneshot::Sender<()>),
    /// What a track needed to begin.
    Position(Ticket, Option<Seq>),
    /// What the log had for a track; `None` when it could not be read.
    Filled(Ticket, Option<Rows>),
}

/// Names the track that asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    pub(super) conversation: ConversationId,
    generation: u64,
}

/// What a track needs of the log. The answer is an [`Input`] with its ticket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    pub(super) ticket: Ticket,
    pub(super) need: Need,
    /// The cursor before which the track's position lies.
    pub(super) since: Option<Xid>,
}

pub(super) struct Worker {
    hub: Arc<Hub>,
    bus: Arc<dyn Bus>,
    departures: Arc<Departures>,
    tracks: HashMap<ConversationId, Track<Item>>,
    present: HashMap<UserId, Presence>,
    due: BTreeSet<(Instant, ConversationId)>,
    reads: Vec<Read>,
    shelf: Shelf,
    cursor: Option<Xid>,
    generations: u64,
    bounds: Bounds,
    looks: Looks,
    figures: Figures,
    sabotage: Sabotage,
}

impl Worker {
    pub(super) fn new(
        hub: Arc<Hub>,
        bus: Arc<dyn Bus>,
        departures: Arc<Departures>,
        bounds: Bounds,
        now: Instant,
    ) -> Self {
        Self {
            hub,
            bus,
            departures,
            tracks: HashMap::new(),
            present: HashMap::new(),
            due: BTreeSet::new(),
            reads: Vec::new(),
            shelf: Shelf::new(bounds.held_bytes),
            cursor: None,
            generations: 0,
            bounds,
            looks: Looks::new(now),
            figures: Figures::register(),
            sabotage: Sabotage::default(),
        }
    }

    /// The same with a defect, if there is one for it.
    pub(super) fn sabotaged(self, sabotage: Sabotage) -> Self {
        Self { sabotage, ..self }
    }

    /// Takes what has come, then does what is due. Returns what to read from the log.
    pub(super) fn turn(&mut self, inputs: impl Iterator<Item = Input>, now: Instant) -> Vec<Read> {
        inputs.for_each(|input| self.take(input, now));
        let departures = Arc::clone(&self.departures);
        departures.settle(|user| self.depart(user));
        self.serve_due(now);
        std::mem::take(&mut self.reads)
    }

    /// When the next turn is due, if nothing comes before.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    fn take(&mut self, input: Input, now: Instant) {
        match input {
            Input::Event(event, arrival, trace) => self.event(event, arrival, trace, now),
            Input::Head(head) => self.head(&head, now),
            Input::Watermark(watermark) => self.watermark(&watermark),
            Input::SweptHead(head) => self.swept_head(&head, now),
            Input::Swept(cursor) => self.swept(cursor, now),
            Input::Present(user) => self.present.entry(user).or_default().sockets += 1,
            Input::Groups(user, groups, done) => {
                groups.iter().for_each(|group| self.attach(user, group, now));
                // A handshake that was given up has dropped its end: nothing is owed.
                let _ = done.send(());
            }
            Input::Position(ticket, position) => {
                let cursor = self.cursor;
                self.answer(ticket, now, |track| match position {
                    Some(position) => learned(track, position, cursor, now),
                    None => failed(track, now),
                });
            }
            Input::Filled(ticket, rows) => self.answer(ticket, now, |track| match rows {
                Some(rows) => track.gate.fill(rows, now),
                None => failed(track, now),
            }),
        }
    }

    fn event(&mut self, event: Arc<Event>, arrival: Arrival, trace: Option<Box<str>>, now: Instant) {
        let Head { conversation, seq, users } = event.entry.head();
        if !self.concerns(conversation, users) {
            return;
        }
        let (item, sabotage) = (Item { seq, event: Some(event), users, arrival, trace }, self.sabotage);
        // What a replica tells of by itself is new: nothing can have come before the first entry, unless this is a late
        // copy of one whose track was evicted meanwhile.
        let is_first = seq == Seq::ZERO.next() && !self.looks.evicted_lately(now);
        let position = is_first.then_some(Seq::ZERO);
        let track = self.track(conversation, position, now);
        if sabotage.is(Defect::GateOff) {
            return self.deliver(conversation, &item, now);
        }
        let released = track.gate.offer(seq, item, now);
        self.pass_on(conversation, released, now);
    }

    fn head(&mut self, head: &Head, now: Instant) {
        if !self.concerns(head.conversation, head.users) {
            return;
        }
        self.track(head.conversation, None, now).gate.see_head(head.seq, now);
        self.pursue(head.conversation, now);
    }

    fn swept_head(&mut self, head: &Head, now: Instant) {
        if !self.concerns(head.conversation, head.users) {
            return;
        }
        let track = self.track(head.conversation, None, now);
        track.swept = track.swept.max(Some(head.seq));
        self.head(head, now);
    }

    /// Tells who is here of a watermark. It passes the gate by, so members hear only of what they have been sent: one who
    /// is about to be removed must not learn that there was something after.
    fn watermark(&self, watermark: &Watermark) {
        let Watermark { user, mark, audience } = *watermark;
        let hub = &self.hub;
        match (audience, self.tracks.get(&mark.conversation)) {
            (Audience::Peer(peer), _) => {
                let second = (peer != user).then_some(peer);
                broadcast_watermark(hub, watermark, std::iter::once(user).chain(second));
            }
            (Audience::Nobody, _) => broadcast_watermark(hub, watermark, std::iter::once(user)),
            (Audience::Members, Some(track)) if track.gate.has_released(mark.seq) => {
                broadcast_watermark(hub, watermark, track.audience(mark.seq));
            }
            (Audience::Members, _) => {}
        }
    }

    /// Whether somebody here may have to hear of it.
    fn concerns(&self, conversation: ConversationId, users: Option<(UserId, UserId)>) -> bool {
        let present = |(a, b)| self.present.contains_key(&a) || self.present.contains_key(&b);
        self.tracks.get(&conversation).is_some_and(Track::is_followed) || users.is_some_and(present)
    }

    /// The conversation's track, begun if need be, at this position or before all that lies after the cursor.
    fn track(
        &mut self,
        conversation: ConversationId,
        position: Option<Seq>,
        now: Instant,
    ) -> &mut Track<Item> {
        let (generations, since) = (&mut self.generations, self.cursor);
        self.tracks.entry(conversation).or_insert_with(|| {
            *generations += 1;
            Track::new(*generations, position, since, now)
        })
    }

    /// Applies an answer to the track that asked for it, if it still is the same.
    fn answer(&mut self, ticket: Ticket, now: Instant, apply: impl FnOnce(&mut Track<Item>) -> Vec<Item>) {
        let track = self.tracks.get_mut(&ticket.conversation);
        if let Some(track) = track.filter(|track| track.generation == ticket.generation) {
            let released = apply(track);
            self.pass_on(ticket.conversation, released, now);
        }
    }

    /// Delivers what a gate released and gets what it still needs.
    fn pass_on(&mut self, conversation: ConversationId, released: Vec<Item>, now: Instant) {
        for item in released {
            self.deliver(conversation, &item, now);
        }
        self.pursue(conversation, now);
    }

    fn deliver(&mut self, conversation: ConversationId, item: &Item, now: Instant) {
        let Some(track) = self.tracks.get_mut(&conversation) else { return };
        track.used_at = now;
        let Some(event) = &item.event else {
            let pair = item.users.map(|(a, b)| std::iter::once(a).chain((a != b).then_some(b)));
            let of_dialog = pair.into_iter().flatten().filter(|user| {
                self.present.get(user).is_some_and(|here| here.dialogs.contains_key(&conversation))
            });
            let users = of_dialog.chain(track.audience(item.seq));
            return broadcast_unreadable(&self.hub, (conversation, item.seq), users);
        };
        if let Some((sender, receiver)) = event.entry.dialog() {
            note_dialog(&mut self.present, conversation, sender, receiver);
            note_dialog(&mut self.present, conversation, receiver, sender);
            let second = (receiver != sender).then_some(receiver);
            broadcast(&self.hub, &self.figures, item, event, std::iter::once(sender).chain(second));
            return;
        }
        let deserted = track.is_deserted();
        let change = track.apply(&event.entry, |user| self.present.contains_key(&user));
        if let Membership::Came(user) = change {
            if let Some(presence) = self.present.get_mut(&user) {
                presence.groups.insert(conversation);
            }
            if deserted {
                self.bus.join(Channel::Conversation(conversation));
            }
        }
        broadcast(&self.hub, &self.figures, item, event, track.audience(event.entry.seq));
        if let Membership::Left(user) = change {
            bid_farewell(&self.hub, event, user);
            if let Some(presence) = self.present.get_mut(&user) {
                presence.groups.remove(&conversation);
            }
            if track.is_deserted() {
                self.bus.leave(Channel::Conversation(conversation));
            }
        }
    }

    /// Gets what the gate needs now, or remembers when to look again.
    fn pursue(&mut self, conversation: ConversationId, now: Instant) {
        self.weigh(conversation, now);
        let Some(track) = self.tracks.get_mut(&conversation) else { return };
        // What has been lost is not late.
        if !self.bus.is_healthy() {
            track.gate.hurry();
        }
        let Some(need) = track.gate.need(now) else {
            if let Some(due) = track.gate.due() {
                self.due.insert((due, conversation));
            }
            return;
        };
        let ticket = Ticket { conversation, generation: track.generation };
        self.reads.push(Read { ticket, need, since: track.since });
    }

    /// Keeps what is held within the limit: who has held something for longest gives it up and reads the log instead.
    fn weigh(&mut self, conversation: ConversationId, now: Instant) {
        if let Some(track) = self.tracks.get_mut(&conversation) {
            self.shelf.note(conversation, &mut track.place, track.gate.held_bytes());
        }
        while let Some(oldest) = self.shelf.overfull() {
            if let Some(track) = self.tracks.get_mut(&oldest) {
                track.gate.spill();
                self.shelf.note(oldest, &mut track.place, 0);
                self.due.insert((now, oldest));
            }
        }
    }

    fn forget(&mut self, conversation: ConversationId) {
        if let Some(mut track) = self.tracks.remove(&conversation) {
            self.shelf.note(conversation, &mut track.place, 0);
        }
    }

    fn serve_due(&mut self, now: Instant) {
        while let Some((at, conversation)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, conversation));
            self.pursue(conversation, now);
        }
    }
}

fn learned(track: &mut Track<Item>, position: Seq, cursor: Option<Xid>, now: Instant) -> Vec<Item> {
    if track.since <= cursor {
        track.swept = track.swept.max(Some(position));
    }
    track.gate.learn(position, now)
}

fn failed(track: &mut Track<Item>, now: Instant) -> Vec<Item> {
    track.gate.failed(now);
    Vec::new()
}

#[cfg(test)]
mod tests;
