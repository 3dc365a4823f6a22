//! What operators do from the command line, as those who are connected see it.

use std::time::Duration;

use messenger_client::rest::RestError;
use messenger_client::wire::v2::{Entry, EntryKind, GetEntries, To};
use messenger_support::{Cluster, ClusterOptions};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::people::{PASSWORD, People, Person, SOON, shared};
use crate::phone::Phone;
use crate::revocation::is_refused;

/// Messages of the year before, in one conversation.
const OLD: i64 = 20_000;

async fn code_of_log_in(people: &People, person: &Person) -> Option<String> {
    match people.accounts.log_in(&person.email, &SecretString::from(PASSWORD)).await {
        Err(RestError::Refused { status: 403, code, .. }) => code,
        other => panic!("{:?}", other.map(|login| login.id)),
    }
}

/// Places and texts of a conversation; `None` for what was removed.
async fn texts(phone: &Phone, conversation_id: i64) -> Vec<(u64, Option<String>)> {
    let page = phone.ask(&GetEntries { conversation_id, after: Some(0), before: None, limit: 100 }).await;
    let text = |entry: &Entry| match &entry.deleted_at {
        Some(_) => {
            assert_eq!((entry.kind, entry.content.as_deref()), (EntryKind::Message, Some("")));
            None
        }
        None => entry.content.clone(),
    };
    page.entries.iter().map(|entry| (entry.seq, text(entry))).collect()
}

fn contents(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["content"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn who_is_locked_is_out_on_every_gateway_and_finds_his_messages_afterwards() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (mut first, mut second) = (ann.socket(&cluster, 0).await, ann.socket(&cluster, 1).await);
    let mut bobs = Phone::start(&bob, &cluster, 2).await;
    let id = ann.id.to_string();
    let locked = cluster.ask_accounts(&["user", "lock", &id, "--reason", "case 7", "--json"]).await.line();
    assert_eq!((&locked["id"], &locked["lockReason"]), (&json!(ann.id), &json!("case 7")));
    assert_eq!((first.close_code().await, second.close_code().await), (Some(4001), Some(4001)));
    assert!(is_refused(&cluster, 0, &ann.token).await && is_refused(&cluster, 1, &ann.token).await);
    assert_eq!(code_of_log_in(&people, &ann).await.as_deref(), Some("account_locked"));
    bobs.say(To::User(ann.id), "are you there?").await;
    bobs.reads("are you there?").await;

    let unlocked = cluster.ask_accounts(&["user", "unlock", &id, "--json"]).await.line();
    assert!(unlocked["lockedAt"].is_null(), "{unlocked}");
    let login = people.accounts.log_in(&ann.email, &SecretString::from(PASSWORD)).await.unwrap();
    let mut back = crate::revocation::open(&cluster, 1, &login.token).await.unwrap();
    let history =
        back.ask("getlatestMessageDialog", json!({ "receiverId": bob.id, "limit": 10, "page": 1 })).await;
    assert_eq!(contents(&history["data"]), ["are you there?"]);
}

#[tokio::test]
async fn what_an_erased_user_wrote_is_gone_in_both_dialects_and_no_place_with_it() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let (ann, bob, cleo) = (people.join("Ann").await, people.join("Bob").await, people.join("Cleo").await);
    let mut anns = Phone::start(&ann, &cluster, 0).await;
    let mut bobs = Phone::start(&bob, &cluster, 1).await;
    let dialog = anns.say(To::User(bob.id), "my secret").await.conversation_id;
    bobs.say(To::User(ann.id), "I keep it").await;
    anns.say(To::User(bob.id), "thanks").await;
    let group = anns.found("Ours", &[&bob, &cleo]).await;
    anns.say(To::Conversation(group), "welcome").await;
    while bobs.entry().await.content.as_deref() != Some("welcome") {}

    let (id, group_id) = (ann.id.to_string(), group.to_string());
    let export = cluster.ask_gateway(&["user", "export", &id]).await.lines();
    let of = |kind: &str| export.iter().filter(|line| line["type"] == kind).collect::<Vec<_>>();
    assert_eq!(of("conversation").len(), 2);
    let mut own: Vec<_> = of("entry").iter().filter_map(|line| line["body"].as_str()).collect();
    own.retain(|body| !body.is_empty());
    own.sort_unstable();
    assert_eq!(own, ["Ours", "my secret", "thanks", "welcome"], "his own, and nobody else's");

    assert_eq!(cluster.ask_accounts(&["user", "erase", &id, "--json"]).await.line()["erased"], true);
    let erased =
        cluster.ask_gateway(&["user", "erase", &id, "--batch", "1", "--pause-ms", "0", "--json"]).await;
    let expected =
        json!({ "userId": ann.id, "conversations": 2, "groupsLeft": 1, "messages": 3, "blocks": 0 });
    assert_eq!(erased.line(), expected);
    let again = cluster.ask_gateway(&["user", "erase", &id, "--json"]).await.line();
    assert_eq!((&again["messages"], &again["groupsLeft"]), (&json!(0), &json!(0)));

    // He who was there hears that she left; the owner is the one who has been there longest.
    let left = bobs.sees(EntryKind::MemberLeft).await;
    assert_eq!((left.conversation_id, left.user_id, left.user_name), (group, Some(ann.id), None));
    assert_eq!(texts(&bobs, dialog).await, [(1, None), (2, Some("I keep it".to_owned())), (3, None)]);
    let mut old = bob.socket(&cluster, 2).await;
    let page = json!({ "receiverId": ann.id, "limit": 10, "page": 1 });
    let history = old.ask("getlatestMessageDialog", page).await;
    assert_eq!(contents(&history["data"]), ["I keep it"]);
    let chats = old.ask("listLastMessage", json!({ "limit": 10, "page": 1 })).await;
    let of_dialog = chats["data"].as_array().unwrap().iter().find(|chat| chat["groupId"].is_null()).unwrap();
    assert_eq!(of_dialog["content"], "");
    assert!(of_dialog["deletedAt"].is_string(), "{chats}");

    let shown = cluster.ask_gateway(&["conversations", "show", &group_id, "--json"]).await.line();
    assert_eq!(
        (&shown["kind"], &shown["name"], &shown["lastSeq"]),
        (&json!("group"), &json!("Ours"), &json!(5))
    );
    let role = |id: i64| {
        shown["members"].as_array().unwrap().iter().find(|row| row["userId"] == id).unwrap().clone()
    };
    assert_eq!((&role(bob.id)["role"], &role(ann.id)["leftSeq"]), (&json!("owner"), &json!(5)));
}

