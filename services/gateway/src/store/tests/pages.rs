//! Page by page, a client is told all that it missed, whatever happens between the pages.

use std::collections::BTreeMap;

use super::*;
use crate::domain::sync::{Bookmark, Sync};

const ME: UserId = UserId(1);
const ALL: Option<Sync> = Some(sync_at(Xid(0)));

impl Fixture {
    /// A page of three, beside what is named.
    async fn page(&self, named: &[(ConversationId, Seq)], after: Option<Bookmark>) -> ResumeHeads {
        self.store.resume_heads_within(ME, ALL, named, after, 0, 3).await.unwrap()
    }

    async fn told(&self, conversation: ConversationId, peer: i64) {
        self.send(&[message(conversation, peer, Some(1), "x")]).await;
    }
}

fn ids(page: &ResumeHeads) -> Vec<ConversationId> {
    page.heads.iter().map(|head| head.conversation).collect()
}

#[tokio::test]
async fn what_grows_between_pages_comes_again_and_nothing_is_passed_over() {
    let fixture = fixture().await;
    let mut dialogs = Vec::new();
    for peer in 2..=14 {
        dialogs.push(fixture.dialog(1, peer).await);
        fixture.told(dialogs[dialogs.len() - 1], peer).await;
    }
    let of = |numbers: &[usize]| numbers.iter().map(|number| dialogs[*number]).collect::<Vec<_>>();
    let first = fixture.page(&[], None).await;
    assert_eq!(ids(&first), of(&[2, 1, 0]), "the latest of a page first");
    // One that was told, one that would be on the next page.
    fixture.told(dialogs[1], 3).await;
    fixture.told(dialogs[4], 6).await;
    let second = fixture.page(&[], first.next).await;
    assert_eq!(ids(&second), of(&[6, 5, 3]));
    // What is named is told beside the page, whether it was told before or would come later.
    let named = [(dialogs[0], Seq(1)), (dialogs[12], Seq(0))];
    let third = fixture.page(&named, second.next).await;
    assert_eq!(ids(&third), of(&[12, 9, 8, 7, 0]));
    fixture.told(dialogs[11], 13).await;
    let fourth = fixture.page(&[], third.next).await;
    assert_eq!(ids(&fourth), of(&[1, 12, 10]));
    let fifth = fixture.page(&[], fourth.next).await;
    assert_eq!((ids(&fifth), fifth.next), (of(&[11, 4]), None));
    let bookmarks = [first.next, second.next, third.next, fourth.next];
    assert!(bookmarks.is_sorted_by(|before, after| before < after), "{bookmarks:?}");
    let tops: BTreeMap<_, _> = [first, second, third, fourth, fifth]
        .iter()
        .flat_map(|page| &page.heads)
        .map(|head| (head.conversation, head.top.0))
        .collect();
    let grown = |number| if [1, 4, 11].contains(&number) { 2 } else { 1 };
    assert_eq!(tops, (0..13).map(|number| (dialogs[number], grown(number))).collect());
}

#[tokio::test]
async fn a_page_that_is_just_full_is_the_last() {
    let fixture = fixture().await;
    for peer in 2..=4 {
        fixture.told(fixture.dialog(1, peer).await, peer).await;
    }
    let page = fixture.page(&[], None).await;
    assert_eq!((page.heads.len(), page.next), (3, None));
    let none = fixture
        .page(&[], Some(Bookmark { xid: Xid(i64::MAX), conversation: ConversationId(1), epoch: None }))
        .await;
    assert_eq!(none, ResumeHeads::default());
}

/// Groups that the user has left have their place among the others.
#[tokio::test]
async fn what_the_user_was_taken_out_of_is_paged_too() {
    let fixture = fixture().await;
    let mut groups = Vec::new();
    for number in 0..7 {
        let group = fixture.group(&[2, 1]).await;
        if number % 2 == 0 {
            fixture.store.remove_member(group, UserId(2), ME).await.unwrap().unwrap();
        }
        groups.push(group);
    }
    let (mut told, mut after) = (Vec::new(), None);
    for rows in [3, 3, 1] {
        let page = fixture.page(&[], after).await;
        assert_eq!(page.heads.len(), rows);
        told.extend(page.heads.iter().rev().map(|head| (head.conversation, head.member)));
        after = page.next;
    }
    assert_eq!(after, None);
    let expected: Vec<_> = (0..7).map(|number| (groups[number], number % 2 == 1)).collect();
    assert_eq!(told, expected);
}

/// A conversation of another server's log gets a smaller label when it grows: it must not fall behind the bookmark.
#[tokio::test]
async fn what_was_restored_and_grows_between_pages_is_told() {
    let fixture = fixture().await;
    let mut dialogs = Vec::new();
    for peer in 2..=8 {
        dialogs.push(fixture.dialog(1, peer).await);
        fixture.told(dialogs[dialogs.len() - 1], peer).await;
    }
    let client = fixture.database.connect("messaging").await;
    let restore =
        "UPDATE conversations SET last_xid = '1000000000000'; UPDATE entries SET xid = '1000000000000'";
    client.batch_execute(restore).await.unwrap();
    let future = Some(sync_at(Xid(1_000_000_000_001)));
    let (mut told, mut after) = (Vec::new(), None);
    for _ in 0..3 {
        let page = fixture.store.resume_heads_within(ME, future, &[], after, 0, 3).await.unwrap();
        told.extend(page.heads.iter().map(|head| (head.conversation, head.top.0)));
        after = page.next;
        if told.len() == 3 {
            fixture.told(dialogs[6], 8).await;
        }
    }
    told.sort_unstable();
    let expected: Vec<_> = (0..7).map(|number| (dialogs[number], if number == 6 { 2 } else { 1 })).collect();
    assert_eq!((told, after), (expected, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_has_a_thousand_conversations() {
    let fixture = fixture().await;
    let client = fixture.database.connect("messaging").await;
    client.batch_execute(MANY_DIALOGS).await.unwrap();
    let first = fixture.store.resume_heads(ME, ALL, &[], None).await.unwrap();
    let last = first.next.map(|bookmark| bookmark.conversation);
    assert_eq!((first.heads.len(), last), (1_000, Some(ConversationId(1_000))));
    let second = fixture.store.resume_heads(ME, ALL, &[], first.next).await.unwrap();
    assert_eq!((ids(&second), second.next), ((1_001..=1_200).rev().map(ConversationId).collect(), None));
    let positions: Vec<_> = first.heads.iter().map(|head| (head.conversation, head.top)).collect();
    let both = fixture.store.resume_heads(ME, ALL, &positions, None).await.unwrap();
    assert_eq!((both.heads.len(), both.next), (1_200, None), "what is named stands beside the page");
}

/// 1,200 dialogs of user 1 with two entries each.
const MANY_DIALOGS: &str = "
    INSERT INTO conversations
        (kind, low_user, high_user, created_by, last_seq, last_message_seq, last_entry_at, last_message_at, last_xid)
    SELECT 0, 1, 1 + g, 1, 2, 2, now() + g * interval '1 second', now(), pg_current_xact_id() FROM generate_series(1, 1200) g;
    INSERT INTO members (conversation_id, user_id, joined_seq, joined_at)
    SELECT id, u, 0, now() FROM conversations, unnest(ARRAY[low_user, high_user]) u;
    INSERT INTO entries (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, body, created_at)
    SELECT c.id, s, gen_random_uuid(), c.id * 2 + s, 0, c.low_user, c.high_user, gen_random_uuid(), 'text', now()
    FROM conversations c, generate_series(1, 2) s;";
