//! What a device holds of each conversation's log: the entries up to a position, without holes. Pure.
//!
//! Whatever arrives, in whatever order and however often (events, gaps, answers to `resume` and `getEntries`): out come the
//! entries in sequence, each once. What cannot come any more by itself is a need, to be pulled.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use uuid::Uuid;

use crate::wire::v2::{Entries, Entry, Gap, Resume, Resumed, ResumedConversation};

/// Entries that may wait behind a hole of one conversation; more are pulled again.
const HELD_MAX: usize = 1_000;
/// The mark before everything.
const BEGINNING: &str = "x0";

/// What a device leaves behind and another start goes on from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The life of the log that the rest belongs to; none: the server has not told yet.
    pub epoch: Option<Uuid>,
    /// The mark of the last connection that resumed; none: the device has never been connected.
    pub since: Option<String>,
    /// Positions that have moved since.
    pub positions: BTreeMap<i64, u64>,
}

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The next entry of its conversation.
    Entry(Box<Entry>),
    /// The server's log ends before what this device holds: it was restored from a backup. Its entries follow anew.
    Reset(i64),
}

/// Entries of this conversation after this place are missing and will not come by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Whose entries.
    pub conversation: i64,
    /// The last place that is held.
    pub after: u64,
    /// What was known to be missing.
    missing_to: u64,
}

#[derive(Debug, Default)]
struct Log {
    position: u64,
    held: BTreeMap<u64, Entry>,
    /// The log reaches this far at least, and what lies between is not on its way.
    missing_to: u64,
}

/// What a connection has not asked for yet of what was missed.
#[derive(Debug, Default)]
struct Rest {
    /// Conversations that have moved and were not named yet.
    unnamed: BTreeSet<i64>,
    /// Whether there is a page more of those that have grown.
    is_due: bool,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// The logs of a device. One connection after another feeds them: [`Logs::connected`], page by page [`Logs::resume`] and
/// [`Logs::resumed`], [`Logs::complete`]; events at any time, pulls after that.
#[derive(Debug, Default)]
pub struct Logs {
    epoch: Option<Uuid>,
    /// In order, so that what is needed first depends on nothing but what has come.
    logs: BTreeMap<i64, Log>,
    since: Option<String>,
    /// Conversations with entries of transactions after `since`.
    moved: BTreeSet<i64>,
    /// The mark of this connection, until it has resumed.
    pending: Option<String>,
    /// The same as `moved`, counted from the pending mark.
    moved_pending: HashSet<i64>,
    /// Entries that came while it is not known yet where their conversations stood.
    early: Vec<Entry>,
    /// The same of gaps, and of entries for which there was no room: bounds by conversation.
    early_gaps: BTreeMap<i64, (u64, u64)>,
    resuming: bool,
    rest: Rest,
}

impl Logs {
    /// Goes on from there.
    #[must_use]
    pub fn new(state: State) -> Self {
        let moved = state.positions.keys().copied().collect();
        let log = |position| Log { position, ..Log::default() };
        let logs = state.positions.into_iter().map(|(id, position)| (id, log(position))).collect();
        Self { epoch: state.epoch, logs, since: state.since, moved, ..Self::default() }
    }

    /// What to go on from later.
    #[must_use]
    pub fn state(&self) -> State {
        let moved = self.moved.iter().chain(&self.moved_pending);
        let position = |id: &i64| self.logs.get(id).map(|log| (*id, log.position));
        State {
            epoch: self.epoch,
            since: self.since.clone(),
            positions: moved.filter_map(position).collect(),
        }
    }