#[tokio::test]
async fn operators_look_and_are_told_what_is_not_there() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let mut anns = Phone::start(&ann, &cluster, 0).await;
    let dialog = anns.say(To::User(bob.id), "one\u{1b}[2J").await.conversation_id;
    anns.say(To::User(bob.id), "two").await;
    let (id, dialog_id) = (ann.id.to_string(), dialog.to_string());

    let listed = cluster.ask_gateway(&["conversations", "list", "--user", &id, "--json"]).await.lines();
    assert_eq!((listed.len(), &listed[0]["id"], &listed[0]["lastSeq"]), (1, &json!(dialog), &json!(2)));
    let after = ["conversations", "list", "--user", &id, "--after", &dialog_id, "--json"];
    assert_eq!(cluster.ask_gateway(&after).await.lines().len(), 0);
    let uuid = listed[0]["uuid"].as_str().unwrap();
    let shown = cluster.ask_gateway(&["conversations", "show", uuid, "--json"]).await.line();
    assert_eq!((&shown["id"], shown["members"].as_array().unwrap().len()), (&json!(dialog), 2));

    let silent = cluster.ask_gateway(&["conversations", "entries", &dialog_id, "--json"]).await;
    assert!(!silent.out.contains("two") && silent.lines().len() == 2, "{silent:?}");
    let told = cluster
        .ask_gateway(&[
            "conversations",
            "entries",
            &dialog_id,
            "--after",
            "1",
            "--limit",
            "1",
            "--bodies",
            "--json",
        ])
        .await;
    assert_eq!(told.line()["body"], "two");
    let table =
        cluster.ask_gateway(&["conversations", "entries", &dialog_id, "--bodies", "--by", "eve"]).await;
    assert!(table.out.contains("one\u{fffd}[2J") && table.log.contains("eve"), "{table:?}");
    assert!(!table.log.contains("two"), "{table:?}");
    let counts = cluster.ask_gateway(&["user", "show", &id, "--json"]).await.line();
    assert_eq!(counts, json!({ "id": ann.id, "dialogs": 1, "groups": 0, "groupsLeft": 0, "blocked": 0 }));

    for (arguments, code) in [
        (&["user", "show", "999999999"][..], 3),
        (&["user", "erase", "999999999"], 3),
        (&["conversations", "show", "999999999"], 3),
        (&["conversations", "entries", "999999999"], 3),
        (&["conversations", "show", "nothing"], 2),
        (&["retention", "run"], 2),
        (&["retention", "run", "--help"], 0),
    ] {
        assert_eq!(cluster.ask_gateway(arguments).await.code, Some(code), "{arguments:?}");
    }
}

