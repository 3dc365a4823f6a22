use std::future::pending;

use futures_util::future::BoxFuture;

use super::*;
use crate::directory::DirectoryError;
use crate::domain::command::{Mark, MarkKind, Range};
use crate::domain::event::Audience;
use crate::domain::reply::{Resumed, With};
use crate::domain::sync::Bookmark;

/// What a resume answers: conversations, unknown ones, where it ended if there are more.
type Answer = (Vec<Resumed>, Vec<ConversationId>, Option<Bookmark>);

impl Fixture {
    async fn resume(&self, user: i64, positions: &[(ConversationId, i64)]) -> Answer {
        let positions = positions.iter().map(|(conversation, seq)| (*conversation, Seq(*seq))).collect();
        match self.ask(user, Command::Resume { since: None, positions, after: None }).await.unwrap() {
            Reply::Resumed { conversations, unknown, next } => (conversations, unknown, next),
            other => panic!("{other:?}"),
        }
    }

    /// Last place, places, whether there are more.
    async fn entries(
        &self,
        user: i64,
        conversation: ConversationId,
        range: Range,
        rows: i64,
    ) -> Result<(i64, Vec<i64>, bool), GatewayError> {
        let command = Command::GetEntries { conversation, range, limit: limit(rows) };
        match self.ask(user, command).await? {
            Reply::Entries { last_seq, entries, has_more, .. } => Ok((last_seq.0, seqs(&entries), has_more)),
            other => panic!("{other:?}"),
        }
    }

    async fn mark(&self, user: i64, conversation: ConversationId, kind: MarkKind, seq: i64) -> i64 {
        let mark = Mark { conversation, kind, seq: Seq(seq) };
        match self.ask(user, Command::Mark(mark)).await.unwrap() {
            Reply::Marked(seq) => seq.0,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_was_missed_is_told_or_bounded() {
    let fixture = fixture().await;
    let (much, little) = (fixture.dialog(2, 1, 103, "x").await, fixture.dialog(3, 1, 2, "y").await);
    let named = [(much, 2), (little, 0), (ConversationId(99), 5)];
    let (conversations, unknown, next) = fixture.resume(1, &named).await;
    assert_eq!((unknown, next), (vec![ConversationId(99)], None));
    let [first, second] = &conversations[..] else { panic!("{conversations:?}") };
    assert_eq!((first.conversation, first.limited, seqs(&first.entries)), (little, None, vec![1, 2]));
    assert_eq!((second.conversation, second.last_seq, second.member), (much, Seq(103), true));
    assert_eq!(second.limited, Some((Seq(3), Seq(103))), "101 are missing");
    assert_eq!(seqs(&second.entries), (54..=103).collect::<Vec<_>>());
    let (conversations, ..) = fixture.resume(1, &[(much, 3)]).await;
    assert_eq!((conversations[0].limited, conversations[0].entries.len()), (None, 100));
}

#[tokio::test]
async fn what_is_too_heavy_is_to_be_pulled() {
    let fixture = fixture().await;
    let text = "x".repeat(60_000);
    let (light, heavy) = (fixture.dialog(3, 1, 3, "y").await, fixture.dialog(2, 1, 9, &text).await);
    let (conversations, ..) = fixture.resume(1, &[(light, 0), (heavy, 0)]).await;
    let [first, second] = &conversations[..] else { panic!("{conversations:?}") };
    assert_eq!((first.conversation, first.limited), (heavy, Some((Seq(1), Seq(9)))));
    assert!(first.entries.is_empty());
    assert_eq!((second.conversation, second.limited, second.entries.len()), (light, None, 3));

    let (last, some, more) = fixture.entries(1, heavy, Range::After(Seq(0)), 100).await.unwrap();
    assert_eq!((last, &some[..], more), (9, &[1, 2, 3, 4, 5, 6, 7, 8][..], true));
    assert_eq!(fixture.entries(1, heavy, Range::After(Seq(8)), 100).await, Ok((9, vec![9], false)));
    let newest = fixture.entries(1, heavy, Range::Newest, 100).await;
    assert_eq!(newest, Ok((9, (2..=9).collect(), true)));
}

#[tokio::test]
async fn a_log_is_pulled_from_both_ends_by_who_is_or_was_a_member() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2]).await;
    for _ in 0..6 {
        fixture.send(1, Destination::Group(group), "x").await.unwrap();
    }
    assert_eq!(fixture.entries(1, group, Range::Newest, 3).await, Ok((8, vec![6, 7, 8], true)));
    assert_eq!(fixture.entries(1, group, Range::Before(Seq(6)), 9).await, Ok((8, (1..=5).collect(), false)));
    assert_eq!(fixture.entries(2, group, Range::After(Seq(0)), 3).await, Ok((8, vec![2, 3, 4], true)));
    assert_eq!(fixture.entries(2, group, Range::Before(Seq(3)), 3).await, Ok((8, vec![2], false)));
    assert_eq!(fixture.entries(2, group, Range::After(Seq(8)), 3).await, Ok((8, vec![], false)));
    fixture.ask(1, Command::RemoveMember { group, user: UserId(2) }).await.unwrap();
    fixture.send(1, Destination::Group(group), "after").await.unwrap();
    assert_eq!(fixture.entries(2, group, Range::Newest, 2).await, Ok((9, vec![8, 9], true)));
    let (conversations, ..) = fixture.resume(2, &[(group, 8)]).await;
    assert_eq!((conversations[0].member, seqs(&conversations[0].entries)), (false, vec![9]));
    assert_eq!(event(&conversations[0].entries[0]).subject.name.as_deref(), Some("Bob"));
    let stranger = fixture.entries(3, group, Range::Newest, 2).await;
    assert_eq!(stranger, Err(GatewayError::NotFound));
    let nowhere = fixture.entries(1, ConversationId(99), Range::Newest, 2).await;
    assert_eq!(nowhere, Err(GatewayError::NotFound));
}