    /// A connection begins, in this life of the log and with this mark. Whether the log is another one than before: then
    /// all that was held is forgotten, and all there is will be asked for.
    pub fn connected(&mut self, epoch: Option<Uuid>, sync: String) -> bool {
        let is_another = epoch.is_some() && self.epoch.is_some() && epoch != self.epoch;
        if is_another {
            *self = Self { since: self.since.take().map(|_| BEGINNING.to_owned()), ..Self::default() };
        }
        self.epoch = epoch.or(self.epoch);
        self.pending = Some(sync);
        // What a connection told that ended before it was complete counts from the mark before.
        self.moved.extend(self.moved_pending.drain());
        self.early.clear();
        self.early_gaps.clear();
        // What waits behind a hole comes again with the answer.
        self.logs.values_mut().for_each(|log| log.held.clear());
        self.resuming = self.since.is_some();
        let unnamed = if self.resuming { self.moved.clone() } else { BTreeSet::new() };
        self.rest = Rest { unnamed, is_due: self.resuming, cursor: None };
        is_another
    }

    /// The next page to ask for, with at most so many positions; none when everything was told. Each page names others of
    /// those that have moved. If some are left after the last page, they are asked for without the mark.
    pub fn resume(&mut self, positions_max: usize) -> Option<Resume> {
        let rest = &mut self.rest;
        if !rest.is_due && rest.unnamed.is_empty() {
            return None;
        }
        let named = std::iter::from_fn(|| rest.unnamed.pop_first()).take(positions_max);
        let positions = named.filter_map(|id| Some((id, self.logs.get(&id)?.position))).collect();
        let since = self.since.clone().filter(|_| rest.is_due);
        Some(Resume { since, positions, cursor: rest.cursor.clone() })
    }

    /// Takes the answer to that.
    pub fn resumed(&mut self, answer: Resumed) -> Vec<Step> {
        let mut steps = Vec::new();
        for row in answer.conversations {
            // One that has moved may lack entries from before the mark: only the answer to its position tells these.
            if !self.rest.unnamed.contains(&row.conversation_id) {
                self.resumed_one(row, &mut steps);
            }
        }
        self.rest.is_due &= answer.cursor.is_some();
        self.rest.cursor = answer.cursor;
        for id in answer.unknown {
            self.forget(id);
        }
        steps
    }

    fn resumed_one(&mut self, row: ResumedConversation, steps: &mut Vec<Step>) {
        let id = row.conversation_id;
        let is_again = !self.moved_pending.insert(id);
        let first = row.limited.map(|bounds| bounds.from).or(row.entries.first().map(|entry| entry.seq));
        // Where the answer begins is where the user may begin to see.
        let begins = first.map_or(row.last_seq, |first| first.saturating_sub(1));
        let log = self.logs.entry(id).or_insert_with(|| Log { position: begins, ..Log::default() });
        if log.position > row.last_seq && row.member {
            *log = Log { position: begins.min(row.last_seq), ..Log::default() };
            steps.push(Step::Reset(id));
        }
        // Of what this connection was told to pull before, a later page may tell the part after the mark.
        if !is_again || log.position >= log.missing_to {
            log.position = log.position.max(begins);
        }
        if row.limited.is_some() {
            log.missing_to = log.missing_to.max(row.last_seq);
        }
        row.entries.into_iter().for_each(|entry| log.take(entry));
        log.release(steps);
    }

    /// The resumption is complete: from now on entries come by themselves.
    pub fn complete(&mut self) -> Vec<Step> {
        self.resuming = false;
        if let Some(sync) = self.pending.take() {
            self.since = Some(sync);
            // All that have moved were named, and told. Should an answer lack one, its position is as good as before.
            self.moved.extend(std::mem::take(&mut self.moved_pending));
        }
        let mut steps = Vec::new();
        let (early, gaps) = (std::mem::take(&mut self.early), std::mem::take(&mut self.early_gaps));
        let mut firsts: BTreeMap<i64, u64> = gaps.iter().map(|(id, (from, _))| (*id, *from)).collect();
        for entry in &early {
            let first = firsts.entry(entry.conversation_id).or_insert(entry.seq);
            *first = entry.seq.min(*first);
        }
        for (id, first) in firsts {
            self.begun(id, first);
        }
        for (conversation_id, (from, to)) in gaps {
            self.gap(Gap { conversation_id, from, to });
        }
        for entry in early {
            steps.append(&mut self.entry(entry));
        }
        steps
    }

