use futures_util::future::join_all;

use super::*;
use crate::domain::entry::EntryKind;
use crate::domain::error::GatewayError;

pub(super) use crate::store::groups::{
    ADD_MEMBER, CONVERSATIONS_OF, CREATE_GROUP, FIND_DIALOG, LEAVE_GROUP, OPEN_DIALOG,
};

#[tokio::test]
async fn two_users_have_one_dialog_whoever_begins_it() {
    let fixture = fixture().await;
    assert_eq!(fixture.store.find_dialog(UserId(1), UserId(2)).await, Ok(None));
    let (a, b) = tokio::join!(fixture.dialog(1, 2), fixture.dialog(2, 1));
    assert_eq!(a, b);
    assert_eq!(fixture.store.find_dialog(UserId(2), UserId(1)).await, Ok(Some(a)));
    let oneself = fixture.dialog(1, 1).await;
    assert_ne!(oneself, a);
    assert_eq!(stored_seq(&fixture.send(&[message(oneself, 1, Some(1), "note")]).await[0]), 1);
}

#[tokio::test]
async fn a_user_may_be_in_so_many_conversations() {
    let fixture = fixture().await;
    let (store, name) = (&fixture.store, GroupName::parse("g").unwrap());
    let first = store.create_group(UserId(1), &name, 2).await.unwrap().unwrap().conversation;
    store.open_dialog(UserId(1), UserId(2), 2).await.unwrap().unwrap();
    let refused = Err(GatewayError::TooManyConversations);
    assert_eq!(store.create_group(UserId(1), &name, 2).await.unwrap().map(drop), refused);
    assert_eq!(store.open_dialog(UserId(1), UserId(3), 2).await.unwrap().map(drop), refused);
    let other = fixture.group(&[9]).await;
    assert_eq!(store.add_member(other, UserId(9), UserId(1), MANY, 2).await.unwrap().map(drop), refused);
    assert!(store.open_dialog(UserId(1), UserId(2), 2).await.unwrap().is_ok(), "an old one stays open");
    store.leave_group(first, UserId(1)).await.unwrap().unwrap();
    assert!(store.open_dialog(UserId(1), UserId(3), 2).await.unwrap().is_ok(), "room again");
}

/// However many ways at once: dialogs opened, groups created, being added.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_conversations_holds_against_a_rush() {
    const LIMIT: i64 = 5;
    let fixture = fixture().await;
    let others = [fixture.group(&[50]).await, fixture.group(&[51]).await, fixture.group(&[52]).await];
    let (store, name, user) = (&fixture.store, GroupName::parse("g").unwrap(), UserId(1));
    let opened = join_all((2..6).map(|peer| store.open_dialog(user, UserId(peer), LIMIT)));
    let created = join_all((0..4).map(|_| store.create_group(user, &name, LIMIT)));
    let added = join_all(
        (50..).zip(others).map(|(owner, group)| store.add_member(group, UserId(owner), user, MANY, LIMIT)),
    );
    let (opened, created, added) = tokio::join!(opened, created, added);
    let won = opened.into_iter().filter(|result| matches!(result, Ok(Ok(_)))).count()
        + created.into_iter().chain(added).filter(|result| matches!(result, Ok(Ok(_)))).count();
    assert_eq!(won, 5);
}

