//! The log as the database has it at the end of a run.

use anyhow::{Context as _, Result};
use tokio_postgres::Client;

use crate::history::{Entry, Event, Kind, Writer, digest};

/// Conversations with their heads, and which of them are dialogs.
const CONVERSATIONS: &str = "SELECT id, kind, low_user, high_user, last_seq FROM conversations ORDER BY id";
const ENTRIES: &str = "SELECT conversation_id, seq, id, kind, sender_id, client_id, recipient_id, body FROM entries \
     ORDER BY conversation_id, seq";
const HEADS: &str = "SELECT m.user_id, c.id, COALESCE(m.left_seq, c.last_seq) FROM members m \
     JOIN conversations c ON c.id = m.conversation_id";

/// What a member must have been shown in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The member.
    pub(crate) user: i64,
    /// The conversation.
    pub(crate) conversation: i64,
    /// Its last entry, or the one that ended the membership.
    pub(crate) last_seq: u64,
}

/// What `user` has not been shown of his conversations by somebody called `who`, in words; `shown` tells the places.
pub(crate) fn behind(heads: &[Head], user: i64, who: &str, shown: impl Fn(i64) -> u64) -> Vec<String> {
    let own = heads.iter().filter(|head| head.user == user);
    own.filter_map(|Head { conversation, last_seq, .. }| {
        let place = shown(*conversation);
        (place < *last_seq)
            .then(|| format!("{who} of user {user} is at {place} of {conversation}/{last_seq}"))
    })
    .collect()
}

/// Up to where each member must be shown each conversation.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn heads(log: &Client) -> Result<Vec<Head>> {
    let rows = log.query(HEADS, &[]).await.context("read the heads")?;
    let head = |row: &tokio_postgres::Row| Head {
        user: row.get(0),
        conversation: row.get(1),
        last_seq: u64::try_from(row.get::<_, i64>(2)).unwrap_or_default(),
    };
    Ok(rows.iter().map(head).collect())
}

/// Writes the whole log into the history, and that it is complete.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn dump(log: &Client, writer: &Writer) -> Result<()> {
    for row in log.query(CONVERSATIONS, &[]).await.context("read the conversations")? {
        let dialog = (row.get::<_, i16>(1) == 0).then(|| (row.get(2), row.get(3)));
        writer.add(Event::Conversation { conversation: row.get(0), dialog, last_seq: row.get(4) }).await;
    }
    for row in log.query(ENTRIES, &[]).await.context("read the entries")? {
        let kind = match row.get::<_, i16>(3) {
            0 => Kind::Message,
            1 => Kind::GroupCreated,
            2 => Kind::MemberAdded,
            3 => Kind::MemberLeft,
            4 => Kind::MemberRemoved,
            5 => Kind::GroupRenamed,
            6 => Kind::RoleChanged,
            _ => Kind::Unsupported,
        };
        let entry = Entry {
            conversation: row.get(0),
            seq: row.get(1),
            id: row.get(2),
            kind,
            sender: row.get(4),
            message: row.get(5),
            subject: row.get(6),
            digest: (kind == Kind::Message).then(|| digest(row.get(7))),
        };
        writer.add(Event::Log { entry }).await;
    }
    writer.add(Event::End).await;
    Ok(())
}
