//! Another life of the log.

use std::collections::HashMap;

use super::*;

use crate::store::epoch::{BEGIN, MEND_ENTRIES};

/// Labels from here on are of a server that had come further.
const FOREIGN: &str = "1000000000000";

impl Fixture {
    /// Labels of the log in its order, and that of its conversation.
    async fn labels(&self, conversation: ConversationId) -> (Vec<i64>, i64) {
        let sql = "SELECT xid::text::bigint FROM entries WHERE conversation_id = $1 ORDER BY seq";
        let rows = self.database.connect("messaging").await.query(sql, &[&conversation.0]).await.unwrap();
        let sql = "SELECT last_xid::text::bigint FROM conversations WHERE id = $1";
        let last = self.database.connect("messaging").await.query_one(sql, &[&conversation.0]).await.unwrap();
        (rows.iter().map(|row| row.get(0)).collect(), last.get(0))
    }

    /// As if the log had been dumped by a server whose transactions had come further, and restored here.
    async fn transplant(&self) {
        let sql = format!(
            "UPDATE entries SET xid = (xid::text::bigint + {FOREIGN})::text::xid8 WHERE seq > 1; \
             UPDATE conversations SET last_xid = (last_xid::text::bigint + {FOREIGN})::text::xid8 WHERE last_seq > 1"
        );
        self.database.connect("messaging").await.batch_execute(&sql).await.unwrap();
    }
}

#[tokio::test]
async fn each_epoch_has_another_name_and_leaves_ids_out() {
    let fixture = fixture().await;
    let (owner, dialog) = (fixture.owner(), fixture.dialog(1, 2).await);
    fixture.send(&[message(dialog, 1, Some(2), "x")]).await;
    let labels = fixture.labels(dialog).await;
    let first = owner.epoch().await.unwrap();
    assert_eq!((first.number, first.is_unfinished), (1, false));
    let second = owner.begin_epoch(MANY).await.unwrap();
    let third = owner.begin_epoch(MANY).await.unwrap();
    assert_eq!((second.number, third.number, second.mended, third.mended), (2, 3, 0, 0));
    assert!(second.id != first.id && third.id != first.id && third.id != second.id);
    assert_eq!(fixture.labels(dialog).await, labels, "they were of this server");

    let begun = fixture.dialog(1, 3).await;
    assert!(begun.0 > dialog.0 + 200_000_000, "a conversation of the lost log may have any id before that");
    // Over a new connection, as those of a gateway are that begins after it: one that was there has taken some ids in advance.
    let outcome = fixture.owner().send(&[&message(begun, 1, Some(3), "x")], Locked::Wait).await.unwrap();
    assert!(matches!(outcome[0], Outcome::Stored { id, .. } if id.0 > 200_000_000), "{outcome:?}");
    let (epoch, _) = fixture.store.sweep(None).await.unwrap();
    assert_eq!((epoch.id, epoch.tag), (third.id, Some(third.id)), "each sweep tells");
}

#[tokio::test]
async fn labels_of_another_server_are_put_back_and_fall_along_no_log() {
    let fixture = fixture().await;
    let logs = [fixture.dialog(1, 2).await, fixture.group(&[1, 2, 3]).await, fixture.dialog(1, 3).await];
    for _ in 0..5 {
        fixture.send(&[message(logs[0], 1, Some(2), "x"), message(logs[1], 1, None, "x")]).await;
    }
    fixture.send(&[message(logs[2], 1, Some(3), "the only one")]).await;
    fixture.transplant().await;
    let owner = fixture.owner();
    let (before, _) = fixture.labels(logs[1]).await;
    assert!(before.last().unwrap() > &1_000_000_000_000);

    // More where a transaction of another test holds the horizon back: then the latest of this server are old, too.
    let mended = owner.begin_epoch(3).await.unwrap().mended;
    assert!(mended >= 4 + 7, "{mended}");
    assert!(!owner.epoch().await.unwrap().is_unfinished);
    let horizon = fixture.horizon().await;
    for log in logs {
        let (labels, last) = fixture.labels(log).await;
        assert!(labels.is_sorted() && labels.last() == Some(&last), "{labels:?} {last}");
        assert!(last < horizon.0);
    }
    // Nothing of it is news to a sweep that begins now, nor to somebody whose position it tells.
    assert!(fixture.sweep_to_the_horizon(horizon).await.heads.is_empty());
    assert_eq!(fixture.store.position_before(logs[0], horizon).await.unwrap(), Seq(5));
    fixture.send(&[message(logs[0], 2, Some(1), "new")]).await;
    let heads: HashMap<_, _> = fixture
        .sweep_to_the_horizon(horizon)
        .await
        .heads
        .iter()
        .map(|it| (it.conversation, it.seq))
        .collect();
    assert_eq!(heads, HashMap::from([(logs[0], Seq(6))]));
}

#[tokio::test]
async fn what_was_left_half_way_is_gone_on_with_and_nobody_serves_meanwhile() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2, 3, 4]).await;
    fixture.transplant().await;
    let owner = fixture.owner();
    let begun: i64 = owner.row(BEGIN, &[]).await.unwrap().get(0);
    let part: i64 = owner.row(MEND_ENTRIES, &[&None::<i64>, &2_i64]).await.unwrap().get(0);
    assert_eq!((begun, part), (2, 2));
    assert!(fixture.store.epoch().await.unwrap().is_unfinished, "whoever serves can see it");

    let resumed = owner.begin_epoch(MANY).await.unwrap();
    assert!(
        resumed.number == 2 && (1..=2).contains(&resumed.mended),
        "the same epoch, and the rest: {resumed:?}"
    );
    let (labels, last) = fixture.labels(group).await;
    assert!(labels.is_sorted() && last < fixture.horizon().await.0, "{labels:?} {last}");
}

#[tokio::test]
async fn a_mark_of_another_epoch_is_none_and_so_is_its_bookmark() {
    let fixture = fixture().await;
    let (dialog, other) = (fixture.dialog(1, 2).await, fixture.dialog(1, 3).await);
    fixture.send(&[message(dialog, 2, Some(1), "a"), message(other, 3, Some(1), "b")]).await;
    let old = sync_at(fixture.horizon().await);
    let heads = async |since: Sync, after, margin, limit| {
        fixture.store.resume_heads_within(UserId(1), Some(since), &[], after, margin, limit).await.unwrap()
    };
    assert!(heads(old, None, 0, MANY).await.heads.is_empty());
    let bookmark = heads(sync_at(Xid(0)), None, 0, 1).await.next.unwrap();

    let epoch = fixture.owner().begin_epoch(MANY).await.unwrap().id;
    let new = Sync { epoch: Some(epoch), ..old };
    assert!(heads(new, None, 0, MANY).await.heads.is_empty(), "a mark of this epoch");
    for since in [old, sync_at(Xid(0)), Sync { epoch: Some(Uuid::from_u128(7)), ..old }] {
        let all = heads(since, None, 0, MANY).await.heads;
        assert_eq!(all.len(), 2, "{since}");
        assert!(all.iter().all(|head| head.after == Seq::ZERO && head.top == Seq(1)));
        let first = heads(since, Some(bookmark), 0, 1).await;
        assert_eq!(first.next.map(|next| next.conversation), Some(bookmark.conversation), "the beginning");
        assert_eq!(heads(since, first.next, 0, 1).await.heads[0].conversation, other);
    }
}
