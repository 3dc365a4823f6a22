//! Devices of `messenger.v2` over two gateways: everything comes once and in order, also what happened while a device
//! was away, and nothing of what is not one's own.

use std::time::Duration;

use messenger_client::rest::Accounts;
use messenger_client::wire::v2::{
    AddMembers, Authenticate, Conversation, CreateGroup, Entry, EntryKind, GetEntries, LeaveConversation,
    ListConversations, MarkRead, RemoveMember, RenameGroup, SendMessage, To, WatermarkKind,
};
use messenger_support::Cluster;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;
use uuid::Uuid;

use crate::people::{PASSWORD, People, Person, SOON, shared};
use crate::phone::Phone;

/// Messages of one sender without waiting for an answer.
const QUICK: usize = 50;
/// Messages missed: several pages of 100.
const MISSED: usize = 230;
/// A watermark that has not come after this is not waited for.
const LOST: Duration = Duration::from_secs(3);

async fn pair(cluster: &Cluster) -> (Person, Person) {
    let people = People::of(cluster);
    (people.join("Ann").await, people.join("Bob").await)
}

async fn trio(cluster: &Cluster) -> (Person, Person, Person) {
    let (ann, bob) = pair(cluster).await;
    (ann, bob, People::of(cluster).join("Cleo").await)
}

/// What a list of entries says, sorted by conversation, each in the order in which it came.
fn told(entries: impl IntoIterator<Item = Entry>) -> Vec<(i64, u64, EntryKind, Option<String>)> {
    let told = entries.into_iter().map(|entry| (entry.conversation_id, entry.seq, entry.kind, entry.content));
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|(conversation, ..)| *conversation);
    told
}

#[tokio::test]
async fn messages_reach_both_devices_of_the_other_and_the_own_ones_in_order_and_once() {
    let cluster = shared().await;
    let (ann, bob) = pair(&cluster).await;
    let mut writing = Phone::start(&ann, &cluster, 0).await;
    let mut reading = [
        Phone::start(&ann, &cluster, 1).await,
        Phone::start(&bob, &cluster, 0).await,
        Phone::start(&bob, &cluster, 1).await,
    ];
    let mut ids = Vec::new();
    for number in 0..QUICK {
        ids.push(writing.device.send(To::User(bob.id), format!("message {number}")).unwrap());
    }
    for (number, id) in ids.iter().enumerate() {
        let stored = writing.acknowledged(*id).await;
        assert_eq!((stored.seq, stored.duplicate), (number as u64 + 1, false));
    }
    for phone in reading.iter_mut().chain([&mut writing]) {
        for (number, id) in ids.iter().enumerate() {
            let entry = phone.reads(&format!("message {number}")).await;
            assert_eq!((entry.seq, entry.client_message_id), (number as u64 + 1, Some(*id)));
            assert_eq!((entry.sender_id, entry.receiver_id), (Some(ann.id), Some(bob.id)));
            assert_eq!(entry.sender_name.as_deref(), Some("Ann"));
        }
    }
    // What came twice would come before this.
    reading[1].say(To::User(ann.id), "thanks").await;
    for phone in reading.iter_mut().chain([&mut writing]) {
        assert_eq!(phone.reads("thanks").await.seq, QUICK as u64 + 1);
    }
}

