//! What a whole history tells: the log, who asked for what and was answered how, and when there were faults.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::time::Duration;

use uuid::Uuid;

use super::windows::Windows;
use crate::history::{Device, Entry, Event, Op, Record};

#[derive(Debug)]
pub(super) struct Facts {
    grace: u64,
    /// By conversation and place.
    pub(super) rows: HashMap<(i64, i64), Row>,
    /// Records of a second row in a place.
    pub(super) doubles: Vec<Row>,
    pub(super) conversations: HashMap<i64, Conversation>,
    pub(super) calls: HashMap<u64, Call>,
    pub(super) answers: Vec<Answer>,
    /// Who sent a message of this id: the call.
    pub(super) sent: HashMap<Uuid, u64>,
    /// When a place was acknowledged, and the record.
    pub(super) acknowledged_at: HashMap<(i64, i64), (u64, u64)>,
    pub(super) windows: Windows,
    pub(super) is_complete: bool,
    /// Places of each conversation, ascending.
    pub(super) places: HashMap<i64, Vec<i64>>,
    open_faults: Vec<(String, u64)>,
    /// Ascending and apart, grace included.
    faults: Vec<(u64, u64)>,
    pub(super) fault_count: u64,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) entry: Entry,
    pub(super) record: u64,
}

#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) last_seq: i64,
    pub(super) dialog: Option<(i64, i64)>,
    pub(super) record: u64,
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) at: u64,
    pub(super) record: u64,
    pub(super) device: Device,
    pub(super) op: Op,
    pub(super) message: Option<Uuid>,
    pub(super) digest: Option<u64>,
    pub(super) user: Option<i64>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) call: u64,
    pub(super) at: u64,
    pub(super) record: u64,
    pub(super) outcome: Outcome,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Acknowledged { conversation: i64, seq: i64, id: Option<i64> },
    Refused,
    Unknown,
}

impl Facts {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            grace: u64::try_from(grace.as_micros()).unwrap_or(u64::MAX),
            rows: HashMap::new(),
            doubles: Vec::new(),
            conversations: HashMap::new(),
            calls: HashMap::new(),
            answers: Vec::new(),
            sent: HashMap::new(),
            acknowledged_at: HashMap::new(),
            windows: Windows::default(),
            is_complete: false,
            places: HashMap::new(),
            open_faults: Vec::new(),
            faults: Vec::new(),
            fault_count: 0,
        }
    }

    pub(super) fn take(&mut self, number: u64, record: &Record) {
        let at = record.at;
        let mut answer = |call: u64, outcome| self.answers.push(Answer { call, at, record: number, outcome });
        match &record.event {
            Event::Invoke { call, device, op, message, digest, user, .. } => {
                let (device, op, message, digest, user) = (*device, *op, *message, *digest, *user);
                self.calls.insert(*call, Call { at, record: number, device, op, message, digest, user });
                self.sent.extend(message.map(|message| (message, *call)));
            }
            Event::Ok { call, conversation, seq, id } => {
                answer(*call, Outcome::Acknowledged { conversation: *conversation, seq: *seq, id: *id });
                self.acknowledged_at.entry((*conversation, *seq)).or_insert((at, number));
            }
            Event::Fail { call, .. } => answer(*call, Outcome::Refused),
            Event::Info { call, .. } => answer(*call, Outcome::Unknown),
            Event::Conversation { conversation, dialog, last_seq } => {
                let (dialog, last_seq) = (*dialog, *last_seq);
                self.conversations.insert(*conversation, Conversation { last_seq, dialog, record: number });
            }
            Event::Log { entry } => self.row(Row { entry: entry.clone(), record: number }),
            Event::Fault { name } => {
                self.fault_count += 1;
                self.open_faults.push((name.clone(), at));
            }
            Event::Heal { name } => {
                if let Some(index) = self.open_faults.iter().rposition(|(open, _)| open == name) {
                    let (_, from) = self.open_faults.remove(index);
                    self.faults.push((from, at.saturating_add(self.grace)));
                }
            }
            Event::End => self.is_complete = true,
            Event::Receive { .. }
            | Event::Gap { .. }
            | Event::Follow { .. }
            | Event::Connect { .. }
            | Event::Resume { .. }
            | Event::Disconnect { .. }
            | Event::Retire { .. } => {}
        }
    }

    fn row(&mut self, row: Row) {
        let place = (row.entry.conversation, row.entry.seq);
        match self.rows.entry(place) {
            Slot::Occupied(_) => self.doubles.push(row),
            Slot::Vacant(free) => {
                free.insert(row);
            }
        }
    }

    /// Puts things in order once everything has been read.
    pub(super) fn finish(&mut self) {
        for (conversation, seq) in self.rows.keys() {
            self.places.entry(*conversation).or_default().push(*seq);
        }
        for (conversation, places) in &mut self.places {
            places.sort_unstable();
            match self.conversations.get(conversation).and_then(|known| known.dialog) {
                Some((low, high)) => self.windows.dialog(*conversation, low, high),
                None => {
                    for seq in places.iter() {
                        self.windows.group(&self.rows[&(*conversation, *seq)].entry);
                    }
                }
            }
        }
        // What was never healed lasts for ever.
        self.faults.extend(self.open_faults.drain(..).map(|(_, from)| (from, u64::MAX)));
        self.faults.sort_unstable();
        let mut apart: Vec<(u64, u64)> = Vec::new();
        for (from, to) in self.faults.drain(..) {
            match apart.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => apart.push((from, to)),
            }
        }
        self.faults = apart;
    }

    /// Whether a fault, or what comes after it, touches this time.
    pub(super) fn is_disturbed(&self, from: u64, to: u64) -> bool {
        let later = self.faults.partition_point(|(begin, _)| *begin <= to);
        later > 0 && self.faults[later - 1].1 >= from
    }

    /// Place of the last entry; 0 without any.
    pub(super) fn last_row(&self, conversation: i64) -> i64 {
        self.places.get(&conversation).and_then(|places| places.last()).copied().unwrap_or(0)
    }
}
