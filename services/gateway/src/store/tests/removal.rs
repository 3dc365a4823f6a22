//! Messages that are removed lose their text, and nobody sees a hole.

use jiff::Timestamp;
use messenger_chassis::clock::{Clock as _, SystemClock};

use super::*;
use crate::domain::page::Limit;

const PORTION: Portion = Portion { conversations: 100, entries: 3 };

impl Fixture {
    /// Makes the entries up to `seq` a year old.
    async fn age(&self, conversation: ConversationId, seq: i64) {
        let client = self.database.connect("messaging").await;
        let sql = "UPDATE entries SET created_at = created_at - interval '1 year' \
                   WHERE conversation_id = $1 AND seq <= $2";
        client.execute(sql, &[&conversation.0, &seq]).await.unwrap();
    }

    /// Goes through all logs, three entries at a time: messages removed, and statements.
    async fn remove_old(&self, dry_run: bool) -> (u64, u64) {
        let (owner, mut from) = (self.owner(), Some(Position::default()));
        let (mut messages, mut statements) = (0, 0);
        while let Some(position) = from {
            let done = owner.remove_old(position, month_ago(), PORTION, dry_run).await.unwrap();
            assert!(done.messages <= 3, "{done:?}");
            (messages, statements, from) = (messages + done.messages, statements + 1, done.next);
        }
        (messages, statements)
    }

    async fn cleared(&self, conversation: ConversationId) -> i64 {
        self.store.record(conversation).await.unwrap().unwrap().cleared_seq.0
    }

    /// Places and texts, as `messenger.v2` reads them; `None` for what was removed.
    async fn texts(&self, conversation: ConversationId) -> Vec<(i64, Option<String>)> {
        let rows = self.store.entries_between(conversation, Seq::ZERO, Seq(i64::MAX), 1_000).await.unwrap();
        let text = |entry: &crate::domain::entry::Entry| match entry.deleted_at {
            Some(_) => {
                assert_eq!(&*entry.body, "");
                None
            }
            None => Some(entry.body.to_string()),
        };
        rows.iter().map(|row| (row.seq.0, text(row.entry.as_ref().unwrap()))).collect()
    }
}

fn month_ago() -> Timestamp {
    SystemClock.now() - Duration::from_secs(30 * 86_400)
}

fn bodies(entries: &[crate::domain::entry::Entry]) -> Vec<&str> {
    entries.iter().map(|entry| &*entry.body).collect()
}

