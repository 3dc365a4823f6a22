//! A device and a server at random: whatever happens, each entry comes out once and in order.

mod cases;

use proptest::prelude::*;

use super::*;
use crate::wire::v2::{Bounds, EntryKind};

const CONVERSATIONS: usize = 4;
/// Entries of one conversation in an answer to `resume` before it is limited, and how many come then.
const RESUME_MAX: u64 = 6;
const RESUME_NEWEST: u64 = 3;
/// Entries pulled at once.
const PAGE: u64 = 2;

fn entry(conversation: usize, seq: u64) -> Entry {
    Entry {
        conversation_id: conversation as i64,
        seq,
        kind: EntryKind::Message,
        id: None,
        sender_id: None,
        sender_name: None,
        created_at: None,
        client_message_id: None,
        content: None,
        deleted_at: None,
        reply_to: None,
        receiver_id: None,
        name: None,
        user_id: None,
        user_name: None,
        role: None,
    }
}

/// What may happen.
#[derive(Debug, Clone, Copy)]
enum Happening {
    /// Somebody writes.
    Append(usize),
    /// The next pushes arrive.
    Deliver(usize),
    /// The server gives up what is queued of a conversation.
    Collapse(usize),
    /// The answer to `resume` is made; it arrives with the next of these.
    Answer,
    /// Something that is needed is pulled.
    Pull,
    /// The socket breaks, and another one opens.
    Reconnect,
    /// The device is shut down and started from its state.
    Restart,
}

fn happening() -> impl Strategy<Value = Happening> {
    let conversation = 0..CONVERSATIONS;
    prop_oneof![
        8 => conversation.clone().prop_map(Happening::Append),
        6 => (1..4_usize).prop_map(Happening::Deliver),
        1 => conversation.prop_map(Happening::Collapse),
        3 => Just(Happening::Answer),
        3 => Just(Happening::Pull),
        1 => Just(Happening::Reconnect),
        1 => Just(Happening::Restart),
    ]
}

#[derive(Debug, Clone, Copy)]
enum Queued {
    Entry(usize, u64),
    Gap(usize, u64, u64),
}

/// A server, its log as a plain list, and the device.
struct World {
    /// Conversations of all entries, in the order of their commits.
    log: Vec<usize>,
    queue: Vec<Queued>,
    device: Logs,
    /// While it resumes.
    asked: Option<Resume>,
    answer: Option<Resumed>,
    /// Conversations that a page names, and that it tells beside these.
    pages: (usize, usize),
    /// Places that the device hears of: those after its first connection.
    from: [u64; CONVERSATIONS],
    heard: [Vec<u64>; CONVERSATIONS],
}

impl World {
    fn new(before: Vec<usize>, pages: (usize, usize)) -> Self {
        let mut world = Self {
            log: before,
            queue: Vec::new(),
            device: Logs::new(State::default()),
            asked: None,
            answer: None,
            pages,
            from: [0; CONVERSATIONS],
            heard: Default::default(),
        };
        world.from = std::array::from_fn(|conversation| world.last_of(conversation, world.log.len()));
        world.connect();
        world
    }

    fn last_of(&self, conversation: usize, length: usize) -> u64 {
        self.log[..length].iter().filter(|of| **of == conversation).count() as u64
    }

    fn connect(&mut self) {
        self.queue.clear();
        self.answer = None;
        self.device.connected(None, self.log.len().to_string());
        self.ask();
    }

    /// Asks for the next page, or has resumed.
    fn ask(&mut self) {
        self.asked = self.device.resume(self.pages.0);
        if self.asked.is_none() {
            let steps = self.device.complete();
            self.hear(steps);
        }
    }

    fn hear(&mut self, steps: Vec<Step>) {
        for step in steps {
            let Step::Entry(entry) = step else { panic!("nothing was restored") };
            self.heard[usize::try_from(entry.conversation_id).unwrap()].push(entry.seq);
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Append(conversation) => {
                self.log.push(conversation);
                let seq = self.last_of(conversation, self.log.len());
                self.push(conversation, seq);
            }
            Happening::Deliver(count) => {
                let count = count.min(self.queue.len());
                let queued: Vec<_> = self.queue.drain(..count).collect();
                for queued in queued {
                    match queued {
                        Queued::Entry(conversation, seq) => {
                            let steps = self.device.entry(entry(conversation, seq));
                            self.hear(steps);
                        }
                        Queued::Gap(conversation, from, to) => {
                            self.device.gap(Gap { conversation_id: conversation as i64, from, to });
                        }
                    }
                }
            }
            Happening::Collapse(conversation) => self.collapse(conversation),
            Happening::Answer => self.resume(),
            Happening::Pull => self.pull(),
            Happening::Reconnect => self.connect(),
            Happening::Restart => {
                self.device = Logs::new(self.device.state());
                self.connect();
            }
        }
    }