/// Who was in the group at a message's place in the log wrote it, and nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn membership_and_messages_have_one_order() {
    let fixture = fixture().await;
    let group = fixture.group(&[1]).await;
    let come_and_go = async {
        for _ in 0..30 {
            fixture.store.add_member(group, UserId(1), UserId(2), MANY, MANY).await.unwrap().unwrap();
            fixture.store.leave_group(group, UserId(2)).await.unwrap().unwrap();
        }
    };
    let write = async || {
        let mut refused = 0;
        for _ in 0..60 {
            match fixture.send(&[message(group, 2, None, "x")]).await[0] {
                Outcome::Stored { .. } => {}
                Outcome::NotMember => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        refused
    };
    let ((), first, second, third) = tokio::join!(come_and_go, write(), write(), write());
    let rows = fixture.store.entries_between(group, Seq(0), Seq(i64::MAX), i64::MAX).await.unwrap();
    let mut member = false;
    for entry in rows.iter().filter_map(|row| row.entry.as_ref()) {
        match entry.kind {
            EntryKind::MemberAdded => member = true,
            EntryKind::MemberLeft => member = false,
            EntryKind::Message => assert!(member, "a message at {} by nobody's member", entry.seq),
            kind => assert_eq!(kind, EntryKind::GroupCreated),
        }
    }
    assert_eq!(rows.len() + first + second + third, 1 + 60 + 180);
}

#[tokio::test]
async fn a_group_begins_with_its_creator() {
    let fixture = fixture().await;
    let name = GroupName::parse("new name").unwrap();
    let entry = fixture.store.create_group(UserId(5), &name, MANY).await.unwrap().unwrap();
    assert_eq!((entry.kind, entry.seq, entry.sender), (EntryKind::GroupCreated, Seq(1), UserId(5)));
    assert_eq!((entry.recipient, &*entry.body), (Some(UserId(5)), "new name"));
    let logged = fixture.store.entries_between(entry.conversation, Seq(0), Seq(9), 9).await.unwrap();
    assert_eq!(logged[0].entry.as_ref(), Some(&entry));
    let groups = fixture.store.conversations_of(&[UserId(4), UserId(5), UserId(5)], Xid(0)).await.unwrap();
    let expected = Membership {
        conversation: entry.conversation,
        joined_seq: Seq(1),
        last_seq: Seq(1),
        is_group: true,
        is_recent: true,
    };
    assert_eq!(groups, [vec![], vec![expected], vec![expected]]);
}

#[tokio::test]
async fn members_are_added_by_members_once_and_while_there_is_room() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2]).await;
    let add = async |actor, user, members| {
        fixture
            .store
            .add_member(group, UserId(actor), UserId(user), members, MANY)
            .await
            .unwrap()
            .map(|e| e.seq.0)
    };
    assert_eq!(add(2, 3, 3).await, Ok(3));
    assert_eq!(add(1, 3, 9).await, Err(GatewayError::AlreadyMember));
    assert_eq!(add(1, 4, 3).await, Err(GatewayError::GroupFull));
    assert_eq!(add(7, 4, 9).await, Err(GatewayError::NotMember));
    let nowhere = fixture.dialog(1, 2).await;
    for place in [ConversationId(999), nowhere] {
        let result = fixture.store.add_member(place, UserId(1), UserId(4), 9, MANY).await.unwrap();
        assert_eq!(result.map(drop), Err(GatewayError::UnknownGroup));
    }
}

#[tokio::test]
async fn who_leaves_and_comes_back_sees_from_the_new_joining_on() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2]).await;
    fixture.send(&[message(group, 1, None, "before")]).await;
    let left = fixture.store.leave_group(group, UserId(2)).await.unwrap().unwrap();
    assert_eq!((left.kind, left.seq), (EntryKind::MemberLeft, Seq(4)));
    let again = fixture.store.leave_group(group, UserId(2)).await.unwrap();
    assert_eq!(again.map(drop), Err(GatewayError::NotMember));
    let history = fixture.store.group_history(UserId(2), group, page(10, 1)).await.unwrap();
    assert_eq!(history, Err(GatewayError::NotMember));
    assert_eq!(fixture.store.conversations_of(&[UserId(2)], Xid(0)).await.unwrap(), [vec![]]);

    fixture.store.add_member(group, UserId(1), UserId(2), MANY, MANY).await.unwrap().unwrap();
    fixture.send(&[message(group, 1, None, "after")]).await;
    let history = fixture.store.group_history(UserId(2), group, page(10, 1)).await.unwrap().unwrap();
    assert_eq!(history.iter().map(|entry| &*entry.body).collect::<Vec<_>>(), ["after"]);
}

