//! How much of what a client missed goes into an answer. Pure: it is given what there is and says what to read, then is
//! given what was read and says what was missed.
//!
//! Invariant: every place that the client lacks is among the entries or within the bounds that it is told to pull.

use std::collections::HashMap;

use crate::domain::ids::{ConversationId, Seq};
use crate::store::{Budget, LogRow, ResumeHead, Stretch};

/// Bytes of an answer at most, as far as texts are of the length that they are stored with: JSON may escape a part.
pub(in crate::usecase) const ANSWER_BYTES: i64 = 512 * 1024;
/// Bytes of an entry in JSON beside its text, about.
pub(in crate::usecase) const ENTRY_BYTES: i64 = 256;
/// Bytes of a conversation in JSON beside its entries, about.
const CONVERSATION_BYTES: i64 = 192;
/// Entries of a conversation that are told one by one.
const ENTRIES_MAX: i64 = 100;
/// Entries that are told when more are missing: the newest, for a first screen.
const ENTRIES_LIMITED: i64 = 50;

/// What a client missed of one conversation.
#[derive(Debug)]
pub(crate) struct Missed {
    pub(crate) head: ResumeHead,
    /// First and last missing place when `rows` are not all of them.
    pub(crate) limited: Option<(Seq, Seq)>,
    /// In order, up to the end.
    pub(crate) rows: Vec<LogRow>,
}

/// What to read, and how many bytes of it. Conversations that cannot have room however short their entries are, are not
/// asked for.
pub(crate) fn stretches(heads: &[ResumeHead]) -> (Vec<Stretch>, Budget) {
    let frame = CONVERSATION_BYTES.saturating_mul(i64::try_from(heads.len()).unwrap_or(i64::MAX));
    let bytes = ANSWER_BYTES.saturating_sub(frame).max(0);
    let mut least = 0;
    let has_room = |stretch: &Stretch| {
        least += (stretch.top.0 - stretch.after.0) * ENTRY_BYTES;
        least <= bytes
    };
    let wanted = heads.iter().filter(|head| head.after < head.top).map(wanted);
    (wanted.take_while(has_room).collect(), Budget { bytes, entry_bytes: ENTRY_BYTES })
}

/// The part that is told one by one.
fn wanted(head: &ResumeHead) -> Stretch {
    let ResumeHead { conversation, after, top, .. } = *head;
    let is_much = top.0 - after.0 > ENTRIES_MAX;
    Stretch { conversation, after: if is_much { Seq(top.0 - ENTRIES_LIMITED) } else { after }, top }
}

/// What was missed, in the order of the heads, given what was read.
pub(crate) fn missed(heads: Vec<ResumeHead>, rows: Vec<(ConversationId, LogRow)>) -> Vec<Missed> {
    let mut read: HashMap<ConversationId, Vec<LogRow>> = HashMap::new();
    for (conversation, row) in rows {
        read.entry(conversation).or_default().push(row);
    }
    let missed = |head: ResumeHead| {
        let rows = read.remove(&head.conversation).unwrap_or_default();
        if head.after >= head.top {
            return Missed { head, limited: None, rows: Vec::new() };
        }
        let wanted = wanted(&head);
        let is_whole = covers(&rows, wanted);
        let limited = (!is_whole || wanted.after > head.after).then(|| (head.after.next(), head.top));
        Missed { head, limited, rows: if is_whole { rows } else { Vec::new() } }
    };
    heads.into_iter().map(missed).collect()
}

/// Whether the rows are the stretch, place by place.
fn covers(rows: &[LogRow], stretch: Stretch) -> bool {
    let places = rows.iter().map(|row| row.seq.0);
    places.eq(stretch.after.0 + 1..=stretch.top.0)
}

#[cfg(test)]
mod tests;