#[tokio::test]
async fn a_device_that_was_away_gets_exactly_what_it_missed() {
    let cluster = shared().await;
    let (ann, bob, cleo) = trio(&cluster).await;
    let mut anns = Phone::start(&ann, &cluster, 0).await;
    let mut cleos = Phone::start(&cleo, &cluster, 0).await;
    let mut bobs = Phone::start(&bob, &cluster, 1).await;
    let dialog = anns.say(To::User(bob.id), "before").await.conversation_id;
    bobs.reads("before").await;
    let old = anns.found("Old", &[&bob]).await;
    assert_eq!(bobs.sees(EntryKind::MemberAdded).await.conversation_id, old);
    let state = bobs.away().await;

    anns.say(To::User(bob.id), "one").await;
    anns.say(To::User(bob.id), "two").await;
    let begun = cleos.say(To::User(bob.id), "hello").await.conversation_id;
    anns.say(To::Conversation(old), "still there?").await;
    anns.ask(&RemoveMember { conversation_id: old, user_id: bob.id }).await;
    anns.say(To::Conversation(old), "behind the back of Bob").await;
    let joined = anns.found("New", &[&cleo]).await;
    anns.say(To::Conversation(joined), "before Bob").await;
    anns.ask(&AddMembers { conversation_id: joined, user_ids: &[bob.id] }).await;
    anns.say(To::Conversation(joined), "welcome").await;

    let mut bobs = Phone::resume(&bob, &cluster, 0, state).await;
    let message = |text: &str| (EntryKind::Message, Some(text.to_owned()));
    let row = |conversation: i64, seq: u64, (kind, content)| (conversation, seq, kind, content);
    let mut expected = vec![
        row(dialog, 2, message("one")),
        row(dialog, 3, message("two")),
        row(begun, 1, message("hello")),
        row(old, 3, message("still there?")),
        row(old, 4, (EntryKind::MemberRemoved, None)),
        row(joined, 4, (EntryKind::MemberAdded, None)),
        row(joined, 5, message("welcome")),
    ];
    expected.sort_by_key(|(conversation, ..)| *conversation);
    assert_eq!(told(bobs.entries.drain(..)), expected);

    // From now on it goes on by itself, and another start finds nothing missing.
    anns.say(To::Conversation(old), "behind it again").await;
    anns.say(To::Conversation(joined), "and now").await;
    assert_eq!(bobs.reads("and now").await.seq, 6);
    let state = bobs.away().await;
    let again = Phone::resume(&bob, &cluster, 1, state).await;
    assert_eq!(told(again.entries), []);
}

#[tokio::test]
async fn a_device_that_missed_more_than_one_answer_holds_pulls_the_rest() {
    let cluster = shared().await;
    let (ann, bob) = pair(&cluster).await;
    let mut anns = Phone::start(&ann, &cluster, 0).await;
    let mut bobs = Phone::start(&bob, &cluster, 1).await;
    anns.say(To::User(bob.id), "before").await;
    bobs.reads("before").await;
    let state = bobs.away().await;
    let mut last = None;
    for number in 0..MISSED {
        last = Some(anns.device.send(To::User(bob.id), format!("missed {number}")).unwrap());
    }
    anns.acknowledged(last.unwrap()).await;
    let mut bobs = Phone::resume(&bob, &cluster, 0, state).await;
    for number in 0..MISSED {
        assert_eq!(bobs.reads(&format!("missed {number}")).await.seq, number as u64 + 2);
    }
    let state = bobs.away().await;
    assert_eq!(told(Phone::resume(&bob, &cluster, 1, state).await.entries), []);
}

#[tokio::test]
async fn everybody_sees_what_becomes_of_a_group_until_the_own_end() {
    let cluster = shared().await;
    let (ann, bob, cleo) = trio(&cluster).await;
    let mut anns = Phone::start(&ann, &cluster, 0).await;
    let mut bobs = Phone::start(&bob, &cluster, 1).await;
    let mut cleos = Phone::start(&cleo, &cluster, 0).await;
    let group = anns.found("Friends", &[&bob, &cleo]).await;
    let created = anns.sees(EntryKind::GroupCreated).await;
    assert_eq!((created.conversation_id, created.seq, created.name.as_deref()), (group, 1, Some("Friends")));
    for (phone, whom) in
        [(&mut anns, [&bob, &cleo].as_slice()), (&mut bobs, &[&bob, &cleo]), (&mut cleos, &[&cleo])]
    {
        for person in whom {
            let added = phone.sees(EntryKind::MemberAdded).await;
            assert_eq!((added.sender_id, added.user_id), (Some(ann.id), Some(person.id)));
            assert_eq!(added.user_name.as_deref(), Some(person.name.as_str()));
        }
    }
    let renaming = RenameGroup { conversation_id: group, name: "Close friends" };
    assert_eq!(bobs.refused(&renaming).await, "forbidden");
    assert_eq!(bobs.refused(&RemoveMember { conversation_id: group, user_id: cleo.id }).await, "forbidden");
    let renamed = anns.ask(&renaming).await.seq;
    for phone in [&mut anns, &mut bobs, &mut cleos] {
        let entry = phone.sees(EntryKind::GroupRenamed).await;
        assert_eq!((entry.seq, entry.name.as_deref()), (renamed, Some("Close friends")));
    }
    let removed = anns.ask(&RemoveMember { conversation_id: group, user_id: bob.id }).await.seq;
    for phone in [&mut anns, &mut bobs, &mut cleos] {
        let entry = phone.sees(EntryKind::MemberRemoved).await;
        assert_eq!((entry.seq, entry.user_id, entry.sender_id), (removed, Some(bob.id), Some(ann.id)));
    }
    let left = cleos.ask(&LeaveConversation { conversation_id: group }).await.seq;
    for phone in [&mut anns, &mut cleos] {
        let entry = phone.sees(EntryKind::MemberLeft).await;
        assert_eq!((entry.seq, entry.user_id), (left, Some(cleo.id)));
    }
    anns.say(To::Conversation(group), "alone").await;
    assert_eq!(anns.reads("alone").await.seq, left + 1);
    for (phone, person) in [(&mut bobs, &bob), (&mut cleos, &cleo)] {
        anns.say(To::User(person.id), "bye").await;
        phone.reads("bye").await;
        let message = SendMessage::new(To::Conversation(group), "let me in", Uuid::now_v7());
        assert_eq!(phone.refused(&message).await, "not_found");
    }
    // What a device may have missed it would get now.
    for (phone, person) in [(bobs, &bob), (cleos, &cleo)] {
        let again = Phone::resume(person, &cluster, 1, phone.away().await).await;
        assert_eq!(told(again.entries), []);
    }
}

