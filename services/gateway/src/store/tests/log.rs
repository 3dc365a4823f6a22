use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;

use super::*;
use crate::domain::entry::Head;

pub(super) use crate::store::log::{ENTRIES_BETWEEN, OLDEST_UNSWEPT, POSITION_BEFORE, SWEEP};

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
    let swept = fixture.sweep_to_the_horizon(start).await;
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
    assert!(fixture.sweep_to_the_horizon(swept.cursor).await.heads.is_empty());
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
    let (_, held) = fixture.store.sweep(Some(cursor)).await.unwrap();
    assert!(held.heads.is_empty(), "the quick one is later than the slow one, which is not over");
    open.commit().await.unwrap();
    let swept = fixture.sweep_to_the_horizon(held.cursor).await;
    let conversations: Vec<_> = swept.heads.iter().map(|head| head.conversation).collect();
    assert!(conversations.contains(&first) && conversations.contains(&second));
}

/// A cursor that is far behind, as after an outage, catches up in steps that fit into a statement's time.
#[tokio::test]
async fn a_sweep_goes_so_far_and_no_further() {
    let fixture = fixture().await;
    let start = fixture.horizon().await;
    let dialog = fixture.dialog(1, 2).await;
    fixture.send(&[message(dialog, 1, Some(2), "a")]).await;
    fixture.horizon().await;
    let client = fixture.database.connect("messaging").await;
    let sweep = async |cursor: Xid, transactions: i64| -> (Xid, bool, bool) {
        let rows = client.query(SWEEP, &[&cursor.0, &transactions]).await.unwrap();
        (Xid(rows[0].get(0)), rows[0].get(1), rows[0].get::<_, Option<i64>>(2) == Some(dialog.0))
    };
    let (mut cursor, mut found) = (start, false);
    while !found {
        let (next, behind, swept) = sweep(cursor, 1).await;
        assert_eq!(next, Xid(cursor.0 + 1));
        assert!(behind || swept, "there was more, but for the last one");
        (cursor, found) = (next, swept);
    }
    let (end, behind, again) = sweep(cursor, i64::from(i32::MAX)).await;
    assert!(!again && !behind && end >= cursor, "it was in one step only");
    let future = Xid(end.0 + 1_000_000);
    let (end, behind, _) = sweep(future, 1).await;
    assert!(end < future && !behind, "back from a future that never was");
}

#[tokio::test]
async fn a_position_lies_before_all_that_is_not_swept() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let position = async |cursor| fixture.store.position_before(dialog, cursor).await.unwrap().0;
    let before = fixture.horizon().await;
    assert_eq!(position(before).await, 0);
    fixture.send(&[message(dialog, 1, Some(2), "1"), message(dialog, 1, Some(2), "2")]).await;
    let between = fixture.horizon().await;
    fixture.send(&[message(dialog, 1, Some(2), "3")]).await;
    assert_eq!(position(before).await, 0);
    assert_eq!(position(between).await, 2);
    assert_eq!(position(fixture.horizon().await).await, 3);
    assert_eq!(fixture.store.position_before(ConversationId(999), before).await, Ok(Seq(0)));
}

/// A transaction that got its id early and its place late: its entry is labelled as the one before it, so what a sweep
/// has passed stays a prefix of the log.
#[tokio::test]
async fn labels_never_fall_along_a_log() {
    let fixture = fixture().await;
    let (dialog, group) = (fixture.dialog(1, 2).await, fixture.group(&[1, 2]).await);
    let start = fixture.horizon().await;
    let mut early = fixture.database.connect("messaging").await;
    let early = early.transaction().await.unwrap();
    let id: i64 = early.query_one("SELECT pg_current_xact_id()::text::bigint", &[]).await.unwrap().get(0);
    fixture.send(&[message(dialog, 1, Some(2), "1"), message(group, 1, None, "2")]).await;
    let send = "SELECT * FROM send_batch(ARRAY[$1::bigint], ARRAY[2::bigint], ARRAY[1::bigint], \
         ARRAY[gen_random_uuid()], ARRAY[gen_random_uuid()], ARRAY['early id'])";
    early.query(send, &[&dialog.0]).await.unwrap();
    early.query(groups::LEAVE_GROUP, &[&group.0, &2_i64]).await.unwrap();
    let (_, blind) = fixture.store.sweep(Some(start)).await.unwrap();
    assert!(blind.cursor <= Xid(id) && blind.heads.is_empty(), "the early one is not over");
    early.commit().await.unwrap();

    let client = fixture.database.connect("messaging").await;
    let falls = "SELECT count(*) FROM entries a JOIN entries b ON b.conversation_id = a.conversation_id \
         AND b.seq = a.seq + 1 WHERE b.xid < a.xid";
    assert_eq!(client.query_one(falls, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert_eq!(fixture.store.position_before(dialog, Xid(id + 1)).await, Ok(Seq(0)));
    let swept = fixture.sweep_to_the_horizon(blind.cursor).await;
    let top =
        |conversation| swept.heads.iter().filter(|h| h.conversation == conversation).map(|h| h.seq.0).max();
    assert_eq!((top(dialog), top(group)), (Some(2), Some(4)));
}

/// A log that was restored into a younger server has labels that its transactions will not reach for long.
#[tokio::test]
async fn labels_of_another_server_are_not_taken_over() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let client = fixture.database.connect("messaging").await;
    client.batch_execute("UPDATE conversations SET last_xid = '1000000000000'").await.unwrap();
    let start = fixture.horizon().await;
    fixture.send(&[message(dialog, 1, Some(2), "a")]).await;
    assert_eq!(fixture.sweep_to_the_horizon(start).await.heads.len(), 1);
}

/// A tail that follows transaction ids sees every entry, whatever order the commits become visible in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_beside_writers_misses_nothing() {
    let fixture = fixture().await;
    let mut dialogs = Vec::new();
    for user in 1..=12 {
        dialogs.push((user, fixture.dialog(user, user).await));
    }
    let cursor = fixture.store.sweep(None).await.unwrap().1.cursor;
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
            let (_, swept) = fixture.store.sweep(Some(cursor)).await.unwrap();
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
