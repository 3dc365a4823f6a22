//! Reads of the log that close holes, beside the workers and bounded in number.

use std::collections::HashMap;
use std::sync::Arc;

use super::Context;
use super::figures::Arrival;
use super::held::Weight;
use crate::domain::entry::Entry;
use crate::domain::event::{Author, Event};
use crate::domain::ids::{ConversationId, Seq, UserId, Xid};
use crate::store::LogRow;

/// Entries read at once; a larger hole takes several reads.
const FILL_ROWS: i64 = 500;

/// What a gate puts in order: an event, or the place of an entry that this version cannot read.
#[derive(Debug)]
pub(super) struct Item {
    /// Its place.
    pub(super) seq: Seq,
    /// What to deliver; none of an entry that this version cannot read.
    pub(super) event: Option<Arc<Event>>,
    /// Whom an entry that cannot be read names: in a dialog it is theirs.
    pub(super) users: Option<(UserId, UserId)>,
    /// How it came here.
    pub(super) arrival: Arrival,
    /// The trace of the request that caused it.
    pub(super) trace: Option<Box<str>>,
}

/// What an entry costs beside its body: itself, names, its place in a map.
const ENTRY_BYTES: usize = 400;

impl Weight for Item {
    fn bytes(&self) -> usize {
        let body = self.event.as_ref().map_or(0, |event| event.entry.body.len());
        ENTRY_BYTES + body + self.trace.as_ref().map_or(0, |trace| trace.len())
    }
}

/// Rows of the log by sequence.
pub(super) type Rows = Vec<(Seq, Item)>;

/// From where on to deliver a conversation that was not tracked; `None` when that cannot be read now.
pub(super) async fn position(
    context: &Context,
    conversation: ConversationId,
    since: Option<Xid>,
) -> Option<Seq> {
    let _turn = context.log_reads.acquire().await.ok()?;
    match context.store.position_before(conversation, since?).await {
        Ok(position) => Some(position),
        Err(error) => {
            tracing::warn!(%error, "position was not read");
            None
        }
    }
}

/// The entries after `after`, up to `up_to` or [`FILL_ROWS`]; `None` when they cannot be read now.
pub(super) async fn read(
    context: &Context,
    conversation: ConversationId,
    after: Seq,
    up_to: Seq,
) -> Option<Rows> {
    let _turn = context.log_reads.acquire().await.ok()?;
    let rows = match context.store.entries_between(conversation, after, up_to, FILL_ROWS).await {
        Ok(rows) => rows,
        Err(error) => {
            tracing::warn!(%error, "hole was not filled");
            return None;
        }
    };
    metrics::counter!("gateway_holes_filled_total").increment(1);
    let users: Vec<_> = rows.iter().filter_map(|row| row.entry.as_ref()).flat_map(named).collect();
    let authors = authors(context, &users).await;
    let shown = |user: UserId| authors.get(&user).cloned().unwrap_or_default();
    let event = |entry: Entry| {
        let subject = subject(&entry).map(shown).unwrap_or_default();
        Arc::new(Event { author: shown(entry.sender), subject, entry })
    };
    let item = |row: LogRow| {
        let (seq, users, arrival) = (row.seq, row.users, Arrival::Log);
        (seq, Item { seq, event: row.entry.map(event), users, arrival, trace: None })
    };
    Some(rows.into_iter().map(item).collect())
}

/// The user whom a membership entry is about.
fn subject(entry: &Entry) -> Option<UserId> {
    entry.recipient.filter(|_| entry.kind.is_membership())
}

/// The users whose names an entry shows.
fn named(entry: &Entry) -> impl Iterator<Item = UserId> {
    std::iter::once(entry.sender).chain(subject(entry))
}

/// How the users are shown. Without accounts the entries go out without names: late is worse.
async fn authors(context: &Context, senders: &[UserId]) -> HashMap<UserId, Author> {
    match context.directory.get(senders).await {
        Ok(profiles) => profiles.into_iter().map(|(user, profile)| (user, profile.author())).collect(),
        Err(error) => {
            tracing::warn!(%error, "names were not found");
            HashMap::new()
        }
    }
}
