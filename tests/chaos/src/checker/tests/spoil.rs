//! Ways to spoil a good history, each with the one class that it must be found as.

#![expect(clippy::ptr_arg, reason = "all of them have one type")]

use fastrand::Rng;

use crate::checker::Class;
use crate::history::{Device, Entry, Event, Kind, Record};

pub(super) struct Spoil {
    pub(super) name: &'static str,
    pub(super) class: Class,
    /// Whether the history had a place for it.
    pub(super) apply: fn(&mut Vec<Record>, &mut Rng) -> bool,
}

const fn spoil(name: &'static str, class: Class, apply: fn(&mut Vec<Record>, &mut Rng) -> bool) -> Spoil {
    Spoil { name, class, apply }
}

pub(super) const SPOILS: &[Spoil] = &[
    spoil("an acknowledged message is not in the log", Class::Lost, unstored),
    spoil("a device never gets the last entry", Class::Lost, never_shown),
    spoil("a gap is never filled", Class::Lost, open_gap),
    spoil("a message has two rows", Class::Duplicated, stored_twice),
    spoil("a device gets an entry twice", Class::Duplicated, shown_twice),
    spoil("two entries change places", Class::Reordered, reordered),
    spoil("a device is not shown one in the middle", Class::Skipped, skipped),
    spoil("a device is shown what is not stored", Class::Phantom, invented),
    spoil("a device is shown another text", Class::Phantom, other_text),
    spoil("a message is acknowledged at another place", Class::Phantom, other_place),
    spoil("a refused message is stored", Class::Phantom, refused_and_stored),
    spoil("a stranger is shown an entry", Class::Leaked, leaked),
    spoil("a removed member is shown the next entry", Class::Leaked, seen_after_removal),
    spoil("an entry comes late", Class::Late, late),
    spoil("a conversation's row is ahead", Class::Log, row_ahead),
    spoil("the dump breaks off", Class::Log, cut_off),
];

fn received(record: &Record) -> Option<(Device, &Entry)> {
    match &record.event {
        Event::Receive { device, entry, .. } => Some((*device, entry)),
        _ => None,
    }
}

fn logged(record: &Record) -> Option<&Entry> {
    if let Event::Log { entry } = &record.event { Some(entry) } else { None }
}

fn rows(records: &[Record]) -> Vec<Entry> {
    records.iter().filter_map(logged).cloned().collect()
}

fn is_last(rows: &[Entry], entry: &Entry) -> bool {
    !rows.iter().any(|row| row.conversation == entry.conversation && row.seq > entry.seq)
}

/// One of the indices for which `wanted` holds.
fn pick(records: &[Record], rng: &mut Rng, wanted: impl Fn(&Record) -> bool) -> Option<usize> {
    let fitting: Vec<usize> = (0..records.len()).filter(|index| wanted(&records[*index])).collect();
    rng.choice(fitting)
}

fn set_last_seq(records: &mut [Record], id: i64, change: i64) {
    for record in records {
        if let Event::Conversation { conversation, last_seq, .. } = &mut record.event
            && *conversation == id
        {
            *last_seq += change;
        }
    }
}

/// The last entry of a conversation, if it is an acknowledged message.
fn last_message(records: &[Record], rng: &mut Rng) -> Option<Entry> {
    let rows = rows(records);
    let acknowledged = |entry: &Entry| {
        records.iter().any(|record| {
            matches!(record.event, Event::Ok { conversation, seq, .. }
                if (conversation, seq) == (entry.conversation, entry.seq))
        })
    };
    let fits = |row: &&Entry| row.kind == Kind::Message && is_last(&rows, row) && acknowledged(row);
    let fitting: Vec<_> = rows.iter().filter(fits).collect();
    rng.choice(fitting).cloned()
}

fn unstored(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    let Some(gone) = last_message(records, rng) else { return false };
    records.retain(|record| {
        logged(record) != Some(&gone) && received(record).is_none_or(|(_, entry)| *entry != gone)
    });
    set_last_seq(records, gone.conversation, -1);
    true
}

fn never_shown(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    let rows = rows(records);
    let found = pick(records, rng, |record| received(record).is_some_and(|(_, entry)| is_last(&rows, entry)));
    found.map(|index| records.remove(index)).is_some()
}

fn open_gap(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    let shown: Vec<(usize, Device, i64, i64)> = (records.iter().enumerate())
        .filter_map(|(index, record)| {
            received(record).map(|(device, e)| (index, device, e.conversation, e.seq))
        })
        .collect();
    let Some((index, device, conversation, seq)) = rng.choice(shown) else { return false };
    let at = records[index].at;
    records[index] = Record { at, event: Event::Gap { device, conversation, from: seq, to: seq } };
    true
}

fn stored_twice(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    let Some(first) = last_message(records, rng) else { return false };
    let second = Entry { seq: first.seq + 1, id: first.id + 10_000, ..first };
    let mut index = 0;
    while index < records.len() {
        let at = records[index].at;
        let copy = match &records[index].event {
            Event::Receive { device, connection, entry } if *entry == first => {
                Some(Event::Receive { device: *device, connection: *connection, entry: second.clone() })
            }
            Event::Log { entry } if *entry == first => Some(Event::Log { entry: second.clone() }),
            _ => None,
        };
        if let Some(event) = copy {
            index += 1;
            records.insert(index, Record { at, event });
        }
        index += 1;
    }
    set_last_seq(records, first.conversation, 1);
    true
}

fn shown_twice(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    let Some(index) = pick(records, rng, |record| received(record).is_some()) else { return false };
    let copy = records[index].clone();
    records.insert(index + 1, copy);
    true
}

