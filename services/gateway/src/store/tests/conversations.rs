use super::*;
use crate::domain::command::{Mark, MarkKind};
use crate::domain::page::{Cursor, Limit};
use crate::domain::reply::{Role, UNREAD_MAX, Watermarks};

pub(super) use crate::store::conversations::{ADDRESS, CONVERSATIONS, WINDOW};
pub(super) use crate::store::stretch::STRETCH;

impl Fixture {
    async fn list(&self, user: i64) -> Vec<SummaryRow> {
        self.store.conversations(UserId(user), None, Limit::new(100).unwrap()).await.unwrap()
    }

    async fn read(&self, user: i64, conversation: ConversationId, seq: i64) {
        let mark = Mark { conversation, kind: MarkKind::Read, seq: Seq(seq) };
        self.store.mark(UserId(user), mark, MANY).await.unwrap().unwrap();
    }
}

fn at(seq: i64) -> Watermarks {
    Watermarks { read: Seq(seq), delivered: Seq(seq) }
}

#[tokio::test]
async fn a_conversation_is_summed_up_for_its_member() {
    let fixture = fixture().await;
    let (group, dialog) = (fixture.group(&[3, 1]).await, fixture.dialog(2, 1).await);
    fixture.dialog(1, 4).await;
    let texts = [(2, Some(1), "a"), (1, Some(2), "b"), (2, Some(1), "c"), (2, Some(1), "d")];
    for (sender, recipient, text) in texts {
        fixture.send(&[message(dialog, sender, recipient, text)]).await;
    }
    fixture.read(1, dialog, 1).await;
    fixture.read(2, dialog, 2).await;
    let list = fixture.list(1).await;
    assert_eq!(list.len(), 2, "a dialog without entries is none yet");
    let (first, second) = (&list[0], &list[1]);
    assert_eq!((first.conversation, &first.with), (dialog, &WithRow::Peer(UserId(2), at(2))));
    assert_eq!((first.joined_seq, first.last_seq, first.own, first.unread), (Seq(0), Seq(4), at(1), 2));
    let message = first.last_message.as_ref().unwrap();
    assert_eq!((message.seq, &*message.body, message.created_at), (Seq(4), "d", first.last_entry_at));
    assert_eq!(
        (second.conversation, &second.with),
        (group, &WithRow::Group("new name".into(), Role::Member))
    );
    assert_eq!((second.joined_seq, second.last_seq, second.unread), (Seq(2), Seq(2), 0));
    assert_eq!(second.last_message, None);
    let WithRow::Group(_, role) = &fixture.list(3).await[0].with else { panic!("a group") };
    assert_eq!(*role, Role::Owner);
}

#[tokio::test]
async fn what_was_said_before_the_joining_is_neither_shown_nor_unread() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2]).await;
    fixture.send(&[message(group, 1, None, "before"), message(group, 1, None, "before")]).await;
    fixture.store.leave_group(group, UserId(2)).await.unwrap().unwrap();
    assert!(fixture.list(2).await.is_empty());
    fixture.store.add_member(group, UserId(1), UserId(2), MANY, MANY).await.unwrap().unwrap();
    let list = fixture.list(2).await;
    assert_eq!((list[0].unread, list[0].last_message.as_ref(), list[0].joined_seq), (0, None, Seq(6)));
    fixture.send(&[message(group, 1, None, "after"), message(group, 2, None, "own")]).await;
    let list = fixture.list(2).await;
    assert_eq!((list[0].unread, list[0].last_message.as_ref().unwrap().seq), (1, Seq(8)));
}

#[tokio::test]
async fn unread_is_counted_so_far_and_no_further() {
    let fixture = fixture().await;
    let (dialog, oneself) = (fixture.dialog(1, 2).await, fixture.dialog(1, 1).await);
    let drafts: Vec<_> = (0..130).map(|_| message(dialog, 2, Some(1), "x")).collect();
    fixture.send(&drafts).await;
    fixture.send(&[message(oneself, 1, Some(1), "note")]).await;
    let unread = async || {
        let list = fixture.list(1).await;
        list.iter().map(|row| (row.conversation, row.unread)).collect::<Vec<_>>()
    };
    assert_eq!(unread().await, [(oneself, 0), (dialog, UNREAD_MAX)]);
    fixture.read(1, dialog, 31).await;
    assert_eq!(unread().await, [(oneself, 0), (dialog, 99)]);
    let client = fixture.database.connect("messaging").await;
    client.execute("UPDATE entries SET deleted_at = now() WHERE seq > 120", &[]).await.unwrap();
    assert_eq!(unread().await, [(oneself, 0), (dialog, 89)]);
    assert_eq!(fixture.list(2).await[0].unread, 0, "one's own are read");
}

