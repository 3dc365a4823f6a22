//! Reads a history and names every breach of the promise, each with the records that show it.
//!
//! Pure and offline, linear in the history's length but for sorting. The first reading gathers the facts, which the
//! log tells at the end; the second one follows every device. It knows nothing of how a history came about.

mod facts;
mod log;
mod stream;
mod verdict;
mod windows;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::history::{self, Device, Entry, Event, Kind, Record};
use facts::Facts;
use stream::{Place, Stream};
pub use verdict::{Class, Latency, Totals, Verdict, Violation};

/// What was acknowledged so long before a socket was opened was stored before: a greeting may take a while.
const OLD: Duration = Duration::from_secs(8);

/// What counts as late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the acknowledgement to a device that is connected, outside of faults.
    pub delivery: Duration,
    /// How long after a fault its consequences are excused.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { delivery: Duration::from_secs(2), grace: Duration::from_secs(10) }
    }
}

/// Judges a history that is in memory; records are numbered from 1.
#[must_use]
pub fn check(records: &[Record], limits: Limits) -> Verdict {
    let mut facts = Facts::new(limits.grace);
    for (number, record) in (1..).zip(records) {
        facts.take(number, record);
    }
    let mut checker = Checker::new(facts, limits);
    for (number, record) in (1..).zip(records) {
        checker.take(number, record);
    }
    checker.finish()
}

/// Judges a history in a file, which is read twice.
///
/// # Errors
/// When it cannot be read.
pub fn check_file(path: &Path, limits: Limits) -> Result<Verdict> {
    let mut facts = Facts::new(limits.grace);
    history::read(path, |number, record| facts.take(number, &record))?;
    let mut checker = Checker::new(facts, limits);
    history::read(path, |number, record| checker.take(number, &record))?;
    Ok(checker.finish())
}

/// The second reading.
struct Checker {
    facts: Facts,
    limits: Limits,
    devices: HashMap<Device, Seen>,
    streams: HashMap<(Device, i64), Stream>,
    verdict: Verdict,
}

/// A device, as far as the history has been read.
#[derive(Default)]
struct Seen {
    /// When its connection was made or had caught up.
    since: u64,
    retired: bool,
}

impl Checker {
    fn new(mut facts: Facts, limits: Limits) -> Self {
        facts.finish();
        let mut verdict = Verdict::default();
        log::check(&facts, &mut verdict);
        Self { facts, limits, devices: HashMap::new(), streams: HashMap::new(), verdict }
    }

    fn take(&mut self, number: u64, record: &Record) {
        self.verdict.totals.records = number;
        match &record.event {
            Event::Connect { device, .. } | Event::Resume { device, .. } => {
                self.devices.entry(*device).or_default().since = record.at;
            }
            Event::Retire { device } => self.devices.entry(*device).or_default().retired = true,
            Event::Follow { device, conversation, after } => {
                self.streams.entry((*device, *conversation)).or_default().follow(*after);
            }
            Event::Gap { device, conversation, from, to } => {
                self.streams.entry((*device, *conversation)).or_default().gap(*from, *to);
            }
            Event::Receive { device, entry, .. } => self.receive(number, record.at, *device, entry),
            _ => {}
        }
    }

    fn receive(&mut self, number: u64, at: u64, device: Device, entry: &Entry) {
        self.verdict.totals.received += 1;
        let (conversation, seq) = (entry.conversation, entry.seq);
        let who = || format!("device {} of user {}", device.number, device.user);
        let Some(row) = self.facts.rows.get(&(conversation, seq)) else {
            let what = format!("{} was shown {conversation}/{seq}, which the log does not have", who());
            return self.verdict.add(Class::Phantom, what, [number]);
        };
        if !is_same(&row.entry, entry) {
            let what = format!("{} was shown another {conversation}/{seq} than the log has", who());
            self.verdict.add(Class::Phantom, what, [row.record, number]);
        }
        let windows = &self.facts.windows;
        if !windows.may_see(device.user, conversation, seq) {
            let what = format!("{} was shown {conversation}/{seq} and was no member there", who());
            return self.verdict.add(Class::Leaked, what, [row.record, number]);
        }
        let stream = self.streams.entry((device, conversation)).or_default();
        let visible = |from, to| windows.visible(device.user, conversation, from, to);
        match stream.receive(seq, number, visible) {
            Place::Next => {
                let begins_with_news = stream.begins_with_news();
                self.time(number, at, device, entry);
                self.check_news(number, device, entry, begins_with_news);
            }
            Place::Filled => {}
            Place::Behind(record) => {
                let what = format!("{} was shown {conversation}/{seq} behind a later one", who());
                self.verdict.add(Class::Reordered, what, [record, number]);
            }
            Place::Again => {
                let what = format!("{} was shown {conversation}/{seq} a second time", who());
                self.verdict.add(Class::Duplicated, what, [number]);
            }
        }
    }