/// Entries of the year before, in a dialog that has begun.
async fn fill(cluster: &Cluster, dialog: i64, sender: i64, receiver: i64) {
    let fill = format!(
        "INSERT INTO entries (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, body, created_at) \
         SELECT {dialog}, s, gen_random_uuid(), nextval('entry_ids'), 0, {sender}, {receiver}, gen_random_uuid(), 'old', \
             now() - interval '1 year' FROM generate_series(2, {OLD}) s; \
         UPDATE entries SET created_at = now() - interval '1 year' WHERE conversation_id = {dialog}; \
         UPDATE conversations SET last_seq = {OLD}, last_message_seq = {OLD} WHERE id = {dialog}; ANALYZE entries"
    );
    cluster.messages().await.batch_execute(&fill).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_removed_for_their_age_while_others_are_sent_and_nothing_is_delayed() {
    let cluster = Cluster::start(ClusterOptions { gateways: 2, ..ClusterOptions::default() }).await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let first = Phone::start(&ann, &cluster, 0).await.say(To::User(bob.id), "begin").await;
    let dialog = first.conversation_id;
    fill(&cluster, dialog, ann.id, bob.id).await;
    let mut anns = Phone::start(&ann, &cluster, 0).await;
    let mut bobs = Phone::start(&bob, &cluster, 1).await;

    // Both have read what is there, so that from now on they measure the sending alone.
    let mut sent = anns.say(To::User(bob.id), "new").await.seq;
    assert_eq!((sent, bobs.reads("new").await.seq), (OLD.unsigned_abs() + 1, sent));

    let dry = ["retention", "run", "--older-than", "30", "--dry-run", "--json", "--pause-ms", "0"];
    let counted = cluster.ask_gateway(&dry).await.line();
    assert_eq!((&counted["messages"], &counted["conversations"]), (&json!(OLD), &json!(1)));
    let run = ["retention", "run", "--older-than", "30", "--json", "--batch", "200", "--pause-ms", "5"];
    let removal = cluster.ask_gateway(&run);
    tokio::pin!(removal);
    let (mut slowest, mut done) = (Duration::ZERO, None);
    while done.is_none() {
        sent += 1;
        let began = Instant::now();
        let say = anns.say(To::User(bob.id), "new");
        tokio::pin!(say);
        let stored = loop {
            tokio::select! {
                stored = &mut say => break stored,
                told = &mut removal, if done.is_none() => done = Some(told),
            }
        };
        assert_eq!(stored.seq, sent);
        slowest = slowest.max(began.elapsed());
        assert_eq!(bobs.reads("new").await.seq, sent);
    }
    let told = done.unwrap().line();
    assert_eq!((&told["messages"], &told["dryRun"]), (&json!(OLD), &json!(false)));
    assert!(sent > OLD.unsigned_abs() + 20, "they ran side by side: {sent}");
    assert!(slowest < SOON / 15, "{slowest:?}");

    let mut old = bob.socket(&cluster, 0).await;
    let new = sent - OLD.unsigned_abs();
    let page = |limit: u64, page: u64| json!({ "receiverId": ann.id, "limit": limit, "page": page });
    let last = old.ask("getlatestMessageDialog", page(1, new)).await;
    assert_eq!(contents(&last["data"]), ["new"]);
    assert_eq!(contents(&old.ask("getlatestMessageDialog", page(1, new + 1)).await["data"]), [""; 0]);
    let places = texts(&bobs, dialog).await;
    assert_eq!(places, (1..=100).map(|seq| (seq, None)).collect::<Vec<_>>());
    assert_eq!(cluster.ask_gateway(&run).await.line()["messages"], 0);
}
