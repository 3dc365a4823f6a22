use futures_util::future::join_all;

use super::*;
use crate::domain::command::{Mark, MarkKind};
use crate::domain::error::GatewayError;

pub(super) use crate::store::marks::MARK;

const FEW: i64 = 2;

impl Fixture {
    async fn mark(
        &self,
        user: i64,
        conversation: ConversationId,
        kind: MarkKind,
        seq: i64,
    ) -> Result<Marked, GatewayError> {
        let mark = Mark { conversation, kind, seq: Seq(seq) };
        self.store.mark(UserId(user), mark, FEW).await.unwrap()
    }

    /// Read and delivered of a member.
    async fn marks(&self, user: i64, conversation: ConversationId) -> (i64, i64) {
        let heads =
            self.store.resume_heads(UserId(user), None, &[(conversation, Seq::ZERO)], None).await.unwrap();
        (heads.heads[0].own.read.0, heads.heads[0].own.delivered.0)
    }
}

#[tokio::test]
async fn a_watermark_moves_forward_only_and_what_is_read_is_delivered() {
    use MarkKind::{Delivered, Read};
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let drafts: Vec<_> = (0..9).map(|_| message(dialog, 1, Some(2), "x")).collect();
    fixture.send(&drafts).await;
    let marked = |seq, moved| Ok(Marked { seq: Seq(seq), moved, peer: Some(UserId(1)), is_small: false });
    assert_eq!(fixture.mark(2, dialog, Delivered, 5).await, marked(5, true));
    assert_eq!(fixture.marks(2, dialog).await, (0, 5));
    assert_eq!(fixture.mark(2, dialog, Read, 3).await, marked(3, true));
    assert_eq!(fixture.marks(2, dialog).await, (3, 5), "delivered does not go back");
    assert_eq!(fixture.mark(2, dialog, Read, 7).await, marked(7, true));
    assert_eq!(fixture.marks(2, dialog).await, (7, 7));
    assert_eq!(fixture.mark(2, dialog, Read, 7).await, marked(7, false));
    assert_eq!(fixture.mark(2, dialog, Read, 2).await, marked(7, false));
    assert_eq!(fixture.mark(2, dialog, Delivered, 6).await, marked(7, false));
    assert_eq!(fixture.marks(1, dialog).await, (0, 0), "everyone has their own");
}

#[tokio::test]
async fn a_watermark_is_of_a_member_and_of_an_entry_that_is_there() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2, 3]).await;
    fixture.store.leave_group(group, UserId(3)).await.unwrap().unwrap();
    let invalid = |result: Result<Marked, GatewayError>| {
        matches!(result, Err(GatewayError::Invalid { field: "seq", .. }))
    };
    assert!(invalid(fixture.mark(1, group, MarkKind::Read, 5).await), "the log has four");
    assert!(fixture.mark(1, group, MarkKind::Read, 4).await.is_ok());
    assert!(invalid(fixture.mark(1, group, MarkKind::Read, 5).await));
    for (user, place) in [(9, group), (3, group), (1, ConversationId(999))] {
        let refused = fixture.mark(user, place, MarkKind::Read, 1).await;
        assert_eq!(refused, Err(GatewayError::NotFound), "user {user}");
        assert_eq!(fixture.mark(user, place, MarkKind::Read, 99).await, Err(GatewayError::NotFound));
    }
}

#[tokio::test]
async fn members_of_a_small_group_are_told() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2]).await;
    let small = async |seq| fixture.mark(1, group, MarkKind::Read, seq).await.unwrap().is_small;
    assert!(small(1).await);
    assert!(!small(1).await, "nothing moved, nobody is told");
    fixture.store.add_member(group, UserId(1), UserId(3), MANY, MANY).await.unwrap().unwrap();
    assert!(!small(2).await);
    fixture.store.leave_group(group, UserId(3)).await.unwrap().unwrap();
    assert!(small(3).await);
    let oneself = fixture.dialog(1, 1).await;
    fixture.send(&[message(oneself, 1, Some(1), "note")]).await;
    let marked = fixture.mark(1, oneself, MarkKind::Read, 1).await.unwrap();
    assert_eq!((marked.peer, marked.moved), (Some(UserId(1)), true));
}

/// Devices of one user race: the watermark ends at the highest, and none is answered a lower one than its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_watermarks_end_at_the_highest() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let drafts: Vec<_> = (0..40).map(|_| message(dialog, 1, Some(2), "x")).collect();
    fixture.send(&drafts).await;
    let race = (1..=40).map(|seq| {
        let kind = if seq % 2 == 0 { MarkKind::Read } else { MarkKind::Delivered };
        let fixture = &fixture;
        async move { (seq, fixture.mark(2, dialog, kind, seq).await.unwrap().seq.0) }
    });
    for (asked, answered) in join_all(race).await {
        assert!(answered >= asked, "{answered} for {asked}");
    }
    assert_eq!(fixture.marks(2, dialog).await, (40, 40));
}