#[tokio::test]
async fn conversations_are_listed_page_by_page() {
    let fixture = fixture().await;
    let (first, group) = (fixture.dialog(1, 2, 1, "x").await, fixture.group(&[1]).await);
    let last = fixture.dialog(3, 1, 2, "y").await;
    let list = async |after| match fixture.ask(1, Command::ListConversations { limit: limit(2), after }).await
    {
        Ok(Reply::Conversations { rows, next }) => (rows, next),
        other => panic!("{other:?}"),
    };
    let (rows, next) = list(None).await;
    assert_eq!(rows.iter().map(|row| row.conversation).collect::<Vec<_>>(), [last, group]);
    assert_eq!((rows[0].unread, rows[1].last_message.is_none()), (2, true));
    let With::Peer { id, name, .. } = &rows[0].with else { panic!("a dialog") };
    assert_eq!((*id, name.as_deref()), (UserId(3), Some("Cid")));
    let author = rows[0].last_message.as_ref().and_then(|event| event.author.name.clone());
    assert_eq!(author.as_deref(), Some("Cid"));
    let (rows, next) = list(next).await;
    assert_eq!((rows[0].conversation, rows.len(), next), (first, 1, None));
}

/// Knows the users that it was told of and answers nobody who asks.
struct Silent(Arc<StaticDirectory>);

impl Directory for Silent {
    fn get<'a>(
        &'a self,
        _: &'a [UserId],
    ) -> BoxFuture<'a, Result<HashMap<UserId, Arc<Profile>>, DirectoryError>> {
        Box::pin(pending())
    }
    fn peek(&self, id: UserId) -> Option<Arc<Profile>> {
        self.0.peek(id)
    }
    fn invalidate(&self, _: UserId) {}
}

/// Late is worse than nameless: what is known already is shown, and the rest comes without.
#[tokio::test]
async fn without_accounts_names_are_left_out() {
    let known = Arc::new(StaticDirectory::of(&[(1, "Ann")]));
    let silent = fixture_with(Arc::new(Silent(Arc::clone(&known))), known).await;
    let away = fixture().await;
    away.directory.set_available(false);
    for fixture in [silent, away] {
        let store = &fixture.messenger.store;
        let entry = store.create_group(UserId(1), &name("g"), 9).await.unwrap().unwrap();
        let group = entry.conversation;
        store.add_member(group, UserId(1), UserId(77), 9, 9).await.unwrap().unwrap();
        store.leave_group(group, UserId(77)).await.unwrap().unwrap();
        let (conversations, ..) = fixture.resume(1, &[(group, 0)]).await;
        let authors = conversations[0].entries.iter().map(|place| event(place).author.name.clone());
        let authors: Vec<_> = authors.collect();
        assert_eq!(authors, [Some("Ann".into()), Some("Ann".into()), None]);
        assert_eq!(fixture.entries(1, group, Range::Newest, 9).await, Ok((3, vec![1, 2, 3], false)));
    }
}

#[tokio::test]
async fn a_watermark_that_moves_is_told_to_whom_it_concerns() {
    let fixture = fixture().await;
    let (dialog, small) = (fixture.dialog(2, 1, 3, "x").await, fixture.group(&[1, 2]).await);
    let large = fixture.group(&[1, 2, 3]).await;
    assert_eq!(fixture.mark(1, dialog, MarkKind::Read, 2).await, 2);
    assert_eq!(fixture.mark(1, dialog, MarkKind::Read, 1).await, 2);
    assert_eq!(fixture.mark(1, dialog, MarkKind::Delivered, 2).await, 2, "read is delivered");
    fixture.mark(1, dialog, MarkKind::Delivered, 3).await;
    fixture.mark(1, small, MarkKind::Read, 1).await;
    fixture.mark(1, large, MarkKind::Read, 1).await;
    let told: Vec<_> = fixture.bus.watermarks.lock().unwrap().clone();
    let of = |conversation, kind, seq, audience| Watermark {
        user: UserId(1),
        mark: Mark { conversation, kind, seq: Seq(seq) },
        audience,
    };
    let expected = [
        of(dialog, MarkKind::Read, 2, Audience::Peer(UserId(2))),
        of(dialog, MarkKind::Delivered, 3, Audience::Peer(UserId(2))),
        of(small, MarkKind::Read, 1, Audience::Members),
        of(large, MarkKind::Read, 1, Audience::Nobody),
    ];
    assert_eq!(told, expected);
    let mark = Mark { conversation: large, kind: MarkKind::Read, seq: Seq(9) };
    let beyond = fixture.ask(1, Command::Mark(mark)).await;
    assert!(matches!(beyond, Err(GatewayError::Invalid { field: "seq", .. })));
    assert_eq!(fixture.ask(5, Command::Mark(mark)).await, Err(GatewayError::NotFound));
}