    fn push(&mut self, conversation: usize, seq: u64) {
        let marker =
            self.queue.iter_mut().find(|queued| matches!(queued, Queued::Gap(of, ..) if *of == conversation));
        match marker {
            Some(Queued::Gap(_, _, to)) => *to = seq,
            _ => self.queue.push(Queued::Entry(conversation, seq)),
        }
    }

    fn collapse(&mut self, conversation: usize) {
        let place = |queued: &Queued| match queued {
            Queued::Entry(of, seq) if *of == conversation => Some(*seq),
            _ => None,
        };
        let seqs: Vec<_> = self.queue.iter().filter_map(place).collect();
        let Some(at) = self.queue.iter().position(|queued| place(queued).is_some()) else { return };
        self.queue[at] = Queued::Gap(conversation, seqs[0], seqs[seqs.len() - 1]);
        self.queue.retain(|queued| place(queued).is_none());
    }

    fn resume(&mut self) {
        if let Some(answer) = self.answer.take() {
            let steps = self.device.resumed(answer);
            self.hear(steps);
            self.ask();
        } else if let Some(request) = &self.asked {
            self.answer = Some(self.page(request));
        }
    }

    /// What was named, and the first of what has grown after the cursor, in the order of the latest entries.
    fn page(&self, request: &Resume) -> Resumed {
        let named = |conversation: &usize| request.positions.get(&(*conversation as i64)).copied();
        let mark = request.since.as_ref().map_or(self.log.len(), |since| since.parse().unwrap());
        let latest = |conversation: usize| self.log.iter().rposition(|of| *of == conversation);
        let after: Option<usize> = request.cursor.as_ref().map(|cursor| cursor.parse().unwrap());
        let mut grown: Vec<_> =
            (0..CONVERSATIONS).filter(|it| named(it).is_none() && latest(*it) >= Some(mark)).collect();
        grown.retain(|it| latest(*it) > after);
        grown.sort_by_key(|it| latest(*it));
        let has_more = grown.len() > self.pages.1;
        grown.truncate(self.pages.1);
        let cursor = grown.last().filter(|_| has_more).and_then(|it| latest(*it));
        let told = (0..CONVERSATIONS).filter_map(|it| Some(self.told(it, named(&it)?)));
        let told = told.chain(grown.into_iter().map(|it| self.told(it, self.last_of(it, mark))));
        let conversations = told.collect();
        Resumed { conversations, unknown: Vec::new(), cursor: cursor.map(|place| place.to_string()) }
    }

    fn told(&self, conversation: usize, position: u64) -> ResumedConversation {
        let last = self.last_of(conversation, self.log.len());
        let limited = last - position > RESUME_MAX;
        let first = if limited { last - RESUME_NEWEST + 1 } else { position + 1 };
        ResumedConversation {
            conversation_id: conversation as i64,
            kind: "group".to_owned(),
            last_seq: last,
            read_seq: 0,
            delivered_seq: 0,
            member: true,
            recovered: !limited,
            limited: limited.then_some(Bounds { from: position + 1, to: last }),
            entries: (first..=last).map(|seq| entry(conversation, seq)).collect(),
        }
    }

    fn pull(&mut self) {
        if self.asked.is_some() {
            return;
        }
        let Some(need) = self.device.need(true) else { return };
        let conversation = usize::try_from(need.conversation).unwrap();
        let last = self.last_of(conversation, self.log.len());
        let to = last.min(need.after + PAGE);
        let entries = (need.after + 1..=to).map(|seq| entry(conversation, seq)).collect();
        let answer =
            Entries { conversation_id: need.conversation, last_seq: last, entries, has_more: to < last };
        let steps = self.device.pulled(need, answer);
        self.hear(steps);
    }

    fn settle(&mut self) {
        while self.asked.is_some() {
            self.happen(Happening::Answer);
        }
        self.happen(Happening::Deliver(usize::MAX));
        for _ in 0..self.log.len() + 1 {
            self.happen(Happening::Pull);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_happens_each_entry_comes_out_once_in_order(
        before in prop::collection::vec(0..CONVERSATIONS, 0..8),
        pages in (1..4_usize, 1..4_usize),
        happenings in prop::collection::vec(happening(), 0..120),
    ) {
        let mut world = World::new(before, pages);
        for happening in happenings {
            world.happen(happening);
        }
        world.settle();
        for conversation in 0..CONVERSATIONS {
            let last = world.last_of(conversation, world.log.len());
            let expected: Vec<_> = (world.from[conversation] + 1..=last).collect();
            prop_assert_eq!(&world.heard[conversation], &expected, "conversation {}", conversation);
        }
    }
}