    /// How long the message took from its acknowledgement on.
    fn time(&mut self, number: u64, at: u64, device: Device, entry: &Entry) {
        let acknowledged = self.facts.acknowledged_at.get(&(entry.conversation, entry.seq));
        let Some((acked, record)) = acknowledged.copied().filter(|_| entry.kind == Kind::Message) else {
            return;
        };
        let since = self.devices.get(&device).map_or(0, |seen| seen.since);
        let base = acked.max(since);
        let micros = at.saturating_sub(base);
        let disturbed = self.facts.is_disturbed(base, at);
        self.verdict.delivered(micros, disturbed);
        if !disturbed && Duration::from_micros(micros) > self.limits.delivery {
            let what = format!(
                "device {} of user {} was shown {}/{} {} ms after it could be",
                device.number,
                device.user,
                entry.conversation,
                entry.seq,
                micros / 1000
            );
            self.verdict.add(Class::Late, what, [record, number]);
        }
    }

    /// A stream that begins somewhere begins when its socket was opened.
    fn check_news(&mut self, number: u64, device: Device, entry: &Entry, begins_with_news: bool) {
        let acknowledged = self.facts.acknowledged_at.get(&(entry.conversation, entry.seq));
        let Some((acked, record)) = acknowledged.copied().filter(|_| begins_with_news) else { return };
        let opened = self.devices.get(&device).map_or(0, |seen| seen.since);
        if Duration::from_micros(opened.saturating_sub(acked)) > OLD {
            let what = format!(
                "socket {} of user {} was shown {}/{}, which was acknowledged long before it was opened",
                device.number, device.user, entry.conversation, entry.seq
            );
            self.verdict.add(Class::Duplicated, what, [record, number]);
        }
    }

    fn finish(mut self) -> Verdict {
        let mut devices: Vec<_> =
            self.devices.iter().filter(|(_, seen)| !seen.retired).map(|(device, _)| *device).collect();
        devices.sort_unstable();
        for device in devices {
            for conversation in self.facts.windows.conversations_of(device.user).to_vec() {
                self.complete(device, conversation);
            }
        }
        let mut streams: Vec<_> = self.streams.into_iter().collect();
        streams.sort_unstable_by_key(|(key, _)| *key);
        for ((device, conversation), stream) in streams {
            for hole in stream.holes() {
                let what = format!(
                    "device {} of user {} was shown {conversation}/{} without {} to {}",
                    device.number,
                    device.user,
                    hole.to + 1,
                    hole.from,
                    hole.to
                );
                self.verdict.add(Class::Skipped, what, [hole.record]);
            }
        }
        self.verdict
    }

    /// Whether a device was shown everything up to the end of its user's sight.
    fn complete(&mut self, device: Device, conversation: i64) {
        let stream = self.streams.entry((device, conversation)).or_default();
        let windows = &self.facts.windows;
        let visible = |from, to| windows.visible(device.user, conversation, from, to);
        let end = self.facts.last_row(conversation);
        for (from, to) in stream.unseen(end, visible) {
            let what = format!(
                "device {} of user {} was never shown {conversation}/{from} to {to}",
                device.number, device.user
            );
            let rows = [from, to].map(|seq| self.facts.rows.get(&(conversation, seq)).map(|row| row.record));
            self.verdict.add(Class::Lost, what, rows.into_iter().flatten());
        }
    }
}

/// Whether a device was shown what the log has. An entry that the device's version cannot read is shown by its place.
fn is_same(row: &Entry, shown: &Entry) -> bool {
    shown.kind == Kind::Unsupported
        || (row.id == shown.id
            && row.kind == shown.kind
            && row.sender == shown.sender
            && row.message == shown.message
            && row.digest == shown.digest)
}