/// A receive and the next one of the same device in the same conversation, the second one place higher.
fn neighbours(records: &[Record], rng: &mut Rng) -> Option<(usize, usize)> {
    let gaps = |device: Device, conversation: i64, place: i64| {
        records.iter().any(|record| {
            matches!(record.event, Event::Gap { device: d, conversation: c, from, to }
                if d == device && c == conversation && (from - 1..=to + 1).contains(&place))
        })
    };
    let mut pairs = Vec::new();
    let mut latest = std::collections::HashMap::new();
    for (index, record) in records.iter().enumerate() {
        let Some((device, entry)) = received(record) else { continue };
        if let Some((before, seq)) = latest.insert((device, entry.conversation), (index, entry.seq))
            && seq + 1 == entry.seq
            && !gaps(device, entry.conversation, seq)
            && !gaps(device, entry.conversation, entry.seq)
        {
            pairs.push((before, index));
        }
    }
    rng.choice(pairs)
}

fn reordered(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    let Some((first, second)) = neighbours(records, rng) else { return false };
    // Both at the later time, so that nothing comes before it was sent.
    let early = records.remove(first);
    let at = records[second - 1].at;
    records.insert(second, Record { at, ..early });
    true
}

fn skipped(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    let Some((first, _)) = neighbours(records, rng) else { return false };
    records.remove(first);
    true
}

fn invented(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    let Some(index) = pick(records, rng, |record| received(record).is_some()) else { return false };
    let mut copy = records[index].clone();
    if let Event::Receive { entry, .. } = &mut copy.event {
        entry.seq += 100_000;
    }
    records.insert(index, copy);
    true
}

fn other_text(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    let message = |record: &Record| received(record).is_some_and(|(_, entry)| entry.kind == Kind::Message);
    let Some(index) = pick(records, rng, message) else { return false };
    if let Event::Receive { entry, .. } = &mut records[index].event {
        entry.digest = entry.digest.map(|digest| digest ^ 1);
    }
    true
}

fn other_place(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    let sends = |record: &Record| matches!(record.event, Event::Ok { seq, .. } if seq > 1);
    let Some(index) = pick(records, rng, sends) else { return false };
    if let Event::Ok { id, .. } = &mut records[index].event {
        *id = id.map(|id| id + 1);
    }
    true
}

fn refused_and_stored(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    let acknowledged_sends: Vec<u64> = (records.iter())
        .filter_map(|record| match record.event {
            Event::Invoke { call, message: Some(_), .. } => Some(call),
            _ => None,
        })
        .collect();
    let answered = |record: &Record| matches!(record.event, Event::Ok { call, .. } if acknowledged_sends.contains(&call));
    let Some(index) = pick(records, rng, answered) else { return false };
    if let Event::Ok { call, .. } = records[index].event {
        records[index].event = Event::Fail { call, code: "unavailable".to_owned() };
    }
    true
}

fn leaked(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    // The dialog of users 1 and 2; user 5 has a device of number 4.
    let Some(index) = pick(records, rng, |record| received(record).is_some_and(|(_, e)| e.conversation == 1))
    else {
        return false;
    };
    let mut copy = records[index].clone();
    if let Event::Receive { device, .. } = &mut copy.event {
        *device = Device { user: 5, number: 4 };
    }
    records.insert(index + 1, copy);
    true
}

fn seen_after_removal(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    let rows = rows(records);
    let is_back = |row: &Entry| row.kind == Kind::MemberAdded;
    let mut next = Vec::new();
    for row in rows.iter().filter(|row| row.kind == Kind::MemberRemoved) {
        let after = rows.iter().find(|other| {
            (other.conversation, other.seq) == (row.conversation, row.seq + 1)
                && !(is_back(other) && other.subject == row.subject)
        });
        next.extend(after.zip(row.subject).map(|(entry, user)| (user, entry.clone())));
    }
    let Some((user, entry)) = rng.choice(next) else { return leaked(records, rng) };
    let Some(index) = records.iter().rposition(|record| received(record).is_some_and(|(_, e)| *e == entry))
    else {
        return leaked(records, rng);
    };
    let device = Device { user, number: u32::try_from(user - 1).expect("small") };
    let at = records[index].at;
    records.insert(index + 1, Record { at, event: Event::Receive { device, connection: 1, entry } });
    true
}

fn late(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    let rows = rows(records);
    let fits = |record: &Record| {
        received(record).is_some_and(|(_, entry)| entry.kind == Kind::Message && is_last(&rows, entry))
    };
    let acknowledged = |record: &Record| {
        received(record).is_some_and(|(_, shown)| {
            records.iter().any(|other| {
                matches!(other.event, Event::Ok { conversation, seq, .. }
                    if (conversation, seq) == (shown.conversation, shown.seq))
            })
        })
    };
    // A device that connects later is shown things late for a reason.
    let connects_later = |index: usize| {
        let Some((device, _)) = received(&records[index]) else { return true };
        records[index..].iter().any(|record| {
            matches!(record.event, Event::Connect { device: d, .. } | Event::Resume { device: d, .. } if d == device)
        })
    };
    let fitting: Vec<usize> = (0..records.len())
        .filter(|index| fits(&records[*index]) && acknowledged(&records[*index]) && !connects_later(*index))
        .collect();
    let Some(index) = rng.choice(fitting) else { return false };
    let mut moved = records.remove(index);
    moved.at += 60_000_000;
    let end = records.iter().position(|record| matches!(record.event, Event::Conversation { .. }));
    records.insert(end.unwrap_or(records.len()), moved);
    true
}

fn row_ahead(records: &mut Vec<Record>, rng: &mut Rng) -> bool {
    let id = rng.i64(1..=4);
    set_last_seq(records, id, 1);
    true
}

fn cut_off(records: &mut Vec<Record>, _: &mut Rng) -> bool {
    records.pop().is_some_and(|record| record.event == Event::End)
}