#[tokio::test]
async fn old_messages_lose_their_text_and_keep_their_place() {
    let fixture = fixture().await;
    let (dialog, group) = (fixture.dialog(1, 2).await, fixture.group(&[1, 2]).await);
    let young = fixture.dialog(1, 3).await;
    let drafts: Vec<_> =
        (1..=10).map(|n| message(dialog, 1 + n % 2, Some(2 - n % 2), &n.to_string())).collect();
    fixture.send(&drafts).await;
    fixture
        .send(&[message(group, 1, None, "a"), message(group, 2, None, "b"), message(young, 3, Some(1), "y")])
        .await;
    fixture.age(dialog, 8).await;
    fixture.age(group, 3).await;

    assert_eq!(fixture.remove_old(true).await.0, 9, "counted");
    assert_eq!((fixture.texts(dialog).await[0].1.as_deref(), fixture.cleared(dialog).await), (Some("1"), 0));
    let (removed, statements) = fixture.remove_old(false).await;
    assert!(removed == 9 && statements >= 3, "{removed} in {statements}");
    assert_eq!(fixture.remove_old(false).await.0, 0, "once");

    let gone = (1..=8).map(|seq| (seq, None));
    let kept = [(9, Some("9".to_owned())), (10, Some("10".to_owned()))];
    assert_eq!(fixture.texts(dialog).await, gone.chain(kept).collect::<Vec<_>>());
    // Created, added, and the message of the one that is young.
    let expected =
        [(1, Some("new name".to_owned())), (2, Some(String::new())), (3, None), (4, Some("b".to_owned()))];
    assert_eq!(fixture.texts(group).await, expected);
    assert_eq!((fixture.cleared(dialog).await, fixture.cleared(group).await), (8, 3));
    assert_eq!(fixture.cleared(young).await, 0);

    // The older dialect counts what is left, page by page.
    let pages =
        async |limit, number| fixture.store.dialog_history(dialog, page(limit, number)).await.unwrap();
    assert_eq!(bodies(&pages(10, 1).await), ["10", "9"]);
    assert_eq!(bodies(&pages(1, 2).await), ["9"]);
    assert!(pages(1, 3).await.is_empty() && pages(100, 2).await.is_empty());
    let group_page = fixture.store.group_history(UserId(1), group, page(10, 1)).await.unwrap().unwrap();
    assert_eq!(bodies(&group_page), ["b"]);
    let unread = fixture.store.conversations(UserId(2), None, Limit::new(10).unwrap()).await.unwrap();
    let of = |id| unread.iter().find(|row| row.conversation == id).unwrap().unread;
    assert_eq!((of(dialog), of(group)), (1, 0), "what is gone is not unread");

    // The log grows on, and a repetition gets the first answer, alone and among others.
    let outcomes = fixture.send(std::slice::from_ref(&drafts[0])).await;
    assert!(matches!(outcomes[0], Outcome::Seen { seq: Seq(1), .. }), "{outcomes:?}");
    let mut many = drafts.clone();
    many.push(message(dialog, 2, Some(1), "11"));
    let outcomes = fixture.send(&many).await;
    assert!(matches!(outcomes[7], Outcome::Seen { seq: Seq(8), .. }), "{outcomes:?}");
    assert!(matches!(outcomes[10], Outcome::Stored { seq: Seq(11), .. }), "{outcomes:?}");
    let other = Draft { content: "other".into(), ..drafts[9].clone() };
    assert_eq!(fixture.send(&[other]).await, [Outcome::Conflict], "what stands there still counts");
}

#[tokio::test]
async fn nobody_waits_for_a_removal_nor_it_for_anybody() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    fixture.send(&[message(dialog, 1, Some(2), "a"), message(dialog, 2, Some(1), "b")]).await;
    fixture.age(dialog, 2).await;
    let mut holder = fixture.database.connect("messaging").await;
    let lock = holder.transaction().await.unwrap();
    lock.execute("SELECT 1 FROM conversations WHERE id = $1 FOR UPDATE", &[&dialog.0]).await.unwrap();
    let removed =
        timeout(Duration::from_secs(20), fixture.remove_old(false)).await.expect("it does not wait");
    assert_eq!((removed.0, fixture.cleared(dialog).await), (2, 0));
    lock.rollback().await.unwrap();
    let history = fixture.store.dialog_history(dialog, page(10, 1)).await.unwrap();
    assert!(history.is_empty(), "removed is removed, whether noted or not");
    assert_eq!(
        (fixture.remove_old(false).await.0, fixture.cleared(dialog).await),
        (0, 2),
        "noted by the next run"
    );

    // The rows of a removal that is under way are nothing that a sender needs.
    fixture.send(&[message(dialog, 1, Some(2), "c")]).await;
    fixture.age(dialog, 3).await;
    let removing = holder.transaction().await.unwrap();
    removing.query("SELECT * FROM remove_old(0, 0, now(), 100, 100, false)", &[]).await.unwrap();
    let draft = message(dialog, 2, Some(1), "d");
    let sent = fixture.store.send(&[&draft], Locked::Skip).await.unwrap();
    assert!(matches!(sent[0], Outcome::Stored { seq: Seq(4), .. }), "{sent:?}");
    removing.commit().await.unwrap();
    assert_eq!(fixture.seqs(dialog).await, [1, 2, 3, 4]);
}

