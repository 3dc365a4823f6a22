use proptest::prelude::*;

use super::*;
use crate::wire::v2::{Bounds, EntryKind};

const CONVERSATIONS: usize = 3;
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
        reply_to: None,
        receiver_id: None,
        name: None,
        user_id: None,
        user_name: None,
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
    answer: Option<Resumed>,
    resuming: bool,
    /// Places that the device hears of: those after its first connection.
    from: [u64; CONVERSATIONS],
    heard: [Vec<u64>; CONVERSATIONS],
}

impl World {
    fn new(before: Vec<usize>) -> Self {
        let mut world = Self {
            log: before,
            queue: Vec::new(),
            device: Logs::new(State::default()),
            answer: None,
            resuming: false,
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
        self.resuming = self.device.connected(self.log.len().to_string());
        if !self.resuming {
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
        if !self.resuming {
            return;
        }
        if let Some(answer) = self.answer.take() {
            let steps = self.device.resumed(answer);
            self.hear(steps);
            let steps = self.device.complete();
            self.hear(steps);
            self.resuming = false;
            return;
        }
        let request = self.device.resume(1_000);
        let mark: usize = request.since.expect("a mark").parse().unwrap();
        let row = |conversation: usize| {
            let last = self.last_of(conversation, self.log.len());
            let named = request.positions.get(&(conversation as i64)).copied();
            let grown = self.log[mark..].contains(&conversation);
            let position = named.unwrap_or_else(|| self.last_of(conversation, mark));
            (named.is_some() || grown).then(|| {
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
            })
        };
        let conversations = (0..CONVERSATIONS).filter_map(row).collect();
        self.answer = Some(Resumed { conversations, unknown: Vec::new(), more: false });
    }

    fn pull(&mut self) {
        if self.resuming {
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
        for _ in 0..2 {
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
        happenings in prop::collection::vec(happening(), 0..120),
    ) {
        let mut world = World::new(before);
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

fn row(last_seq: u64, entries: &[u64]) -> Resumed {
    let row = ResumedConversation {
        conversation_id: 1,
        kind: "group".to_owned(),
        last_seq,
        read_seq: 0,
        delivered_seq: 0,
        member: true,
        recovered: true,
        limited: None,
        entries: entries.iter().map(|seq| entry(1, *seq)).collect(),
    };
    Resumed { conversations: vec![row], unknown: Vec::new(), more: false }
}

fn at(position: u64) -> Logs {
    let mut logs =
        Logs::new(State { since: Some("x1".to_owned()), positions: BTreeMap::from([(1, position)]) });
    assert!(logs.connected("x2".to_owned()));
    logs
}

fn places(steps: &[Step]) -> Vec<u64> {
    let place = |step: &Step| match step {
        Step::Entry(entry) => entry.seq,
        Step::Reset(_) => 0,
    };
    steps.iter().map(place).collect()
}

#[test]
fn who_comes_back_to_a_group_goes_on_where_he_may_see_again() {
    let mut logs = at(10);
    assert_eq!(places(&logs.resumed(row(21, &[20, 21]))), [20, 21]);
    logs.complete();
    assert_eq!(places(&logs.entry(entry(1, 22))), [22]);
}

#[test]
fn a_log_that_was_restored_is_followed_anew() {
    let mut logs = at(10);
    assert_eq!(places(&logs.resumed(row(7, &[]))), [0]);
    logs.complete();
    assert_eq!(places(&logs.entry(entry(1, 8))), [8]);
}

#[test]
fn a_hole_that_stays_is_pulled() {
    let mut logs = at(10);
    logs.resumed(row(10, &[]));
    logs.complete();
    assert!(logs.entry(entry(1, 12)).is_empty());
    assert_eq!((logs.need(true), logs.is_holding()), (None, true));
    let need = logs.need(false).expect("the hole");
    assert_eq!(need, Need { conversation: 1, after: 10, missing_to: 0 });
    let entries = vec![entry(1, 11), entry(1, 12)];
    let answer = Entries { conversation_id: 1, last_seq: 12, entries, has_more: false };
    assert_eq!(places(&logs.pulled(need, answer)), [11, 12]);
    assert_eq!((logs.need(false), logs.is_holding()), (None, false));
}

#[test]
fn what_is_left_out_while_something_is_pulled_is_pulled_after() {
    let mut logs = at(10);
    logs.resumed(row(10, &[]));
    logs.complete();
    logs.gap(Gap { conversation_id: 1, from: 11, to: 11 });
    let need = logs.need(true).expect("the gap");
    logs.gap(Gap { conversation_id: 1, from: 12, to: 13 });
    let answer = Entries { conversation_id: 1, last_seq: 11, entries: vec![entry(1, 11)], has_more: false };
    assert_eq!(places(&logs.pulled(need, answer)), [11]);
    let need = logs.need(true).expect("the gap that is younger than the answer");
    assert_eq!(need.after, 11);
}

#[test]
fn positions_survive_a_connection_that_was_not_complete_and_an_answer_that_leaves_them_out() {
    let mut logs = Logs::new(State { since: Some("x1".to_owned()), positions: BTreeMap::new() });
    assert!(logs.connected("x2".to_owned()));
    assert_eq!(places(&logs.resumed(row(5, &[4, 5]))), [4, 5]);
    assert!(logs.connected("x3".to_owned()), "the one before broke");
    let expected = State { since: Some("x1".to_owned()), positions: BTreeMap::from([(1, 5)]) };
    assert_eq!(logs.state(), expected);
    logs.resumed(Resumed { conversations: Vec::new(), unknown: Vec::new(), more: false });
    logs.complete();
    assert_eq!(logs.state(), State { since: Some("x3".to_owned()), ..expected });
}

#[test]
fn what_is_to_be_pulled_is_not_asked_for_again() {
    let mut logs = at(10);
    let mut answer = row(300, &[]);
    answer.more = true;
    answer.conversations[0].limited = Some(Bounds { from: 11, to: 300 });
    assert!(logs.resumed(answer).is_empty());
    assert_eq!(logs.resume(9).positions, BTreeMap::from([(1, 300)]));
    assert_eq!(logs.state().positions, BTreeMap::from([(1, 10)]), "it is not held");
    assert!(logs.resumed(row(301, &[301])).is_empty());
    logs.complete();
    assert_eq!(logs.need(true).map(|need| need.after), Some(10));
    assert!(logs.connected("x3".to_owned()));
    assert_eq!(
        logs.resume(9).positions,
        BTreeMap::from([(1, 10)]),
        "another connection may have less to pull"
    );
}
