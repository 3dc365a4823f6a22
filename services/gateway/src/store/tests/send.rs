use std::collections::HashMap;

use futures_util::future::join_all;

use super::*;

pub(super) use crate::store::send::SEND_MESSAGES;

#[tokio::test]
async fn outcomes_come_in_the_order_of_the_drafts() {
    let fixture = fixture().await;
    let (dialog, group) = (fixture.dialog(1, 2).await, fixture.group(&[1, 2]).await);
    let drafts = [
        message(group, 1, None, "a"),
        message(dialog, 2, Some(1), "b"),
        message(group, 2, None, "c"),
        message(dialog, 1, Some(2), "d"),
    ];
    let outcomes = fixture.send(&drafts).await;
    assert_eq!(outcomes.iter().map(stored_seq).collect::<Vec<_>>(), [3, 1, 4, 2]);
    let texts: Vec<_> = fixture.store.dialog_history(dialog, page(10, 1)).await.unwrap();
    assert_eq!(texts.iter().map(|entry| &*entry.body).collect::<Vec<_>>(), ["d", "b"]);
}

#[tokio::test]
async fn a_retry_gets_the_first_answer_at_any_later_time() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let draft = message(dialog, 1, Some(2), "once");
    let Outcome::Stored { seq, id, created_at } = fixture.send(std::slice::from_ref(&draft)).await[0] else {
        panic!("stored first");
    };
    fixture.send(&[message(dialog, 2, Some(1), "between")]).await;
    let again = fixture.send(&[message(dialog, 1, Some(2), "new"), draft.clone()]).await;
    assert_eq!(again[1], Outcome::Seen { seq, id, created_at });
    assert_eq!(fixture.seqs(dialog).await, [1, 2, 3]);
}

#[tokio::test]
async fn retries_within_a_batch_are_one_message() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let draft = message(dialog, 1, Some(2), "once");
    let other = Draft { content: "other".into(), ..draft.clone() };
    let drafts =
        [message(dialog, 2, Some(1), "x"), draft.clone(), other, draft, message(dialog, 2, Some(1), "y")];
    let outcomes = fixture.send(&drafts).await;
    let Outcome::Stored { seq, id, created_at } = outcomes[1] else { panic!("stored") };
    assert_eq!(outcomes[2], Outcome::Conflict);
    assert_eq!(outcomes[3], Outcome::Seen { seq, id, created_at });
    assert_eq!((stored_seq(&outcomes[0]), seq, stored_seq(&outcomes[4])), (1, Seq(2), 3));
    assert_eq!(fixture.seqs(dialog).await, [1, 2, 3]);
}

#[tokio::test]
async fn an_idempotency_key_is_the_senders_own_within_the_conversation() {
    let fixture = fixture().await;
    let (first, second) = (fixture.dialog(1, 2).await, fixture.dialog(1, 3).await);
    let draft = message(first, 1, Some(2), "a");
    let drafts = [
        draft.clone(),
        Draft { sender: UserId(2), recipient: Some(UserId(1)), ..draft.clone() },
        Draft { conversation: second, recipient: Some(UserId(3)), ..draft.clone() },
        Draft { content: "b".into(), ..draft },
    ];
    let outcomes = fixture.send(&drafts).await;
    assert_eq!(outcomes[..3].iter().map(stored_seq).collect::<Vec<_>>(), [1, 2, 1]);
    assert_eq!(outcomes[3], Outcome::Conflict);
}

#[tokio::test]
async fn only_members_write_and_only_where_it_exists() {
    let fixture = fixture().await;
    let (dialog, group) = (fixture.dialog(1, 2).await, fixture.group(&[1, 2]).await);
    fixture.store.leave_group(group, UserId(2)).await.unwrap().unwrap();
    let drafts = [
        message(group, 3, None, "stranger"),
        message(group, 2, None, "former member"),
        message(ConversationId(999), 1, None, "nowhere"),
        message(dialog, 1, None, "a dialog is no group"),
        message(group, 1, Some(2), "a group is no dialog"),
        message(dialog, 3, Some(1), "somebody else's dialog"),
        message(group, 1, None, "fine"),
    ];
    let outcomes = fixture.send(&drafts).await;
    assert_eq!(outcomes[..2], [Outcome::NotMember; 2]);
    assert_eq!(outcomes[2..6], [Outcome::UnknownConversation; 4]);
    assert_eq!(stored_seq(&outcomes[6]), 4);
}

/// A request to a "group" that is the sender's own dialog, with the idempotency key of a good one, is refused alone.
#[tokio::test]
async fn a_refused_row_is_nobodys_first() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let good = message(dialog, 1, Some(2), "good");
    let astray = Draft { recipient: None, ..good.clone() };
    let drafts = [astray.clone(), good.clone(), astray, good, message(dialog, 2, Some(1), "other")];
    let outcomes = fixture.send(&drafts).await;
    assert_eq!([outcomes[0], outcomes[2]], [Outcome::UnknownConversation; 2]);
    let Outcome::Stored { seq, id, created_at } = outcomes[1] else { panic!("{:?}", outcomes[1]) };
    assert_eq!(outcomes[3], Outcome::Seen { seq, id, created_at });
    assert_eq!((seq.0, stored_seq(&outcomes[4])), (1, 2));
}

#[tokio::test]
async fn a_row_that_cannot_be_stored_fails_the_batch_as_data() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let (good, bad) = (message(dialog, 1, Some(2), "good"), message(dialog, 1, Some(2), "b\0d"));
    let result = fixture.store.send(&[&good, &bad], Locked::Wait).await;
    assert!(matches!(result, Err(StoreError::Data(_))), "{result:?}");
    assert!(fixture.seqs(dialog).await.is_empty());
    assert_eq!(stored_seq(&fixture.send(&[good]).await[0]), 1);
}

