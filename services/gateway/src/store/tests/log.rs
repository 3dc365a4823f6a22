use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;

use super::*;
use crate::domain::entry::Head;

pub(super) use crate::store::log::{ENTRIES_BETWEEN, POSITION_BEFORE, SWEEP};

#[tokio::test]
async fn a_range_of_the_log_is_read_in_order_and_bounded() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let drafts: Vec<_> = (1..=9).map(|n| message(dialog, 1, Some(2), &n.to_string())).collect();
    fixture.send(&drafts).await;
    let rows = fixture.store.entries_between(dialog, Seq(2), Seq(8), 3).await.unwrap();
    let read: Vec<_> =
        rows.iter().map(|row| (row.seq.0, row.entry.as_ref().unwrap().body.to_string())).collect();
    assert_eq!(read, [(3, "3".to_owned()), (4, "4".to_owned()), (5, "5".to_owned())]);
}

#[tokio::test]
async fn an_entry_of_a_newer_kind_keeps_its_place() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    fixture.send(&[message(dialog, 1, Some(2), "a"), message(dialog, 1, Some(2), "b")]).await;
    let client = fixture.database.connect("messaging").await;
    client.execute("UPDATE entries SET kind = 99 WHERE seq = 1", &[]).await.unwrap();
    let rows = fixture.store.entries_between(dialog, Seq(0), Seq(9), 9).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.seq.0, row.entry.is_some())).collect::<Vec<_>>(),
        [(1, false), (2, true)]
    );
}

#[tokio::test]
async fn a_sweep_names_the_heads_and_whom_they_concern() {
    let fixture = fixture().await;
    let start = fixture.horizon().await;
    let (dialog, group) = (fixture.dialog(1, 2).await, fixture.group(&[1, 3]).await);
    fixture
        .send(&[message(dialog, 2, Some(1), "a"), message(group, 3, None, "b"), message(group, 1, None, "c")])
        .await;
    fixture.horizon().await;
    let swept = fixture.store.sweep(Some(start)).await.unwrap();
    assert!(swept.cursor > start);
    let head = |conversation, seq, users: Option<(i64, i64)>| Head {
        conversation,
        seq: Seq(seq),
        users: users.map(|(a, b)| (UserId(a), UserId(b))),
    };
    for expected in [
        head(dialog, 1, Some((2, 1))),
        head(group, 1, Some((1, 1))),
        head(group, 2, Some((1, 3))),
        head(group, 4, None),
    ] {
        assert!(swept.heads.contains(&expected), "{expected:?} in {:?}", swept.heads);
    }
    assert!(fixture.store.sweep(Some(swept.cursor)).await.unwrap().heads.is_empty());
}

#[tokio::test]
async fn an_open_transaction_holds_the_sweep_back_and_is_not_missed() {
    let fixture = fixture().await;
    let (first, second) = (fixture.dialog(1, 2).await, fixture.dialog(3, 4).await);
    let cursor = fixture.horizon().await;
    let mut client = fixture.database.connect("messaging").await;
    let open = client.transaction().await.unwrap();
    let insert = "INSERT INTO entries (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, body, created_at) \
         VALUES ($1, 1, gen_random_uuid(), 1, 0, 1, 2, gen_random_uuid(), 'slow', now())";
    open.execute(insert, &[&first.0]).await.unwrap();
    fixture.send(&[message(second, 3, Some(4), "quick")]).await;
    let held = fixture.store.sweep(Some(cursor)).await.unwrap();
    assert!(held.heads.is_empty(), "the quick one is later than the slow one, which is not over");
    open.commit().await.unwrap();
    fixture.horizon().await;
    let swept = fixture.store.sweep(Some(held.cursor)).await.unwrap();
    let conversations: Vec<_> = swept.heads.iter().map(|head| head.conversation).collect();
    assert!(conversations.contains(&first) && conversations.contains(&second));
}

/// The position for a new listener lies before everything that the sweep has not handed over, even where transaction
/// ids run against the sequence.
#[tokio::test]
async fn a_position_lies_before_all_that_is_not_swept() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let cursor = async || fixture.horizon().await;
    let before = cursor().await;
    assert_eq!(fixture.store.position_before(dialog, before).await, Ok(Seq(0)));
    fixture.send(&[message(dialog, 1, Some(2), "1"), message(dialog, 1, Some(2), "2")]).await;
    let between = cursor().await;
    fixture.send(&[message(dialog, 1, Some(2), "3")]).await;
    assert_eq!(fixture.store.position_before(dialog, before).await, Ok(Seq(0)));
    assert_eq!(fixture.store.position_before(dialog, between).await, Ok(Seq(2)));
    assert_eq!(fixture.store.position_before(dialog, cursor().await).await, Ok(Seq(3)));
    assert_eq!(fixture.store.position_before(ConversationId(999), before).await, Ok(Seq(0)));

    let client = fixture.database.connect("messaging").await;
    let late = "UPDATE entries SET xid = $1::bigint::text::xid8 WHERE seq = 3";
    client.execute(late, &[&(before.0 - 1)]).await.unwrap();
    let Xid(mark) = between;
    client.execute("UPDATE entries SET xid = $1::bigint::text::xid8 WHERE seq = 2", &[&mark]).await.unwrap();
    assert_eq!(
        fixture.store.position_before(dialog, between).await,
        Ok(Seq(1)),
        "3 is older by id, 2 is not swept"
    );
}

/// A tail that follows transaction ids sees every entry, whatever order the commits become visible in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_beside_writers_misses_nothing() {
    let fixture = fixture().await;
    let mut dialogs = Vec::new();
    for user in 1..=12 {
        dialogs.push((user, fixture.dialog(user, user).await));
    }
    let cursor = fixture.store.sweep(None).await.unwrap().cursor;
    let done = AtomicBool::new(false);
    let write = async |chunk: &[(i64, ConversationId)]| {
        for _ in 0..60 {
            let drafts: Vec<_> =
                chunk.iter().map(|(user, dialog)| message(*dialog, *user, Some(*user), "x")).collect();
            fixture.send(&drafts).await;
        }
    };
    let sweep = async {
        let (mut cursor, mut heads) = (cursor, HashMap::new());
        loop {
            let last = done.load(Ordering::Relaxed);
            let swept = fixture.store.sweep(Some(cursor)).await.unwrap();
            cursor = swept.cursor;
            for head in swept.heads {
                let top = heads.entry(head.conversation).or_insert(Seq::ZERO);
                *top = head.seq.max(*top);
            }
            if last {
                break heads;
            }
        }
    };
    let writers = async {
        join_all(dialogs.chunks(3).map(&write)).await;
        fixture.horizon().await;
        done.store(true, Ordering::Relaxed);
    };
    let ((), heads) = tokio::join!(writers, sweep);
    assert!(dialogs.iter().all(|(_, dialog)| heads.get(dialog) == Some(&Seq(60))), "{heads:?}");
}