#[tokio::test]
async fn a_group_is_made_once_and_its_members_are_added_one_by_one() {
    let cluster = shared().await;
    let (ann, bob) = pair(&cluster).await;
    let phones = [Phone::start(&ann, &cluster, 0).await, Phone::start(&ann, &cluster, 1).await];
    let request = CreateGroup { name: "Once", client_group_id: Some(Uuid::now_v7()) };
    let (first, again) = (phones[0].ask(&request).await, phones[1].ask(&request).await);
    assert_eq!(first, again);
    let nobody = i64::from(i32::MAX) + ann.id;
    let user_ids = [bob.id, ann.id, nobody];
    let added =
        phones[0].ask(&AddMembers { conversation_id: first.conversation_id, user_ids: &user_ids }).await;
    let codes: Vec<_> =
        added.members.iter().map(|member| (member.user_id, member.seq, member.code.as_deref())).collect();
    let expected = [
        (bob.id, Some(2), None),
        (ann.id, None, Some("already_a_member")),
        (nobody, None, Some("unknown_user")),
    ];
    assert_eq!(codes, expected);
}

/// The only conversation of a device's user.
async fn only(phone: &Phone) -> Conversation {
    let page = phone.ask(&ListConversations { limit: 10, cursor: None }).await;
    assert_eq!((page.conversations.len(), page.cursor), (1, None));
    page.conversations.into_iter().next().unwrap()
}

#[tokio::test]
async fn reading_is_counted_and_told_to_the_other_and_to_the_own_devices() {
    let cluster = shared().await;
    let (ann, bob) = pair(&cluster).await;
    let mut anns = Phone::start(&ann, &cluster, 0).await;
    let bobs = Phone::start(&bob, &cluster, 1).await;
    let mut tablet = Phone::start(&bob, &cluster, 0).await;
    let mut conversation_id = 0;
    for text in ["one", "two", "three"] {
        conversation_id = anns.say(To::User(bob.id), text).await.conversation_id;
    }
    let row = only(&bobs).await;
    assert_eq!((row.unread, row.last_seq, row.read_seq), (3, 3, 0));
    assert_eq!((row.peer_id, row.peer_name.as_deref()), (Some(ann.id), Some("Ann")));
    assert_eq!(row.last_message.unwrap().content.as_deref(), Some("three"));
    assert_eq!(only(&anns).await.unread, 0, "own messages are not unread");

    assert_eq!(bobs.ask(&MarkRead { conversation_id, seq: 2 }).await.seq, 2);
    assert_eq!(bobs.ask(&MarkRead { conversation_id, seq: 1 }).await.seq, 2, "only ever forward");
    assert_eq!(bobs.refused(&MarkRead { conversation_id, seq: 4 }).await, "invalid_params");
    let row = only(&tablet).await;
    assert_eq!((row.unread, row.read_seq), (1, 2));
    assert_eq!(only(&anns).await.peer_read_seq, Some(2));
    for phone in [&mut anns, &mut tablet] {
        is_told_of_reading(phone, &bobs, conversation_id, &ann).await;
    }
}

