//! One gateway: the real workers, gates, cursor and hub, between queues that the run empties at its own pace.

use std::collections::VecDeque;
use std::sync::Arc;

use super::network::Wire;
use super::queries::log_row;
use super::world::{Moment, Sabotage};
use crate::delivery::cursor::{Cursor, news};
use crate::delivery::figures::Arrival;
use crate::delivery::gate::Need;
use crate::delivery::log::Item;
use crate::delivery::worker::{Input, Read, Worker};
use crate::delivery::{Bounds, Departures, channels_of, worker_of};
use crate::dialect::Dialect;
use crate::domain::entry::Entry;
use crate::domain::event::{Author, Event};
use crate::domain::ids::{ConversationId, Seq, UserId, Xid};
use crate::fanout::{Bus as _, Channel, Rung};
use crate::hub::{About, EndedLimits, Frame, Hub, OutboxLimits};
use crate::store::Sweep;

/// Workers of a gateway.
pub(super) const DESKS: usize = 2;
/// Sockets of a user.
const SOCKETS: usize = 3;

struct Desk {
    worker: Worker,
    queue: VecDeque<Input>,
    departures: Arc<Departures>,
}

pub(super) struct Gateway {
    pub(super) hub: Arc<Hub>,
    pub(super) wire: Arc<Wire>,
    /// Up to where everybody has been told everything; none before the first sweep.
    pub(super) swept: Option<Xid>,
    /// It stands still until then.
    pub(super) paused_until: u32,
    /// It is not there until then.
    pub(super) down_until: u32,
    /// Counts its lives.
    pub(super) life: u32,
    desks: Vec<Desk>,
    cursor: Cursor,
    /// A sweep under way, and when its answer comes.
    sweeping: Option<(u32, Option<Sweep>)>,
    sweep_at: u32,
    /// Answers of the log on their way to a desk.
    reads: Vec<(u32, usize, Input)>,
}

/// So little of it that something spills and is evicted all the time.
const BOUNDS: Bounds = Bounds { held_bytes: 600, tracked: 2 };

impl Gateway {
    pub(super) fn start(limits: OutboxLimits, life: u32, at: &Moment<'_>) -> Self {
        let hub = Arc::new(Hub::new(limits, SOCKETS, EndedLimits::default()));
        let wire = Arc::new(Wire::default());
        let desk = |_| {
            let departures = Arc::new(Departures::default());
            let bus = Arc::clone(&wire);
            let worker = Worker::new(Arc::clone(&hub), bus, Arc::clone(&departures), BOUNDS, at.now);
            Desk { worker, queue: VecDeque::new(), departures }
        };
        let desks = (0..DESKS).map(desk).collect();
        Self {
            hub,
            wire,
            swept: None,
            paused_until: 0,
            down_until: 0,
            life,
            desks,
            cursor: Cursor::default(),
            sweeping: None,
            sweep_at: at.step,
            reads: Vec::new(),
        }
    }

    pub(super) fn is_up(&self, step: u32) -> bool {
        step >= self.down_until
    }

    pub(super) fn is_running(&self, step: u32) -> bool {
        self.is_up(step) && step >= self.paused_until
    }

    /// No worker has anything to do.
    pub(super) fn is_idle(&self) -> bool {
        self.reads.is_empty() && self.desks.iter().all(|desk| desk.queue.is_empty())
    }

    /// Its statement was answered.
    pub(super) fn committed(&mut self, entry: Entry, at: &Moment<'_>) {
        let event = event(entry);
        self.wire.ring(&channels_of(&event.entry), &event, None);
        self.event(event, at);
    }

    pub(super) fn rang(&mut self, rung: Rung, at: &Moment<'_>) {
        match rung {
            Rung::Event(event) => self.event(event, at),
            Rung::Head(head) => self.offer(head.conversation, Input::Head(head), at),
            Rung::Watermark(_) => {}
        }
    }

    fn event(&mut self, event: Event, at: &Moment<'_>) {
        if at.sabotage == Sabotage::Gate {
            return self.blurt(&event, at);
        }
        self.offer(event.entry.conversation, Input::Event(Arc::new(event), Arrival::Log, None), at);
    }

