//! The sabotage that acknowledges before the commit: the answers that a batch would probably get, while the batch is
//! forgotten. Never runs unless [`crate::sabotage`] says so.

use std::collections::HashMap;

use jiff::Timestamp;

use super::Job;
use crate::domain::ids::{ConversationId, EntryId, Seq, Xid};
use crate::domain::reply::Receipt;
use crate::store::Store;

/// Bits of a made-up number of an entry: few enough for every client to read.
const ID_BITS: u128 = (1 << 52) - 1;

/// Answers every job with the place that its message would take now.
pub(super) async fn acknowledge(store: &Store, batch: Vec<Job>) {
    let mut ends = HashMap::new();
    for job in batch {
        let conversation = job.draft.conversation;
        let last = match ends.get(&conversation) {
            Some(last) => *last,
            None => end(store, conversation).await,
        };
        ends.insert(conversation, last.next());
        let uuid = job.draft.uuid;
        let (seconds, nanos) = uuid.get_timestamp().map_or((0, 0), |time| time.to_unix());
        let created_at = Timestamp::new(seconds.cast_signed(), nanos.cast_signed());
        let receipt = Receipt {
            conversation,
            id: EntryId(i64::try_from(uuid.as_u128() & ID_BITS).unwrap_or(i64::MAX)),
            seq: last.next(),
            created_at: created_at.unwrap_or(Timestamp::UNIX_EPOCH),
            duplicate: false,
        };
        // The socket may be gone: then nobody was lied to.
        let _ = job.done.send(Ok(receipt));
    }
}

/// The last place of a log, or none when it cannot be read: any place will do for a lie.
async fn end(store: &Store, conversation: ConversationId) -> Seq {
    store.position_before(conversation, Xid(i64::MAX)).await.unwrap_or(Seq::ZERO)
}
