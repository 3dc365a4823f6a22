//! A statement with few rows takes a way of its own: it must judge as the one for many does.

use super::*;

/// What became of a draft, without what differs between two logs that say the same.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Stored(Seq),
    Seen(Seq),
    Refused(Outcome),
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Stored { seq, .. } => Self::Stored(seq),
            Outcome::Seen { seq, .. } => Self::Seen(seq),
            refused => Self::Refused(refused),
        }
    }
}

/// Conversations made in the same order in every database, so that their numbers are the same.
async fn stage(fixture: &Fixture) -> [ConversationId; 6] {
    let (dialog, group) = (fixture.dialog(1, 2).await, fixture.group(&[1, 2]).await);
    fixture.store.leave_group(group, UserId(2)).await.unwrap().unwrap();
    let (deleted, own) = (fixture.group(&[1]).await, fixture.dialog(1, 1).await);
    let connection = fixture.database.connect("messaging").await;
    let delete = "UPDATE conversations SET deleted_at = now() WHERE id = $1";
    connection.execute(delete, &[&deleted.0]).await.unwrap();
    let (one_way, both_ways) = (fixture.dialog(1, 4).await, fixture.dialog(5, 1).await);
    for (user, blocked) in [(4, 1), (1, 5), (5, 1)] {
        fixture.store.block(UserId(user), UserId(blocked), MANY).await.unwrap().unwrap();
    }
    [dialog, group, deleted, own, one_way, both_ways]
}

fn drafts([dialog, group, deleted, own, one_way, both_ways]: [ConversationId; 6]) -> Vec<Draft> {
    let first = message(dialog, 1, Some(2), "first");
    let reply = |target| Draft { target: Some(Seq(target)), ..message(dialog, 2, Some(1), "reply") };
    let (good, in_group) = (reply(1), message(group, 1, None, "to the group"));
    vec![
        first.clone(),
        first.clone(),
        Draft { content: "other".into(), ..first.clone() },
        Draft { target: Some(Seq(1)), ..first.clone() },
        Draft { sender: UserId(2), recipient: Some(UserId(1)), ..first },
        good.clone(),
        good.clone(),
        Draft { target: None, ..good },
        reply(0),
        reply(99),
        message(dialog, 1, None, "a dialog is no group"),
        message(dialog, 1, Some(3), "another dialog"),
        message(dialog, 3, Some(1), "a stranger"),
        in_group.clone(),
        Draft { sender: UserId(2), ..in_group.clone() },
        Draft { target: Some(Seq(99)), ..message(group, 3, None, "neither a member nor a target") },
        Draft { recipient: Some(UserId(2)), ..message(group, 1, None, "a group is no dialog") },
        in_group,
        message(deleted, 1, None, "gone"),
        message(ConversationId(999), 1, None, "nowhere"),
        message(own, 1, Some(1), "to oneself"),
        message(one_way, 1, Some(4), "to one who has blocked me"),
        message(one_way, 4, Some(1), "to one whom I have blocked"),
        message(one_way, 4, Some(2), "another dialog"),
        Draft { target: Some(Seq(99)), ..message(both_ways, 1, Some(5), "no target, either") },
        message(both_ways, 5, Some(1), "both have"),
    ]
}

#[tokio::test]
async fn few_rows_are_judged_as_many() {
    let (alone, among) = (fixture().await, fixture().await);
    let stages = (stage(&alone).await, stage(&among).await);
    assert_eq!(stages.0, stages.1);
    let filler = among.dialog(8, 9).await;
    let others: Vec<_> = (0..3).map(|_| message(filler, 8, Some(9), "filler")).collect();
    for (locked, few) in [(Locked::Skip, 1), (Locked::Wait, 1), (Locked::Skip, 2), (Locked::Skip, 3)] {
        for drafts in drafts(stages.0).chunks(few) {
            let drafts: Vec<_> = drafts.iter().collect();
            let many: Vec<_> = drafts.iter().copied().chain(&others).collect();
            let of_few = alone.store.send(&drafts, locked).await.unwrap();
            let of_many = among.store.send(&many, locked).await.unwrap();
            for ((draft, one), other) in drafts.iter().zip(of_few).zip(of_many) {
                assert_eq!(Verdict::from(one), Verdict::from(other), "{draft:?}");
            }
        }
    }
    for conversation in stages.0 {
        assert_eq!(alone.seqs(conversation).await, among.seqs(conversation).await);
    }
}

#[tokio::test]
async fn few_rows_are_skipped_while_their_conversation_is_locked() {
    let fixture = fixture().await;
    let (dialog, free) = (fixture.dialog(1, 2).await, fixture.dialog(1, 3).await);
    let mut other = fixture.database.connect("messaging").await;
    let lock = other.transaction().await.unwrap();
    lock.execute("SELECT 1 FROM conversations WHERE id = $1 FOR UPDATE", &[&dialog.0]).await.unwrap();
    let draft = message(dialog, 1, Some(2), "one");
    assert_eq!(fixture.store.send(&[&draft], Locked::Skip).await.unwrap(), [Outcome::Busy]);
    let other = message(free, 1, Some(3), "two");
    let outcomes = fixture.store.send(&[&draft, &other, &draft], Locked::Skip).await.unwrap();
    assert_eq!((outcomes[0], stored_seq(&outcomes[1]), outcomes[2]), (Outcome::Busy, 1, Outcome::Busy));
    lock.commit().await.unwrap();
    assert_eq!(stored_seq(&fixture.store.send(&[&draft], Locked::Skip).await.unwrap()[0]), 1);
}

#[tokio::test]
async fn a_conversation_is_a_dialog_or_a_group() {
    let fixture = fixture().await;
    fixture.group(&[1]).await;
    let connection = fixture.database.connect("messaging").await;
    for broken in [
        "INSERT INTO conversations (kind, created_by) VALUES (2, 1)",
        "INSERT INTO conversations (kind, name, low_user, high_user, created_by) VALUES (0, 'named', 1, 2, 1)",
        "INSERT INTO conversations (kind, low_user, high_user, created_by) VALUES (0, 2, 1, 1)",
        "INSERT INTO conversations (kind, created_by) VALUES (1, 1)",
        "UPDATE conversations SET name = NULL",
    ] {
        let error = connection.execute(broken, &[]).await.expect_err(broken);
        assert_eq!(error.code(), Some(&tokio_postgres::error::SqlState::CHECK_VIOLATION), "{broken}");
    }
}