/// A watermark may be lost on its way, and then the next one tells: writes and reads until one comes.
async fn is_told_of_reading(phone: &mut Phone, reader: &Phone, conversation_id: i64, writer: &Person) {
    let told = async {
        loop {
            let to = To::User(writer.id);
            let seq = reader.ask(&SendMessage::new(to, "more", Uuid::now_v7())).await.seq;
            assert_eq!(reader.ask(&MarkRead { conversation_id, seq }).await.seq, seq);
            if let Ok(mark) = timeout(LOST, phone.mark(WatermarkKind::Read)).await {
                return (mark, seq);
            }
        }
    };
    let (mark, seq) = timeout(SOON, told).await.unwrap();
    assert_eq!((mark.conversation_id, mark.user_id), (conversation_id, reader.device.user_id()));
    assert!(mark.seq <= seq, "{mark:?}");
}

#[tokio::test]
async fn a_token_is_renewed_on_the_open_socket_and_a_wrong_one_changes_nothing() {
    let cluster = shared().await;
    let (ann, bob) = pair(&cluster).await;
    let mut phone = Phone::start(&ann, &cluster, 0).await;
    let accounts = Accounts::new(&cluster.rest()).unwrap();
    let login = accounts.log_in(&ann.email, &SecretString::from(PASSWORD)).await.unwrap();
    phone.ask(&Authenticate { token: ann.token() }).await;
    let other_log_in = login.token.expose_secret();
    for token in [bob.token(), other_log_in, "nonsense"] {
        assert_eq!(phone.refused(&Authenticate { token }).await, "unauthorized");
    }
    phone.say(To::User(bob.id), "still here").await;
    assert_eq!(phone.offline, 0);
}

#[tokio::test]
async fn a_message_that_is_sent_again_over_another_gateway_is_the_same_message() {
    let cluster = shared().await;
    let (ann, bob) = pair(&cluster).await;
    let one = Phone::start(&ann, &cluster, 0).await;
    let two = Phone::start(&ann, &cluster, 1).await;
    let mut bobs = Phone::start(&bob, &cluster, 1).await;
    let id = Uuid::now_v7();
    let message = SendMessage::new(To::User(bob.id), "once", id);
    let first = one.ask(&message).await;
    let again = two.ask(&message).await;
    assert_eq!((first.duplicate, again.duplicate), (false, true));
    let place =
        |stored: &messenger_client::wire::v2::Stored| (stored.conversation_id, stored.seq, stored.message_id);
    assert_eq!(place(&first), place(&again));
    assert_eq!(first.created_at, again.created_at);
    let other = SendMessage::new(To::User(bob.id), "something else", id);
    assert_eq!(two.refused(&other).await, "idempotency_conflict");
    bobs.reads("once").await;
    let next = SendMessage::new(To::User(bob.id), "next", Uuid::now_v7());
    assert_eq!(two.ask(&next).await.seq, first.seq + 1);
    bobs.reads("next").await;
}

#[tokio::test]
async fn conversations_of_others_are_not_found() {
    let cluster = shared().await;
    let (ann, bob, cleo) = trio(&cluster).await;
    let mut anns = Phone::start(&ann, &cluster, 0).await;
    let cleos = Phone::start(&cleo, &cluster, 1).await;
    let dialog = anns.say(To::User(bob.id), "between us").await.conversation_id;
    let group = anns.found("Ours", &[&bob]).await;
    let nowhere = i64::from(i32::MAX) + group;
    for conversation_id in [dialog, group, nowhere] {
        let page = GetEntries { conversation_id, after: None, before: None, limit: 10 };
        assert_eq!(cleos.refused(&page).await, "not_found");
        let message = SendMessage::new(To::Conversation(conversation_id), "me too", Uuid::now_v7());
        assert_eq!(cleos.refused(&message).await, "not_found");
        assert_eq!(cleos.refused(&MarkRead { conversation_id, seq: 1 }).await, "not_found");
    }
}
