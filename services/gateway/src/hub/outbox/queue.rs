//! The frames that wait for one socket. Pure.
//!
//! Where the dialect can tell of a gap, a queue above its soft limit gives up what costs its client least: first what
//! passes anyway, then the entries of the conversations that hold most. Those become one marker at the place of the first of
//! them, which later entries widen as long as it is queued. So each place of a log comes out once, in order, as an entry or
//! inside a gap.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{About, Frame};
use crate::domain::ids::{ConversationId, Seq};

/// What a marker counts for, bytes: about the length of its frame.
const MARKER_BYTES: usize = 96;
/// Frames for which an empty queue keeps its memory.
const KEPT_FRAMES: usize = 8;

/// Sizes of a queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes from which on entries give way to markers; `None` where the dialect has no markers.
    pub(super) soft_bytes: Option<usize>,
    /// Bytes that are never passed.
    pub(super) bytes: usize,
    /// Frames and markers that are never passed.
    pub(super) frames: usize,
}

/// The queue has no room, not even for markers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overflow;

/// What comes out.
#[derive(Debug, Clone)]
pub(super) enum Outgoing {
    /// As it was put in.
    Frame(Frame),
    /// Entries that were given up, both ends included.
    Gap(ConversationId, Seq, Seq),
}

#[derive(Debug)]
enum Queued {
    Frame(Frame),
    /// Its bounds are in `gaps`.
    Marker(ConversationId),
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    items: VecDeque<Queued>,
    bytes: usize,
    gaps: HashMap<ConversationId, (Seq, Seq)>,
    passing: usize,
}

impl Queue {
    /// Takes a frame, and makes room for it if need be.
    pub(super) fn push(&mut self, frame: Frame, limits: &Limits) -> Result<(), Overflow> {
        if let About::Entry { place: (conversation, seq), .. } = frame.about
            && let Some((_, to)) = self.gaps.get_mut(&conversation)
        {
            *to = seq;
            return Ok(());
        }
        self.passing += usize::from(frame.about == About::Passing);
        self.bytes += frame.text.len();
        self.items.push_back(Queued::Frame(frame));
        if let Some(soft) = limits.soft_bytes
            && (self.bytes > soft || self.items.len() > limits.frames)
        {
            self.shed(soft, limits.frames);
        }
        if self.bytes > limits.bytes || self.items.len() > limits.frames { Err(Overflow) } else { Ok(()) }
    }

    /// Forgets the entries up to the given places.
    pub(super) fn begin_after(&mut self, floors: &HashMap<ConversationId, Seq>) {
        let is_old = |(conversation, seq): (ConversationId, Seq)| {
            floors.get(&conversation).is_some_and(|floor| seq <= *floor)
        };
        self.items.retain(|queued| place_of(queued).is_none_or(|place| !is_old(place)));
        for (conversation, (from, _)) in &mut self.gaps {
            *from = floors.get(conversation).map_or(*from, |floor| floor.next().max(*from));
        }
        let gaps = &mut self.gaps;
        gaps.retain(|_, (from, to)| from <= to);
        self.items.retain(|queued| !matches!(queued, Queued::Marker(c) if !gaps.contains_key(c)));
        self.recount();
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self, mut each: impl FnMut(Outgoing)) {
        (self.bytes, self.passing) = (0, 0);
        for queued in self.items.drain(..) {
            match queued {
                Queued::Frame(frame) => each(Outgoing::Frame(frame)),
                Queued::Marker(conversation) => {
                    if let Some((from, to)) = self.gaps.remove(&conversation) {
                        each(Outgoing::Gap(conversation, from, to));
                    }
                }
            }
        }
        // The next event needs no allocation, and a burst leaves none behind.
        self.items.shrink_to(KEPT_FRAMES);
        self.gaps.shrink_to_fit();
    }

    /// Bytes of text, markers included.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Gives up enough to be well below the limits, so that the next pushes are cheap again.
    fn shed(&mut self, soft: usize, frames: usize) {
        if self.passing > 0 {
            self.passing = 0;
            self.items
                .retain(|queued| !matches!(queued, Queued::Frame(frame) if frame.about == About::Passing));
            self.recount();
        }
        if self.bytes <= soft && self.items.len() <= frames {
            return;
        }
        let chosen = self.heaviest(soft - soft / 4, frames - frames / 4);
        self.collapse(&chosen);
        self.recount();
    }

    /// The conversations to give up, those that hold most bytes first, until the rest is below both marks.
    fn heaviest(&self, bytes: usize, frames: usize) -> HashSet<ConversationId> {
        let mut held: HashMap<ConversationId, (usize, usize)> = HashMap::new();
        for queued in &self.items {
            if let Queued::Frame(Frame { text, about: About::Entry { place, .. }, .. }) = queued {
                let (bytes, count) = held.entry(place.0).or_default();
                *bytes += text.len();
                *count += 1;
            }
        }
        let mut held: Vec<_> = held.into_iter().collect();
        held.sort_unstable_by_key(|(conversation, (bytes, _))| (std::cmp::Reverse(*bytes), *conversation));
        let (mut left, mut count) = (self.bytes, self.items.len());
        let mut chosen = HashSet::new();
        for (conversation, (its_bytes, its_count)) in held {
            if left <= bytes && count <= frames {
                break;
            }
            // A marker may be larger than what it stands for.
            left = (left + MARKER_BYTES).saturating_sub(its_bytes);
            count -= its_count - 1;
            chosen.insert(conversation);
        }
        chosen
    }

    fn collapse(&mut self, chosen: &HashSet<ConversationId>) {
        for queued in std::mem::take(&mut self.items) {
            match place_of(&queued).filter(|(conversation, _)| chosen.contains(conversation)) {
                None => self.items.push_back(queued),
                Some((conversation, seq)) => {
                    let gaps = &mut self.gaps;
                    let items = &mut self.items;
                    gaps.entry(conversation).and_modify(|(_, to)| *to = seq).or_insert_with(|| {
                        items.push_back(Queued::Marker(conversation));
                        (seq, seq)
                    });
                }
            }
        }
    }

    fn recount(&mut self) {
        self.bytes = self.items.iter().map(size_of_queued).sum();
    }
}

fn place_of(queued: &Queued) -> Option<(ConversationId, Seq)> {
    match queued {
        Queued::Frame(Frame { about: About::Entry { place, .. }, .. }) => Some(*place),
        _ => None,
    }
}

fn size_of_queued(queued: &Queued) -> usize {
    match queued {
        Queued::Frame(frame) => frame.text.len(),
        Queued::Marker(_) => MARKER_BYTES,
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