#[tokio::test]
async fn the_last_owner_hands_over_to_the_oldest_member() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2, 3]).await;
    fixture.store.leave_group(group, UserId(1)).await.unwrap().unwrap();
    let client = fixture.database.connect("messaging").await;
    let owners = "SELECT user_id FROM members WHERE conversation_id = $1 AND role = 2 AND left_seq IS NULL";
    let rows = client.query(owners, &[&group.0]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get::<_, i64>(0)).collect::<Vec<_>>(), [2]);
    for user in [2, 3] {
        fixture.store.leave_group(group, UserId(user)).await.unwrap().unwrap();
    }
    assert_eq!(fixture.seqs(group).await, [1, 2, 3, 4, 5, 6], "an empty group stays readable as a log");
}

/// Chats of the same instant keep one order over the pages.
#[tokio::test]
async fn chats_of_one_instant_are_paged_without_loss() {
    let fixture = fixture().await;
    let mut drafts = Vec::new();
    for peer in 2..=21 {
        drafts.push(message(fixture.dialog(1, peer).await, 1, Some(peer), "Hi"));
    }
    fixture.send(&drafts).await; // one batch, one time
    let mut seen = Vec::new();
    for number in 1..=7 {
        let chats = fixture.store.chats(UserId(1), page(3, number)).await.unwrap();
        seen.extend(chats.iter().map(|chat| chat.entry.conversation));
    }
    let mut sent: Vec<_> = drafts.iter().map(|draft| draft.conversation).collect();
    seen.sort_unstable();
    sent.sort_unstable();
    assert_eq!(seen, sent);
}

#[tokio::test]
async fn chats_are_newest_first_by_what_the_user_may_see() {
    let fixture = fixture().await;
    let silent = fixture.group(&[1]).await;
    let busy = fixture.group(&[3, 1]).await;
    let dialog = fixture.dialog(1, 2).await;
    fixture.dialog(1, 4).await;
    fixture.send(&[message(busy, 3, None, "to all")]).await;
    fixture.send(&[message(dialog, 2, Some(1), "Hi")]).await;
    let late = fixture.group(&[3]).await;
    fixture.send(&[message(late, 3, None, "before you came")]).await;
    fixture.store.add_member(late, UserId(3), UserId(1), MANY, MANY).await.unwrap().unwrap();

    let shown = async |limit, number| {
        let chats = fixture.store.chats(UserId(1), page(limit, number)).await.unwrap();
        chats
            .into_iter()
            .map(|chat| (chat.entry.conversation, chat.entry.kind, chat.entry.body.to_string()))
            .collect::<Vec<_>>()
    };
    let all = shown(10, 1).await;
    let expected = [
        (late, EntryKind::MemberAdded, String::new()),
        (dialog, EntryKind::Message, "Hi".to_owned()),
        (busy, EntryKind::Message, "to all".to_owned()),
        (silent, EntryKind::GroupCreated, "new name".to_owned()),
    ];
    assert_eq!(all, expected, "a dialog without a message is no chat");
    assert_eq!([shown(3, 1).await, shown(3, 2).await].concat(), all);
    assert!(shown(3, 3).await.is_empty());
}

#[tokio::test]
async fn only_what_is_not_swept_makes_a_dialog_worth_naming() {
    let fixture = fixture().await;
    let (group, old, new) =
        (fixture.group(&[1]).await, fixture.dialog(1, 2).await, fixture.dialog(1, 3).await);
    fixture.dialog(1, 4).await;
    fixture.send(&[message(old, 1, Some(2), "swept")]).await;
    let since = fixture.horizon().await;
    fixture.send(&[message(new, 3, Some(1), "not swept")]).await;
    let mut named = fixture.store.conversations_of(&[UserId(1)], since).await.unwrap().remove(0);
    named.sort_by_key(|membership| membership.conversation);
    let named: Vec<_> =
        named.iter().map(|it| (it.conversation, it.last_seq, it.is_group, it.is_recent)).collect();
    assert_eq!(named, [(group, Seq(1), true, false), (new, Seq(1), false, true)]);
}