    /// Takes an entry that came by itself.
    pub fn entry(&mut self, entry: Entry) -> Vec<Step> {
        if self.resuming {
            if self.early.len() < HELD_MAX {
                self.early.push(entry);
            } else {
                self.early_gap(Gap {
                    conversation_id: entry.conversation_id,
                    from: entry.seq,
                    to: entry.seq,
                });
            }
            return Vec::new();
        }
        let mut steps = Vec::new();
        self.moved.insert(entry.conversation_id);
        let log = self.begun(entry.conversation_id, entry.seq);
        log.take(entry);
        log.release(&mut steps);
        steps
    }

    /// The server has left out these entries.
    pub fn gap(&mut self, gap: Gap) {
        if self.resuming {
            self.early_gap(gap);
            return;
        }
        self.moved.insert(gap.conversation_id);
        let log = self.begun(gap.conversation_id, gap.from);
        log.missing_to = log.missing_to.max(gap.to);
    }

    fn early_gap(&mut self, gap: Gap) {
        let (from, to) = self.early_gaps.entry(gap.conversation_id).or_insert((gap.from, gap.to));
        (*from, *to) = (gap.from.min(*from), gap.to.max(*to));
    }

    /// The log of a conversation whose entries arrive from `first` on.
    fn begun(&mut self, id: i64, first: u64) -> &mut Log {
        self.logs.entry(id).or_insert_with(|| Log { position: first.saturating_sub(1), ..Log::default() })
    }

    /// What has to be pulled. With `patient`, only what the server has said not to send.
    #[must_use]
    pub fn need(&self, patient: bool) -> Option<Need> {
        let lacks = |log: &Log| log.position < log.missing_to || (!patient && !log.held.is_empty());
        let mut lacking = self.logs.iter().filter(|(_, log)| lacks(log));
        let need = |(id, log): (&i64, &Log)| Need {
            conversation: *id,
            after: log.position,
            missing_to: log.missing_to,
        };
        lacking.next().map(need)
    }

    /// Whether something waits behind a hole that may still close by itself.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        self.logs.values().any(|log| !log.held.is_empty())
    }

    /// Takes what was pulled.
    pub fn pulled(&mut self, need: Need, answer: Entries) -> Vec<Step> {
        let mut steps = Vec::new();
        let Some(log) = self.logs.get_mut(&need.conversation) else { return steps };
        let first = answer.entries.first().map(|entry| entry.seq);
        // The answer begins with the first entry after the place that the user may see, and an empty one says that there
        // is none up to its end.
        let begins = first.map_or(answer.last_seq, |first| first.saturating_sub(1));
        if need.after >= log.position {
            log.position = log.position.max(begins.max(need.after));
        }
        // What the server has left out since then may be younger than the answer.
        if log.missing_to == need.missing_to {
            log.missing_to = log.missing_to.min(answer.last_seq.max(log.position));
        }
        answer.entries.into_iter().for_each(|entry| log.take(entry));
        log.release(&mut steps);
        steps
    }

    /// The conversation cannot be read any more: what is missing stays so.
    pub fn forget(&mut self, id: i64) {
        self.logs.remove(&id);
        self.moved.remove(&id);
        self.moved_pending.remove(&id);
    }
}

impl Log {
    fn take(&mut self, entry: Entry) {
        if entry.seq <= self.position {
            return;
        }
        if self.held.len() < HELD_MAX || entry.seq == self.position + 1 {
            self.held.insert(entry.seq, entry);
        } else {
            self.missing_to = self.missing_to.max(entry.seq);
        }
    }

    fn release(&mut self, steps: &mut Vec<Step>) {
        while let Some(first) = self.held.first_entry() {
            if *first.key() > self.position + 1 {
                return;
            }
            let (seq, entry) = first.remove_entry();
            if seq == self.position + 1 {
                self.position = seq;
                steps.push(Step::Entry(Box::new(entry)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
