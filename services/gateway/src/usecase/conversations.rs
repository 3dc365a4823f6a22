//! Lists a user's conversations, and reads a part of a log.

use super::names::{Names, users_in};
use super::resume::{ANSWER_BYTES, ENTRY_BYTES};
use super::{Messenger, is_full};
use crate::domain::command::Range;
use crate::domain::error::GatewayError;
use crate::domain::ids::{ConversationId, Seq, UserId};
use crate::domain::page::{Cursor, Limit};
use crate::domain::reply::{Reply, Summary, With};
use crate::store::{Budget, Keep, LogRow, Stretch, SummaryRow, Window, WithRow};

impl Messenger {
    pub(super) async fn conversations(
        &self,
        user: UserId,
        limit: Limit,
        after: Option<Cursor>,
    ) -> Result<Reply, GatewayError> {
        let rows = self.store.conversations(user, after, limit).await?;
        let names = self.names(rows.iter().flat_map(users_of).flatten().collect()).await;
        let next = rows
            .last()
            .filter(|_| is_full(rows.len(), limit))
            .map(|row| Cursor { at_us: row.last_entry_at.as_microsecond(), conversation: row.conversation });
        let rows = rows.into_iter().map(|row| summary(row, &names)).collect();
        Ok(Reply::Conversations { rows, next })
    }

    pub(super) async fn entries(
        &self,
        user: UserId,
        conversation: ConversationId,
        range: Range,
        limit: Limit,
    ) -> Result<Reply, GatewayError> {
        let window = self.store.window(user, conversation).await?.ok_or(GatewayError::NotFound)?;
        let part = part(range, window, limit);
        let mut rows = Vec::new();
        if part.after < part.top {
            let stretch = Stretch { conversation, after: part.after, top: part.top };
            let budget = Budget { bytes: ANSWER_BYTES, entry_bytes: ENTRY_BYTES };
            rows = self.store.stretch(stretch, part.keep, budget).await?;
        }
        let names = self.names(users_in(rows.iter())).await;
        Ok(Reply::Entries {
            conversation,
            last_seq: window.top,
            has_more: has_more(&part, window, &rows),
            entries: rows.into_iter().map(|row| names.place(conversation, row)).collect(),
        })
    }
}

fn users_of(row: &SummaryRow) -> [Option<UserId>; 2] {
    let peer = match row.with {
        WithRow::Peer(peer, _) => Some(peer),
        WithRow::Group(..) => None,
    };
    [peer, row.last_message.as_ref().map(|entry| entry.sender)]
}

fn summary(row: SummaryRow, names: &Names) -> Summary {
    let with = match row.with {
        WithRow::Peer(id, marks) => With::Peer { id, name: names.of(id).name, marks },
        WithRow::Group(name, role) => With::Group { name, role },
    };
    Summary {
        conversation: row.conversation,
        with,
        joined_seq: row.joined_seq,
        last_seq: row.last_seq,
        own: row.own,
        unread: row.unread,
        last_message: row.last_message.map(|entry| Box::new(names.event(entry))),
        last_entry_at: row.last_entry_at,
    }
}

/// A part of what a user may see.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    after: Seq,
    top: Seq,
    keep: Keep,
}

/// The part that is asked for: no more rows than the limit, and none that the user may not see.
fn part(range: Range, window: Window, limit: Limit) -> Part {
    let floor = floor(window);
    let newest_of = |top: Seq| {
        let after = Seq(top.0.saturating_sub(limit.rows())).max(floor);
        Part { after, top, keep: Keep::Newest }
    };
    match range {
        Range::After(seq) => {
            let after = seq.max(floor);
            let top = Seq(after.0.saturating_add(limit.rows())).min(window.top);
            Part { after, top, keep: Keep::Oldest }
        }
        Range::Before(seq) => newest_of(Seq(seq.0.saturating_sub(1)).min(window.top)),
        Range::Newest => newest_of(window.top),
    }
}

/// The place before the first that the user may see.
fn floor(window: Window) -> Seq {
    Seq(window.joined_seq.0.saturating_sub(1).max(0))
}

/// Whether there is more in the direction in which the part was cut.
fn has_more(part: &Part, window: Window, rows: &[LogRow]) -> bool {
    match part.keep {
        Keep::Oldest => rows.last().is_some_and(|row| row.seq < window.top),
        Keep::Newest => rows.first().is_some_and(|row| row.seq > floor(window).next()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(joined: i64, top: i64) -> Window {
        Window { joined_seq: Seq(joined), top: Seq(top) }
    }

    fn bounds(range: Range, window: Window) -> (i64, i64) {
        let part = part(range, window, Limit::new(10).unwrap());
        (part.after.0, part.top.0)
    }

    #[test]
    fn a_part_lies_in_what_the_user_may_see() {
        let group = window(5, 40);
        for (range, expected) in [
            (Range::After(Seq(0)), (4, 14)),
            (Range::After(Seq(20)), (20, 30)),
            (Range::After(Seq(35)), (35, 40)),
            (Range::After(Seq(i64::MAX)), (i64::MAX, 40)),
            (Range::Before(Seq(20)), (9, 19)),
            (Range::Before(Seq(8)), (4, 7)),
            (Range::Before(Seq(i64::MAX)), (30, 40)),
            (Range::Newest, (30, 40)),
        ] {
            assert_eq!(bounds(range, group), expected, "{range:?}");
        }
        assert_eq!(bounds(Range::Newest, window(0, 3)), (0, 3));
        for nothing in [Range::Before(Seq(i64::MIN)), Range::Before(Seq(5)), Range::After(Seq(40))] {
            let (after, top) = bounds(nothing, group);
            assert!(after >= top, "{nothing:?}");
        }
    }

    #[test]
    fn there_is_more_as_long_as_the_end_was_not_reached() {
        let group = window(5, 40);
        let more = |range, from: i64, to: i64| {
            let part = part(range, group, Limit::new(10).unwrap());
            let rows: Vec<_> =
                (from..=to).map(|seq| LogRow { seq: Seq(seq), entry: None, users: None }).collect();
            has_more(&part, group, &rows)
        };
        assert!(more(Range::After(Seq(20)), 21, 30));
        assert!(more(Range::After(Seq(30)), 31, 39), "cut by its bytes");
        assert!(!more(Range::After(Seq(30)), 31, 40));
        assert!(more(Range::Newest, 31, 40));
        assert!(more(Range::Before(Seq(9)), 6, 8), "cut by its bytes");
        assert!(!more(Range::Before(Seq(9)), 5, 8));
        assert!(!more(Range::Before(Seq(5)), 1, 0), "nothing before the joining");
    }
}
