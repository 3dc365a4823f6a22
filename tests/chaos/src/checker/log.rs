//! The log against itself, and against what clients were answered.

use std::collections::HashMap;

use super::facts::{Answer, Call, Facts, Outcome, Row};
use super::verdict::{Class, Verdict};
use crate::history::{Kind, Op};

pub(super) fn check(facts: &Facts, verdict: &mut Verdict) {
    verdict.totals.rows = facts.rows.len() as u64;
    verdict.totals.faults = facts.fault_count;
    verdict.totals.sent = facts.sent.len() as u64;
    if !facts.is_complete {
        verdict.add(Class::Log, "the history has no complete log".to_owned(), []);
    }
    places(facts, verdict);
    let stored = messages(facts, verdict);
    for answer in &facts.answers {
        if let Some(call) = facts.calls.get(&answer.call) {
            judge(facts, verdict, &stored, call, answer);
        }
    }
}

/// Every conversation is 1, 2, 3 … up to what its row says.
fn places(facts: &Facts, verdict: &mut Verdict) {
    for row in &facts.doubles {
        let what = format!("{}/{} has a second row", row.entry.conversation, row.entry.seq);
        verdict.add(Class::Log, what, [row.record]);
    }
    let mut conversations: Vec<_> = facts.conversations.iter().collect();
    conversations.sort_unstable_by_key(|(id, _)| **id);
    for (id, known) in conversations {
        let places = facts.places.get(id).map_or(&[][..], Vec::as_slice);
        let count = i64::try_from(places.len()).unwrap_or(i64::MAX);
        let last = places.last().copied().unwrap_or(0);
        if count != last || last != known.last_seq {
            let what =
                format!("{id} has {count} entries, the last is {last}, its row says {}", known.last_seq);
            verdict.add(Class::Log, what, [known.record]);
        }
    }
    let strange = facts.places.keys().filter(|id| !facts.conversations.contains_key(id));
    for id in strange {
        verdict.add(Class::Log, format!("{id} has entries and no row"), []);
    }
}

/// By sender and `clientMessageId`: the first place of each message.
type Stored<'a> = HashMap<(i64, uuid::Uuid), &'a Row>;

/// Every message is stored once, and was sent.
fn messages<'a>(facts: &'a Facts, verdict: &mut Verdict) -> Stored<'a> {
    let mut stored: Stored<'a> = HashMap::new();
    let mut rows: Vec<_> = facts.rows.values().collect();
    rows.sort_unstable_by_key(|row| (row.entry.conversation, row.entry.seq));
    for row in rows {
        let entry = &row.entry;
        let place = format!("{}/{}", entry.conversation, entry.seq);
        let first = stored.get(&(entry.sender, entry.message));
        if let Some(first) = first.filter(|first| first.entry.conversation == entry.conversation) {
            let what = format!("{place} is stored at {} already", first.entry.seq);
            verdict.add(Class::Duplicated, what, [first.record, row.record]);
            continue;
        }
        stored.insert((entry.sender, entry.message), row);
        if entry.kind != Kind::Message {
            continue;
        }
        let call = facts.sent.get(&entry.message).and_then(|call| facts.calls.get(call));
        match call {
            None => verdict.add(Class::Phantom, format!("nobody sent {place}"), [row.record]),
            Some(call) if call.device.user != entry.sender || call.digest != entry.digest => {
                verdict.add(
                    Class::Phantom,
                    format!("{place} is not what was sent"),
                    [call.record, row.record],
                );
            }
            Some(_) => {}
        }
    }
    stored
}

fn judge(facts: &Facts, verdict: &mut Verdict, stored: &Stored<'_>, call: &Call, answer: &Answer) {
    let row = call.message.and_then(|message| stored.get(&(call.device.user, message)));
    match answer.outcome {
        Outcome::Unknown => verdict.totals.unknown += 1,
        Outcome::Refused => {
            verdict.totals.refused += 1;
            if let Some(row) = row {
                let what = format!("{}/{} was refused and stored", row.entry.conversation, row.entry.seq);
                verdict.add(Class::Phantom, what, [call.record, answer.record, row.record]);
            }
        }
        Outcome::Acknowledged { conversation, seq, id } => {
            if call.op == Op::Send {
                verdict.totals.acknowledged += 1;
                let disturbed = facts.is_disturbed(call.at, answer.at);
                verdict.acknowledged(answer.at.saturating_sub(call.at), disturbed);
            }
            let there = facts.rows.get(&(conversation, seq));
            let place = format!("{conversation}/{seq}");
            match (row, there) {
                (None, None) => {
                    let what = format!("{place} was acknowledged and is not in the log");
                    verdict.add(Class::Lost, what, [call.record, answer.record]);
                }
                (None, Some(there)) if call.op == Op::Send => {
                    let what = format!("{place} was acknowledged, the log has another message there");
                    verdict.add(Class::Lost, what, [call.record, answer.record, there.record]);
                }
                _ if !there.is_some_and(|there| answers(call, id, there)) => {
                    let what = format!("{place} was acknowledged for what the log has elsewhere or not so");
                    verdict.add(Class::Phantom, what, [call.record, answer.record]);
                }
                _ => {}
            }
        }
    }
}

/// Whether the row is what the call asked for.
fn answers(call: &Call, id: Option<i64>, row: &Row) -> bool {
    let entry = &row.entry;
    let kind = match call.op {
        Op::Send => Kind::Message,
        Op::Add => Kind::MemberAdded,
        Op::Remove => Kind::MemberRemoved,
        Op::Leave => Kind::MemberLeft,
        Op::Create => Kind::GroupCreated,
        Op::Rename => Kind::GroupRenamed,
    };
    let is_about = || entry.subject == call.user;
    entry.kind == kind
        && entry.sender == call.device.user
        && id.is_none_or(|id| id == entry.id)
        && call.message.is_none_or(|message| message == entry.message)
        && (!matches!(call.op, Op::Add | Op::Remove) || is_about())
}