    /// Tells everybody at once, past the gate.
    fn blurt(&self, event: &Event, at: &Moment<'_>) {
        let entry = &event.entry;
        let about =
            About::Entry { place: (entry.conversation, entry.seq), origin: (entry.sender, entry.client_id) };
        let text: bytes::Bytes = Dialect::V2.event(event).unwrap().into();
        let conversation = &at.database.conversations[&entry.conversation];
        for user in conversation.members.keys().filter(|user| conversation.is_visible(**user, entry.seq)) {
            self.hub.with_sockets(*user, |outbox| {
                outbox.push(Frame { text: text.clone(), about, written: None });
            });
        }
    }

    fn offer(&mut self, conversation: ConversationId, input: Input, at: &Moment<'_>) {
        let queue = &mut self.desks[worker_of(conversation, DESKS)].queue;
        if queue.len() < at.manners.queue {
            queue.push_back(input);
        }
    }

    /// Tells a worker what waits for room instead of being dropped.
    pub(super) fn tell(&mut self, desk: usize, input: Input) {
        self.desks[desk].queue.push_back(input);
    }

    /// A socket is gone of which so many workers know.
    pub(super) fn departed(&self, user: UserId, told: usize) {
        self.wire.leave(Channel::User(user));
        self.desks[..told].iter().for_each(|desk| desk.departures.add(user));
    }

    /// Goes on for a step.
    pub(super) fn turn(&mut self, at: &mut Moment<'_>) {
        self.sweep(at);
        let (due, later) = std::mem::take(&mut self.reads).into_iter().partition(|(due, ..)| *due <= at.step);
        self.reads = later;
        let due: Vec<(u32, usize, Input)> = due;
        due.into_iter().for_each(|(_, desk, input)| self.tell(desk, input));
        for number in 0..DESKS {
            if at.chance.percent(at.manners.idle) {
                continue;
            }
            let desk = &mut self.desks[number];
            let count = desk.queue.len().min(1 + at.chance.below(20) as usize);
            for wanted in desk.worker.turn(desk.queue.drain(..count), at.now) {
                let answer = read(wanted, at);
                self.reads.push((at.step + at.delay(), number, answer));
            }
        }
    }

    fn sweep(&mut self, at: &mut Moment<'_>) {
        if let Some((_, answer)) = self.sweeping.take_if(|(due, _)| *due <= at.step) {
            match answer {
                None => self.cursor.failed(),
                Some(swept) => self.hand_over(swept, at),
            }
        }
        if self.sweeping.is_none() && self.sweep_at <= at.step {
            let failed = at.fails();
            let (from, transactions) = (self.cursor.at(), at.manners.sweep_transactions);
            let swept = at.database.sweep(from, transactions, at.sabotage == Sabotage::Cursor);
            let is_behind = !failed && !swept.caught_up;
            self.sweep_at = at.step + if is_behind { 0 } else { at.manners.sweep_interval };
            self.sweeping = Some((at.step + at.delay(), (!failed).then_some(swept)));
        }
    }

    fn hand_over(&mut self, swept: Sweep, at: &Moment<'_>) {
        let handed_over = self.cursor.swept(&swept);
        for (desk, input) in news(swept, handed_over, DESKS) {
            if at.sabotage != Sabotage::Sweep || !matches!(input, Input::SweptHead(_)) {
                self.tell(desk, input);
            }
        }
        self.swept = handed_over.or(self.swept);
    }
}

/// What the log answers.
fn read(wanted: Read, at: &mut Moment<'_>) -> Input {
    let Read { ticket, need, since } = wanted;
    let failed = at.fails();
    match need {
        Need::Position => {
            let position = since.map(|since| at.database.position_before(ticket.conversation, since));
            Input::Position(ticket, position.filter(|_| !failed))
        }
        Need::Fill { after, up_to } => {
            let rows = at.manners.fill_rows;
            let entries = at.database.entries_between(ticket.conversation, after, up_to, rows);
            Input::Filled(ticket, (!failed).then(|| entries.into_iter().map(row).collect()))
        }
    }
}

fn row(entry: Entry) -> (Seq, Item) {
    let row = log_row(entry);
    let event = row.entry.map(|entry| Arc::new(event(entry)));
    (row.seq, Item { seq: row.seq, event, users: row.users, arrival: Arrival::Log, trace: None })
}

pub(super) fn event(entry: Entry) -> Event {
    Event { entry, author: Author::default(), subject: Author::default() }
}
