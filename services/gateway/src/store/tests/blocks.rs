use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;

use super::*;
use crate::domain::error::GatewayError;
use crate::domain::page::Limit;

pub(super) use crate::store::blocks::{BLOCK_USER, BLOCKED, UNBLOCK_USER};

impl Fixture {
    async fn block(&self, user: i64, blocked: i64) {
        self.store.block(UserId(user), UserId(blocked), MANY).await.unwrap().unwrap();
    }

    async fn unblock(&self, user: i64, blocked: i64) {
        self.store.unblock(UserId(user), UserId(blocked)).await.unwrap();
    }

    async fn add(&self, group: ConversationId, actor: i64, user: i64) -> Result<(), GatewayError> {
        let added = self.store.add_member(group, UserId(actor), UserId(user), MANY, MANY).await.unwrap();
        added.map(drop)
    }
}

#[tokio::test]
async fn a_block_stops_both_until_it_is_taken_back() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let try_both = async || {
        let drafts = [message(dialog, 1, Some(2), "from 1"), message(dialog, 2, Some(1), "from 2")];
        fixture.send(&drafts).await
    };
    for (user, blocked) in [(1, 2), (2, 1)] {
        fixture.block(user, blocked).await;
        fixture.block(user, blocked).await;
        let mut expected = [Outcome::BlockedBySender, Outcome::BlockedByPeer];
        if user == 2 {
            expected.reverse();
        }
        assert_eq!(try_both().await, expected, "{user} has blocked {blocked}");
        fixture.unblock(user, blocked).await;
        assert!(try_both().await.iter().all(|outcome| matches!(outcome, Outcome::Stored { .. })));
    }
    fixture.block(1, 2).await;
    fixture.block(2, 1).await;
    assert_eq!(try_both().await, [Outcome::BlockedBySender; 2]);
    fixture.unblock(1, 2).await;
    fixture.unblock(1, 2).await;
    assert_eq!(try_both().await, [Outcome::BlockedByPeer, Outcome::BlockedBySender]);
    assert_eq!(fixture.seqs(dialog).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn of_a_batch_only_the_blocked_rows_are_refused_and_a_retry_gets_its_first_answer() {
    let fixture = fixture().await;
    let (shut, open, group) =
        (fixture.dialog(1, 2).await, fixture.dialog(1, 3).await, fixture.group(&[1, 2]).await);
    let first = message(shut, 1, Some(2), "before the block");
    let Outcome::Stored { seq, id, created_at } = fixture.send(std::slice::from_ref(&first)).await[0] else {
        panic!("stored")
    };
    fixture.block(2, 1).await;
    let drafts = [
        first.clone(),
        message(shut, 1, Some(2), "after it"),
        message(open, 1, Some(3), "to another"),
        message(group, 1, None, "in a group with both"),
        Draft { content: "other".into(), ..first.clone() },
    ];
    let seen = Outcome::Seen { seq, id, created_at };
    for locked in [Locked::Skip, Locked::Wait] {
        let many = fixture.store.send(&drafts.iter().collect::<Vec<_>>(), locked).await.unwrap();
        assert_eq!((many[0], many[1], many[4]), (seen, Outcome::BlockedByPeer, Outcome::Conflict));
        let alone = fixture.store.send(&[&first], locked).await.unwrap();
        assert_eq!(alone, [seen]);
        let few = fixture.store.send(&[&drafts[1], &first], locked).await.unwrap();
        assert_eq!(few, [Outcome::BlockedByPeer, seen]);
    }
    assert_eq!((fixture.seqs(shut).await, fixture.seqs(open).await), (vec![1], vec![1]));
    assert_eq!(fixture.seqs(group).await, [1, 2, 3]);
}

/// A gateway of the version before reads statuses 0 to 6 and takes a batch with any other for failed.
#[tokio::test]
async fn a_refusal_is_one_that_the_version_before_understands() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    fixture.block(2, 1).await;
    let client = fixture.database.connect("messaging").await;
    for rows in [1, 5] {
        let sql = format!(
            "SELECT status FROM send_messages(false, array_fill({dialog}::bigint, ARRAY[{rows}]), \
             array_fill(1::bigint, ARRAY[{rows}]), array_fill(2::bigint, ARRAY[{rows}]), \
             ARRAY(SELECT gen_random_uuid() FROM generate_series(1, {rows})), \
             ARRAY(SELECT gen_random_uuid() FROM generate_series(1, {rows})), \
             array_fill('x'::text, ARRAY[{rows}]), array_fill(NULL::bigint, ARRAY[{rows}]))"
        );
        let statuses: Vec<i16> =
            client.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        assert_eq!(statuses, vec![3; rows]);
    }
}