#[tokio::test]
async fn texts_are_stored_verbatim() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 1).await;
    for text in ["'; DROP TABLE entries; --", "$1 %s \\ _ % {}", "\u{1F600}\u{202E}\u{2028}\"", " \n "] {
        fixture.send(&[message(dialog, 1, Some(1), text)]).await;
        assert_eq!(&*fixture.store.dialog_history(dialog, page(1, 1)).await.unwrap()[0].body, text);
    }
}

/// Eight writers, overlapping batches in different orders: no deadlock, no gap, no double, one order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_batches_leave_no_gap_and_no_double() {
    const WRITERS: i64 = 8;
    const BATCHES: usize = 25;
    let fixture = fixture().await;
    let users: Vec<_> = (1..=WRITERS).collect();
    let mut groups = Vec::new();
    for _ in 0..6 {
        groups.push(fixture.group(&users).await);
    }
    let write = async |writer: i64| {
        let mut acked = Vec::new();
        for batch in 0..BATCHES {
            let mut drafts: Vec<_> = groups.iter().map(|group| message(*group, writer, None, "x")).collect();
            drafts.rotate_left((batch + usize::try_from(writer).unwrap()) % groups.len());
            let outcomes = fixture.send(&drafts).await;
            // Every third batch is repeated, as after a lost answer.
            if batch % 3 == 0 {
                for (first, again) in outcomes.iter().zip(fixture.send(&drafts).await) {
                    assert!(matches!(again, Outcome::Seen { seq, .. } if seq.0 == stored_seq(first)));
                }
            }
            acked.extend(drafts.iter().zip(&outcomes).map(|(d, o)| (d.conversation, stored_seq(o))));
        }
        acked
    };
    let acked: Vec<_> = join_all(users.iter().map(|user| write(*user))).await.concat();
    let mut by_group: HashMap<_, Vec<_>> = HashMap::new();
    acked.into_iter().for_each(|(group, seq)| by_group.entry(group).or_default().push(seq));
    for (group, mut seqs) in by_group {
        seqs.sort_unstable();
        let expected = i64::try_from(BATCHES).unwrap() * WRITERS;
        assert_eq!(seqs, (WRITERS + 1..=WRITERS + expected).collect::<Vec<_>>());
        assert_eq!(fixture.seqs(group).await, (1..=WRITERS + expected).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_locked_conversation_is_skipped_as_a_whole() {
    let fixture = fixture().await;
    let (free, stuck) = (fixture.dialog(1, 2).await, fixture.dialog(1, 3).await);
    let seen = message(stuck, 1, Some(3), "before");
    fixture.send(std::slice::from_ref(&seen)).await;
    let mut other = fixture.database.connect("messaging").await;
    let lock = other.transaction().await.unwrap();
    lock.execute("SELECT 1 FROM conversations WHERE id = $1 FOR UPDATE", &[&stuck.0]).await.unwrap();
    let drafts = [
        message(stuck, 1, Some(3), "one"),
        message(free, 1, Some(2), "two"),
        seen.clone(),
        message(ConversationId(999), 1, None, "nowhere"),
        message(stuck, 3, None, "not even judged"),
    ];
    let refs: Vec<_> = drafts.iter().collect();
    let outcomes = fixture.store.send(&refs, Locked::Skip).await.unwrap();
    assert_eq!([outcomes[0], outcomes[2], outcomes[4]], [Outcome::Busy; 3]);
    assert_eq!((stored_seq(&outcomes[1]), outcomes[3]), (1, Outcome::UnknownConversation));
    assert_eq!(fixture.seqs(stuck).await, [1]);
    let waiting = fixture.store.send(&refs, Locked::Wait);
    let mut waiting = std::pin::pin!(waiting);
    assert!(timeout(Duration::from_millis(200), waiting.as_mut()).await.is_err(), "it waits for the lock");
    lock.commit().await.unwrap();
    let outcomes = waiting.await.unwrap();
    assert_eq!(stored_seq(&outcomes[0]), 2);
    assert!(matches!((outcomes[1], outcomes[2]), (Outcome::Seen { .. }, Outcome::Seen { seq: Seq(1), .. })));
    assert_eq!(outcomes[4], Outcome::UnknownConversation);
}

#[tokio::test]
async fn a_reply_names_an_entry_that_there_is() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    fixture.send(&[message(dialog, 1, Some(2), "first")]).await;
    let reply = |target| Draft { target: Some(Seq(target)), ..message(dialog, 2, Some(1), "reply") };
    let good = reply(1);
    let other_target = Draft { target: None, ..good.clone() };
    let drafts = [reply(0), good.clone(), reply(9), reply(-1), good.clone(), other_target.clone()];
    let outcomes = fixture.send(&drafts).await;
    assert_eq!([outcomes[0], outcomes[2], outcomes[3]], [Outcome::UnknownTarget; 3]);
    let Outcome::Stored { seq, id, created_at } = outcomes[1] else { panic!("{:?}", outcomes[1]) };
    assert_eq!(outcomes[4..], [Outcome::Seen { seq, id, created_at }, Outcome::Conflict]);
    assert_eq!(
        fixture.send(&[other_target, good]).await,
        [Outcome::Conflict, Outcome::Seen { seq, id, created_at }]
    );
    let rows = fixture.store.entries_between(dialog, Seq(1), Seq(2), 10).await.unwrap();
    assert_eq!(rows[0].entry.as_ref().unwrap().target, Some(Seq(1)));
}
