//! Reads of the log that close holes, beside the workers and bounded in number.

use std::collections::HashMap;
use std::sync::Arc;

use super::Context;
use crate::domain::event::{Author, Event};
use crate::domain::ids::{ConversationId, Seq, UserId, Xid};

/// Entries read at once; a larger hole takes several reads.
const FILL_ROWS: i64 = 500;

/// What a gate puts in order: an event, or the place of an entry that this version cannot read.
#[derive(Debug)]
pub(super) struct Item {
    /// What to deliver.
    pub(super) event: Option<Arc<Event>>,
    /// The trace of the request that caused it.
    pub(super) trace: Option<Box<str>>,
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
    let senders: Vec<_> =
        rows.iter().filter_map(|row| row.entry.as_ref()).map(|entry| entry.sender).collect();
    let authors = authors(context, &senders).await;
    let item = |entry: crate::domain::entry::Entry| {
        let author = authors.get(&entry.sender).cloned().unwrap_or_default();
        Arc::new(Event { entry, author, subject: Author::default() })
    };
    Some(rows.into_iter().map(|row| (row.seq, Item { event: row.entry.map(item), trace: None })).collect())
}

/// How the senders are shown. Without accounts the entries go out without names: late is worse.
async fn authors(context: &Context, senders: &[UserId]) -> HashMap<UserId, Author> {
    match context.directory.get(senders).await {
        Ok(profiles) => profiles.into_iter().map(|(user, profile)| (user, profile.author())).collect(),
        Err(error) => {
            tracing::warn!(%error, "names were not found");
            HashMap::new()
        }
    }
}