#[tokio::test]
async fn no_dialog_begins_behind_a_block() {
    let fixture = fixture().await;
    fixture.block(2, 1).await;
    let open = async |user, peer| fixture.store.open_dialog(UserId(user), UserId(peer), MANY).await.unwrap();
    assert_eq!(open(1, 2).await, Err(GatewayError::CannotWrite));
    assert_eq!(open(2, 1).await, Err(GatewayError::BlockedByYou));
    assert_eq!(fixture.store.find_dialog(UserId(1), UserId(2)).await, Ok(None));
    fixture.unblock(2, 1).await;
    let dialog = open(1, 2).await.unwrap();
    assert_eq!(stored_seq(&fixture.send(&[message(dialog, 1, Some(2), "hello")]).await[0]), 1);
}

/// Whichever is first: afterwards nothing gets through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dialog_and_a_block_that_begin_together_know_of_each_other() {
    let fixture = fixture().await;
    let meet = async |number: i64| {
        let (user, peer) = (10 * number, 10 * number + 1);
        let (opened, ()) = tokio::join!(
            fixture.store.open_dialog(UserId(user), UserId(peer), MANY),
            fixture.block(peer, user)
        );
        match opened.unwrap() {
            Err(error) => assert_eq!(error, GatewayError::CannotWrite),
            Ok(dialog) => {
                let outcomes = fixture.send(&[message(dialog, user, Some(peer), "x")]).await;
                assert_eq!(outcomes, [Outcome::BlockedByPeer]);
            }
        }
    };
    join_all((1..=100).map(meet)).await;
}

/// The block waits for the batch that has the conversation's row, and what comes after the block is not stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_and_messages_have_one_order() {
    let fixture = fixture().await;
    let (dialog, other) = (fixture.dialog(1, 2).await, fixture.dialog(1, 3).await);
    let stop = AtomicBool::new(false);
    let write = async |rows: usize| {
        while !stop.load(Ordering::Relaxed) {
            let mut drafts = vec![message(dialog, 1, Some(2), "x")];
            drafts.extend((1..rows).map(|_| message(other, 1, Some(3), "y")));
            fixture.store.send(&drafts.iter().collect::<Vec<_>>(), Locked::Skip).await.unwrap();
        }
    };
    let block = async {
        for _ in 0..20 {
            tokio::task::yield_now().await;
            fixture.block(2, 1).await;
            let at_the_block = fixture.seqs(dialog).await;
            let outcomes = fixture.send(&[message(dialog, 1, Some(2), "late")]).await;
            assert_eq!(outcomes, [Outcome::BlockedByPeer]);
            assert_eq!(fixture.seqs(dialog).await, at_the_block);
            fixture.unblock(2, 1).await;
            fixture.send(&[message(dialog, 1, Some(2), "again")]).await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(write(1), write(2), write(5), block);
    let seqs = fixture.seqs(dialog).await;
    assert!(seqs.len() >= 20 && seqs.iter().zip(1..).all(|(seq, place)| *seq == place), "{seqs:?}");
}

#[tokio::test]
async fn who_is_blocked_is_listed_and_bounded() {
    let fixture = fixture().await;
    let block = async |blocked| fixture.store.block(UserId(1), UserId(blocked), 3).await.unwrap();
    for blocked in [30, 10, 20, 10] {
        assert_eq!(block(blocked).await, Ok(()));
    }
    assert_eq!(block(40).await, Err(GatewayError::TooManyBlocked));
    assert_eq!(block(30).await, Ok(()), "it is there already");
    let list = async |after: Option<i64>, rows| -> Vec<i64> {
        let rows = fixture.store.blocked(UserId(1), after.map(UserId), Limit::new(rows).unwrap()).await;
        rows.unwrap().iter().map(|row| row.user.0).collect()
    };
    assert_eq!((list(None, 2).await, list(Some(20), 2).await), (vec![10, 20], vec![30]));
    fixture.unblock(1, 20).await;
    assert_eq!(list(None, 9).await, [10, 30]);
    assert_eq!(block(40).await, Ok(()));
}

/// Many at once do not pass the limit together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_of_one_user_are_counted_one_by_one() {
    let fixture = fixture().await;
    let block = |blocked| fixture.store.block(UserId(1), UserId(blocked), 5);
    let done = join_all((10..30).map(block)).await;
    assert_eq!(done.iter().filter(|done| matches!(done, Ok(Ok(())))).count(), 5);
}

#[tokio::test]
async fn a_block_keeps_both_out_of_each_others_groups_but_not_out_of_common_ones() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 3]).await;
    fixture.block(2, 1).await;
    assert_eq!(fixture.add(group, 1, 2).await, Err(GatewayError::CannotAdd));
    let theirs = fixture.group(&[2]).await;
    assert_eq!(fixture.add(theirs, 2, 1).await, Err(GatewayError::BlockedByYou));
    assert_eq!(fixture.add(group, 3, 2).await, Ok(()), "a third one may");
    let outcomes = fixture.send(&[message(group, 1, None, "a"), message(group, 2, None, "b")]).await;
    assert_eq!(outcomes.iter().map(stored_seq).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(fixture.seqs(theirs).await, [1]);
}