/// Age goes by places and authors by the keys of their clients, through the same rows.
#[tokio::test]
async fn removals_at_the_same_time_take_turns() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let client = fixture.database.connect("messaging").await;
    let fill = format!(
        "INSERT INTO entries (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, body, created_at) \
         SELECT {dialog}, s, gen_random_uuid(), s, 0, 1, 2, gen_random_uuid(), 'text', now() - interval '1 year' \
         FROM generate_series(1, 1000) s; \
         UPDATE conversations SET last_seq = 1000, last_message_seq = 1000 WHERE id = {dialog}"
    );
    client.batch_execute(&fill).await.unwrap();
    let again = format!(
        "UPDATE entries SET body = 'text', deleted_at = NULL WHERE conversation_id = {dialog}; \
         UPDATE conversations SET cleared_seq = 0 WHERE id = {dialog}"
    );
    let (owner, portion) = (fixture.owner(), Portion { conversations: 10, entries: 1_000 });
    let old = async || owner.remove_old(Position::default(), month_ago(), portion, false).await;
    let own = async || owner.remove_own(dialog, UserId(1), Uuid::nil(), 1_000).await;
    for round in 0..20 {
        let (first, second, third, fourth) = tokio::join!(old(), own(), old(), own());
        let removed =
            first.unwrap().messages + second.unwrap().0 + third.unwrap().messages + fourth.unwrap().0;
        assert_eq!(removed, 1_000, "each by one of them, round {round}");
        client.batch_execute(&again).await.unwrap();
    }
}

#[tokio::test]
async fn a_users_own_messages_go_and_those_of_others_stay() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let drafts: Vec<_> =
        (1..=9).map(|n| message(dialog, 1 + n % 3 / 2, Some(2 - n % 3 / 2), &n.to_string())).collect();
    let nil = Draft { client_id: Uuid::nil(), ..message(dialog, 1, Some(2), "nil") };
    let last = Draft { client_id: Uuid::max(), ..message(dialog, 1, Some(2), "max") };
    fixture.send(&drafts).await;
    fixture.send(&[nil, last]).await;
    let (owner, mut from, mut removed) = (fixture.owner(), Some(Uuid::nil()), 0);
    while let Some(key) = from {
        let (some, next) = owner.remove_own(dialog, UserId(1), key, 2).await.unwrap();
        (removed, from) = (removed + some, next);
    }
    assert_eq!(removed, 8, "with the first and the last key that there can be");
    let texts: Vec<_> = fixture.texts(dialog).await.into_iter().filter_map(|(_, text)| text).collect();
    assert_eq!(texts, ["2", "5", "8"]);
    assert_eq!(fixture.seqs(dialog).await, (1..=11).collect::<Vec<_>>());
    assert_eq!(owner.remove_own(dialog, UserId(1), Uuid::nil(), 100).await.unwrap().0, 0);
    let history = fixture.store.dialog_history(dialog, page(2, 2)).await.unwrap();
    assert_eq!(bodies(&history), ["2"], "pages count what is left");
    let refused = fixture.store.remove_own(dialog, UserId(2), Uuid::nil(), 100).await;
    assert_eq!(refused, Err(StoreError::Internal), "the role that serves may not");
}

/// However much lies below, it is not looked at.
#[tokio::test]
async fn a_page_above_what_was_cleared_costs_what_it_is_long() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let client = fixture.database.connect("messaging").await;
    let fill = format!(
        "INSERT INTO entries (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, body, created_at, deleted_at) \
         SELECT {dialog}, s, gen_random_uuid(), s, 0, 1, 2, gen_random_uuid(), '', now(), now() FROM generate_series(1, 30000) s; \
         UPDATE conversations SET last_seq = 30000, last_message_seq = 30000, cleared_seq = 30000 WHERE id = {dialog}"
    );
    client.batch_execute(&fill).await.unwrap();
    fixture.send(&[message(dialog, 1, Some(2), "a"), message(dialog, 1, Some(2), "b")]).await;
    client.batch_execute(&format!("ANALYZE; PREPARE page AS {}", chats::HISTORY)).await.unwrap();
    client.batch_execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    for arguments in ["20, 0", "1, 1", "20, 2"] {
        let sql = format!("EXECUTE page({dialog}, {arguments}, 0, NULL)");
        let done = large::Explained::of(&client, &sql).await;
        assert!((1..=60).contains(&done.pages), "{} pages:\n{}", done.pages, done.plan);
    }
    assert_eq!(bodies(&fixture.store.dialog_history(dialog, page(1, 2)).await.unwrap()), ["a"]);
}