/// Conversations of the same instant keep one order over the pages.
#[tokio::test]
async fn pages_follow_each_other_without_loss() {
    let fixture = fixture().await;
    let mut drafts = Vec::new();
    for peer in 2..=21 {
        drafts.push(message(fixture.dialog(1, peer).await, 1, Some(peer), "Hi"));
    }
    fixture.send(&drafts).await; // one batch, one time
    let whole: Vec<_> = fixture.list(1).await.iter().map(|row| row.conversation).collect();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let rows = fixture.store.conversations(UserId(1), after, Limit::new(3).unwrap()).await.unwrap();
        let Some(last) = rows.last() else { break };
        after = Some(Cursor { at_us: last.last_entry_at.as_microsecond(), conversation: last.conversation });
        seen.extend(rows.iter().map(|row| row.conversation));
        // What grows meanwhile goes to the front and takes nothing along.
        let draft = &drafts[seen.len() % drafts.len()];
        if !seen.contains(&draft.conversation) {
            continue;
        }
        fixture.send(&[message(draft.conversation, 1, draft.recipient.map(|user| user.0), "again")]).await;
    }
    assert_eq!((seen.len(), seen), (20, whole));
}

#[tokio::test]
async fn a_window_is_of_who_is_or_was_a_member() {
    let fixture = fixture().await;
    let (group, dialog) = (fixture.group(&[1, 2]).await, fixture.dialog(1, 2).await);
    fixture.send(&[message(dialog, 1, Some(2), "a")]).await;
    let removed = fixture.store.remove_member(group, UserId(1), UserId(2)).await.unwrap().unwrap();
    fixture.send(&[message(group, 1, None, "after")]).await;
    let window = async |user, conversation| fixture.store.window(UserId(user), conversation).await.unwrap();
    let expected = |joined, top| Some(Window { joined_seq: Seq(joined), top: Seq(top) });
    assert_eq!(window(1, group).await, expected(1, 4));
    assert_eq!(window(2, group).await, expected(2, removed.seq.0));
    assert_eq!(window(2, dialog).await, expected(0, 1));
    assert_eq!(window(3, dialog).await, None);
    assert_eq!(window(1, ConversationId(999)).await, None);

    let address = async |conversation| fixture.store.address(conversation).await.unwrap();
    assert_eq!(address(dialog).await, Some(Address::Dialog(UserId(1), UserId(2))));
    assert_eq!(address(group).await, Some(Address::Group));
    assert_eq!(address(ConversationId(999)).await, None);
}

#[tokio::test]
async fn a_stretch_is_cut_at_its_bytes_from_the_end_that_is_kept() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let drafts: Vec<_> = (0..9).map(|_| message(dialog, 1, Some(2), "ten bytes.")).collect();
    fixture.send(&drafts).await;
    let stretch = Stretch { conversation: dialog, after: Seq(2), top: Seq(8) };
    let read = async |keep, bytes, entry_bytes| {
        let rows = fixture.store.stretch(stretch, keep, Budget { bytes, entry_bytes }).await.unwrap();
        rows.iter().map(|row| row.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(read(Keep::Oldest, 1_000, 0).await, [3, 4, 5, 6, 7, 8]);
    assert_eq!(read(Keep::Newest, 1_000, 0).await, [3, 4, 5, 6, 7, 8]);
    assert_eq!(read(Keep::Oldest, 39, 0).await, [3, 4, 5]);
    assert_eq!(read(Keep::Newest, 39, 0).await, [6, 7, 8]);
    assert_eq!(read(Keep::Newest, 39, 9).await, [7, 8]);
    assert_eq!(read(Keep::Oldest, 1, 0).await, [3], "one at least");
    assert_eq!(read(Keep::Newest, 1, 0).await, [8]);
}
