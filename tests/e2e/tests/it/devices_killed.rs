//! Devices of `messenger.v2` whose gateway is killed under load: everybody gets everything, once and in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use messenger_client::wire::v2::{Entry, EntryKind, To};
use messenger_support::{Cluster, ClusterOptions};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::people::{LOOK, People, SOON};
use crate::phone::Phone;

/// Members of the group, spread over the gateways.
const MEMBERS: usize = 4;
/// Messages of each.
const EACH: usize = 150;
/// Messages acknowledged before the gateway is killed.
const LOAD: usize = 100;
/// The gateway that is killed.
const VICTIM: usize = 1;

/// Hears until all messages have come and the own ones are acknowledged: the entries, and how often it was offline.
async fn take_part(mut phone: Phone, acknowledged: Arc<AtomicUsize>) -> (Vec<Entry>, u32) {
    let mut entries = Vec::new();
    let mut messages = 0;
    while messages < MEMBERS * EACH || phone.acknowledgements() < EACH {
        let before = phone.acknowledgements();
        phone.hear().await;
        acknowledged.fetch_add(phone.acknowledgements() - before, Ordering::Relaxed);
        let came: Vec<Entry> = phone.entries.drain(..).collect();
        messages += came.iter().filter(|entry| entry.kind == EntryKind::Message).count();
        entries.extend(came);
    }
    (entries, phone.offline)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_gateway_costs_no_device_an_entry() {
    let mut cluster = Cluster::start(ClusterOptions { gateways: 2, ..ClusterOptions::default() }).await;
    let people = People::of(&cluster);
    let mut persons = Vec::new();
    for number in 0..MEMBERS {
        persons.push(people.join(&format!("Writer{number}")).await);
    }
    let mut phones = Vec::new();
    for (number, person) in persons.iter().enumerate() {
        phones.push(Phone::start(person, &cluster, number % 2).await);
    }
    let group = phones[0].found("Load", &persons[1..].iter().collect::<Vec<_>>()).await;
    for (number, phone) in phones.iter().enumerate() {
        for count in 0..EACH {
            phone.device.send(To::Conversation(group), format!("{number} {count}")).unwrap();
        }
    }
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let taking: JoinSet<_> =
        phones.into_iter().map(|phone| take_part(phone, Arc::clone(&acknowledged))).collect();
    let deadline = Instant::now() + SOON;
    while acknowledged.load(Ordering::Relaxed) < LOAD {
        assert!(Instant::now() < deadline, "no load");
        sleep(LOOK).await;
    }
    cluster.kill(VICTIM).await;
    assert!(acknowledged.load(Ordering::Relaxed) < MEMBERS * EACH, "the load was over before the kill");
    cluster.restart(VICTIM).await;
    let heard = timeout(3 * SOON, taking.join_all()).await.unwrap();

    let offline = heard.iter().filter(|(_, offline)| *offline > 0).count();
    assert_eq!(offline, MEMBERS / 2, "exactly those on the killed gateway were offline");
    let log: Vec<_> = messages(&heard[0].0);
    for (entries, _) in &heard {
        // Before the own addition there is nothing to see; from it on there are no holes.
        assert!(entries.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "holes or repetitions");
        assert_eq!(messages(entries), log);
    }
    for number in 0..MEMBERS {
        let of_one = log.iter().filter(|(_, content)| content.starts_with(&format!("{number} ")));
        let expected = (0..EACH).map(|count| format!("{number} {count}"));
        assert!(of_one.map(|(_, content)| content.clone()).eq(expected), "messages of {number}");
    }
    let stored = "SELECT count(*) FROM entries WHERE kind = 0 AND conversation_id = $1";
    let row = cluster.messages().await.query_one(stored, &[&group]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), i64::try_from(MEMBERS * EACH).unwrap());
}

fn messages(entries: &[Entry]) -> Vec<(u64, String)> {
    let said = entries.iter().filter(|entry| entry.kind == EntryKind::Message);
    said.map(|entry| (entry.seq, entry.content.clone().unwrap())).collect()
}
