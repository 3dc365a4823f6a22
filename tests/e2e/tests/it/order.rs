//! Order: of one sender in a hurry, and of many who write at once.

use std::collections::BTreeMap;

use messenger_client::socket::Connection;
use messenger_client::wire::{
    AddUserInGroup, Delivery, LatestMessageGroup, MessageInGroup, NewGroup, Push, Sent,
};
use messenger_support::Cluster;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::people::{People, Person, SOON, shared};

/// Messages of one sender without waiting for an answer.
const QUICK: usize = 200;
const MEMBERS: usize = 20;
/// Messages of each member.
const EACH: usize = 25;

fn message(group_id: i64, content: &str) -> MessageInGroup<'_> {
    MessageInGroup { group_id, content, client_message_id: None }
}

async fn group_of(owner: &Connection, others: &[&Person]) -> i64 {
    let group_id = owner.request(&NewGroup { group_name: "Crowd" }).await.unwrap().group_id;
    for other in others {
        owner.request(&AddUserInGroup { group_id, user_id: other.id }).await.unwrap();
    }
    group_id
}

/// The next `count` messages; notices of membership are passed over.
async fn messages(connection: &mut Connection, count: usize) -> Vec<Delivery> {
    let mut found = Vec::with_capacity(count);
    while found.len() < count {
        let push = timeout(SOON, connection.recv()).await;
        match push.unwrap_or_else(|_| panic!("{} of {count} messages", found.len())) {
            Some(Push::GroupMessage(delivery)) => found.push(delivery),
            Some(Push::MemberAdded(_)) => {}
            other => panic!("{other:?} after {} of {count} messages", found.len()),
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quick_messages_keep_their_order_for_sender_and_receivers() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let (ann, bob, cleo) = (people.join("Ann").await, people.join("Bob").await, people.join("Cleo").await);
    let writing = ann.connect(&cluster, 0).await;
    let mut readers = [
        ann.connect(&cluster, 1).await,
        bob.connect(&cluster, 0).await,
        bob.connect(&cluster, 1).await,
        cleo.connect(&cluster, 2).await,
    ];
    let group = group_of(&writing, &[&bob, &cleo]).await;
    let contents: Vec<String> = (0..QUICK).map(|number| format!("message {number}")).collect();
    let mut answers = Vec::new();
    for content in &contents {
        answers.push(writing.sender().submit(&message(group, content)).await.unwrap());
    }
    let mut seqs = Vec::new();
    for answer in answers {
        seqs.push(answer.await.unwrap().seq);
    }
    assert!(seqs.iter().zip(&seqs[1..]).all(|(one, next)| *next == one + 1), "{seqs:?}");
    for reader in &mut readers {
        let heard = messages(reader, QUICK).await;
        assert!(heard.iter().map(|delivery| &delivery.text).eq(&contents));
        assert!(heard.iter().map(|delivery| delivery.seq.unwrap()).eq(seqs.iter().copied()));
    }
}

/// What one member knows in the end, by place: own messages from the answers, others' from the pushes.
type Known = BTreeMap<u64, String>;

/// Writes all own messages while hearing all others'.
async fn take_part(mut connection: Connection, group: i64, name: String) -> Known {
    let sender = connection.sender();
    let writing = async {
        let mut own: Vec<(Sent, String)> = Vec::new();
        for number in 0..EACH {
            let content = format!("{name} {number}");
            own.push((sender.request(&message(group, &content)).await.unwrap(), content));
        }
        own
    };
    let (own, heard) = tokio::join!(writing, messages(&mut connection, (MEMBERS - 1) * EACH));
    let places: Vec<_> = heard.iter().map(|delivery| delivery.seq.unwrap()).collect();
    assert!(places.is_sorted_by(|one, next| one < next), "out of order at {name}: {places:?}");
    let own = own.into_iter().map(|(sent, content)| (sent.seq, content));
    let heard = heard.into_iter().map(|delivery| (delivery.seq.unwrap(), delivery.text));
    own.chain(heard).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_hears_everybody_once_and_in_one_order() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let mut persons = Vec::new();
    for number in 0..MEMBERS {
        persons.push(people.join(&format!("Member{number}")).await);
    }
    let mut connections = Vec::new();
    for (number, person) in persons.iter().enumerate() {
        connections.push(person.connect(&cluster, number % 3).await);
    }
    let group = group_of(&connections[0], &persons[1..].iter().collect::<Vec<_>>()).await;
    let mut members = JoinSet::new();
    for (connection, person) in connections.into_iter().zip(&persons) {
        members.spawn(take_part(connection, group, person.name.clone()));
    }
    let known = members.join_all().await;
    let places: Vec<_> = known[0].keys().copied().collect();
    assert_eq!(places.len(), MEMBERS * EACH);
    // Before the messages there are the group's creation and the additions.
    let first = MEMBERS as u64 + 1;
    assert!(places.iter().copied().eq(first..first + (MEMBERS * EACH) as u64), "{places:?}");
    assert!(known.iter().all(|member| *member == known[0]));
    assert_eq!(
        history(&cluster, &persons[7], group).await,
        known[0].values().rev().cloned().collect::<Vec<_>>()
    );
}

/// The whole history, newest first, in pages that do not divide it evenly.
async fn history(cluster: &Cluster, person: &Person, group_id: i64) -> Vec<String> {
    let connection = person.connect(cluster, 1).await;
    let mut contents = Vec::new();
    for page in 1.. {
        let rows = connection.request(&LatestMessageGroup { group_id, limit: 77, page }).await.unwrap();
        let is_last = rows.len() < 77;
        contents.extend(rows.into_iter().map(|row| row.content));
        if is_last {
            return contents;
        }
    }
    contents
}
