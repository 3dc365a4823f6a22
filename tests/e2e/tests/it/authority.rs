//! Who may do what, from outside: over every gateway, with clients that ask for what is not theirs.

use messenger_client::socket::{Frame, Handshake, Options, RawConnection};
use messenger_client::wire::v2::{
    AddMembers, BlockUser, EntryKind, GetEntries, ListBlocked, ListConversations, MarkRead, RemoveMember,
    RenameGroup, SUBPROTOCOL, SendMessage, SetRole, To, UnblockUser,
};
use messenger_support::Cluster;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::people::{People, Person, SOON, shared};
use crate::phone::Phone;

/// Conversations around one's own that are tried.
const AROUND: i64 = 40;

/// A socket of `messenger.v2` on which frames are written out.
struct Wire {
    connection: RawConnection,
    requests: u64,
}

impl Wire {
    async fn open(person: &Person, cluster: &Cluster, gateway: usize) -> Self {
        let handshake = Handshake::new(cluster.url(gateway)).subprotocols(&[SUBPROTOCOL]).unwrap();
        let handshake = handshake.bearer(person.token()).unwrap();
        let connection = RawConnection::open(&handshake, &Options::default()).await.unwrap();
        let mut wire = Self { connection, requests: 0 };
        assert_eq!(wire.next().await["type"], "hello");
        wire
    }

    async fn next(&mut self) -> Value {
        loop {
            match self.connection.next_frame(SOON).await.unwrap() {
                Frame::Text(text) => return serde_json::from_str(&text).unwrap(),
                Frame::Ping(_) | Frame::Pong(_) => {}
                other => panic!("{other:?} instead of text"),
            }
        }
    }

    /// The answer to a request.
    async fn ask(&mut self, kind: &str, params: Value) -> Value {
        self.requests += 1;
        let frame = json!({ "type": kind, "requestId": self.requests, "params": params });
        self.connection.send_text(&frame.to_string()).await.unwrap();
        loop {
            let answer = self.next().await;
            if answer["requestId"] == self.requests {
                return answer;
            }
        }
    }
}

async fn trio(cluster: &Cluster) -> (Person, Person, Person) {
    let people = People::of(cluster);
    (people.join("Ann").await, people.join("Bob").await, people.join("Cleo").await)
}

fn message(to: To, content: &str) -> SendMessage<'_> {
    SendMessage::new(to, content, Uuid::now_v7())
}

#[tokio::test]
async fn who_is_removed_while_he_listens_hears_nothing_more_on_any_gateway() {
    let cluster = shared().await;
    let (ann, bob, cleo) = trio(&cluster).await;
    let mut anns = Phone::start(&ann, &cluster, 0).await;
    let mut cleos = Phone::start(&cleo, &cluster, 1).await;
    let mut bobs = Vec::new();
    for gateway in 0..3 {
        bobs.push(Phone::start(&bob, &cluster, gateway).await);
    }
    let conversation_id = anns.found("Friends", &[&bob, &cleo]).await;
    anns.say(To::Conversation(conversation_id), "all here").await;
    let end = anns.ask(&RemoveMember { conversation_id, user_id: bob.id }).await.seq;
    for number in 0..20 {
        let phone = if number % 2 == 0 { &mut anns } else { &mut cleos };
        phone.say(To::Conversation(conversation_id), &format!("without Bob {number}")).await;
    }
    anns.ask(&RenameGroup { conversation_id, name: "Better friends" }).await;
    // What had leaked would come before this.
    anns.say(To::User(bob.id), "bye").await;
    for phone in &mut bobs {
        assert_eq!(phone.sees(EntryKind::MemberAdded).await.user_id, Some(bob.id));
        phone.sees(EntryKind::MemberAdded).await;
        phone.reads("all here").await;
        let removed = phone.sees(EntryKind::MemberRemoved).await;
        assert_eq!((removed.seq, removed.user_id), (end, Some(bob.id)));
        phone.reads("bye").await;
    }
    for (gateway, phone) in bobs.into_iter().enumerate() {
        for (after, before) in [(Some(end), None), (Some(0), None), (None, Some(end + 9)), (None, None)] {
            let page = phone.ask(&GetEntries { conversation_id, after, before, limit: 100 }).await;
            assert_eq!(page.last_seq, end);
            assert!(page.entries.iter().all(|entry| (2..=end).contains(&entry.seq)), "{page:?}");
        }
        assert_eq!(phone.refused(&message(To::Conversation(conversation_id), "me")).await, "not_found");
        assert_eq!(phone.refused(&MarkRead { conversation_id, seq: end }).await, "not_found");
        let adding = AddMembers { conversation_id, user_ids: &[bob.id] };
        assert_eq!(phone.refused(&adding).await, "not_found");
        let again = Phone::resume(&bob, &cluster, 2 - gateway, phone.away().await).await;
        assert_eq!(again.entries, []);
    }
}

#[tokio::test]
async fn numbers_tried_one_after_another_lead_nowhere() {
    let cluster = shared().await;
    let (ann, bob, cleo) = trio(&cluster).await;
    let mut anns = Phone::start(&ann, &cluster, 0).await;
    let cleos = Phone::start(&cleo, &cluster, 1).await;
    let dialog = anns.say(To::User(bob.id), "between us").await.conversation_id;
    let group = anns.found("Ours", &[&bob]).await;
    for conversation_id in (dialog - AROUND).max(1)..group + AROUND {
        let page = GetEntries { conversation_id, after: None, before: None, limit: 1 };
        assert_eq!(cleos.refused(&page).await, "not_found", "{conversation_id}");
    }
    for conversation_id in [dialog, group, i64::MAX] {
        assert_eq!(cleos.refused(&message(To::Conversation(conversation_id), "x")).await, "not_found");
        assert_eq!(cleos.refused(&MarkRead { conversation_id, seq: 1 }).await, "not_found");
        assert_eq!(cleos.refused(&RenameGroup { conversation_id, name: "mine" }).await, "not_found");
        assert_eq!(
            cleos.refused(&SetRole { conversation_id, user_id: cleo.id + 1, role: "owner" }).await,
            "not_found"
        );
        assert_eq!(cleos.refused(&RemoveMember { conversation_id, user_id: ann.id }).await, "not_found");
        assert_eq!(cleos.refused(&AddMembers { conversation_id, user_ids: &[cleo.id] }).await, "not_found");
    }
    assert_eq!(cleos.ask(&ListConversations { limit: 10, cursor: None }).await.conversations, []);
}

#[tokio::test]
async fn somebody_elses_idempotency_key_tells_nothing() {
    let cluster = shared().await;
    let (ann, bob, cleo) = trio(&cluster).await;
    let anns = Phone::start(&ann, &cluster, 0).await;
    let bobs = Phone::start(&bob, &cluster, 1).await;
    let group = anns.found("Friends", &[&bob]).await;
    let key = Uuid::now_v7();
    let first = anns.ask(&SendMessage::new(To::Conversation(group), "from Ann", key)).await;
    let second = bobs.ask(&SendMessage::new(To::Conversation(group), "from Bob", key)).await;
    let third = anns.ask(&SendMessage::new(To::User(cleo.id), "elsewhere", key)).await;
    assert_eq!((second.seq, second.duplicate), (first.seq + 1, false));
    assert!(!third.duplicate);
    let mut ids = vec![first.message_id, second.message_id, third.message_id];
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn what_the_server_sets_a_client_cannot() {
    let cluster = shared().await;
    let (ann, bob, _) = trio(&cluster).await;
    let mut wire = Wire::open(&ann, &cluster, 0).await;
    let mut bobs = Phone::start(&bob, &cluster, 1).await;
    let set = json!({ "role": "owner", "seq": 999, "id": 999, "messageId": 999, "senderId": bob.id,
        "createdAt": "1970-01-01T00:00:00.000Z", "kind": "memberAdded", "joinedSeq": 0 });
    let with = |params: Value| {
        let mut all = set.as_object().unwrap().clone();
        all.extend(params.as_object().unwrap().clone());
        Value::Object(all)
    };
    let key = Uuid::now_v7();
    let sending = with(json!({ "receiverId": bob.id, "content": "Hi", "clientMessageId": key }));
    let sent = wire.ask("sendMessage", sending).await["params"].clone();
    assert_eq!(sent["seq"], 1);
    let entry = bobs.reads("Hi").await;
    assert_eq!((entry.seq, entry.sender_id, entry.id), (1, Some(ann.id), sent["messageId"].as_i64()));
    assert!(entry.id != Some(999) && entry.created_at.as_deref() > Some("2020"), "{entry:?}");

    let created = wire.ask("createGroup", with(json!({ "name": "Mine" }))).await["params"].clone();
    assert_eq!(created["seq"], 1);
    let conversation_id = created["conversationId"].as_i64().unwrap();
    let adding = with(json!({ "conversationId": conversation_id, "userIds": [bob.id] }));
    assert_eq!(wire.ask("addMembers", adding).await["params"]["members"][0]["seq"], 2);
    let group = bobs.ask(&ListConversations { limit: 1, cursor: None }).await.conversations.remove(0);
    assert_eq!((group.role.as_deref(), group.joined_seq), (Some("member"), 2));
    assert_eq!(bobs.refused(&RenameGroup { conversation_id, name: "Bob's" }).await, "forbidden");
}

#[tokio::test]
async fn texts_that_look_like_something_else_come_as_they_were() {
    let cluster = shared().await;
    let (ann, bob, _) = trio(&cluster).await;
    let mut anns = Phone::start(&ann, &cluster, 0).await;
    let mut bobs = Phone::start(&bob, &cluster, 2).await;
    let mut conversation_id = 0;
    let texts = [
        "'; DROP TABLE entries; --",
        "$1 %s %_ \\ \\' {\"$ne\": null}",
        "{\"type\":\"sendMessage\",\"params\":{}}",
        "<script>alert(1)</script>",
        "a\r\nb\u{1b}[2J\u{202e}\u{feff}",
    ];
    for text in texts {
        conversation_id = anns.say(To::User(bob.id), text).await.conversation_id;
        bobs.reads(text).await;
    }
    let page = bobs.ask(&GetEntries { conversation_id, after: None, before: None, limit: 10 }).await;
    let stored: Vec<_> = page.entries.iter().filter_map(|entry| entry.content.as_deref()).collect();
    assert_eq!(stored, texts);
    assert_eq!(anns.refused(&message(To::User(bob.id), "a\0b")).await, "invalid_params");
}

#[tokio::test]
async fn a_block_holds_on_every_gateway_and_in_both_dialects() {
    let cluster = shared().await;
    let (ann, bob, _) = trio(&cluster).await;
    let mut anns = [Phone::start(&ann, &cluster, 0).await, Phone::start(&ann, &cluster, 2).await];
    let mut bobs = Phone::start(&bob, &cluster, 1).await;
    let tablet = Phone::start(&bob, &cluster, 2).await;
    let mut seed = ann.socket(&cluster, 1).await;
    anns[0].say(To::User(bob.id), "before").await;
    bobs.reads("before").await;
    let group = anns[0].found("Ours", &[&bob]).await;
    bobs.sees(EntryKind::MemberAdded).await;

    assert_eq!(bobs.ask(&BlockUser { user_id: ann.id }).await.user_id, ann.id);
    for phone in &anns {
        assert_eq!(phone.refused(&message(To::User(bob.id), "hello?")).await, "forbidden");
    }
    assert_eq!(tablet.refused(&message(To::User(ann.id), "hello?")).await, "blocked_by_you");
    while seed.next().await["type"] != "addUserInGroup" {}
    let private = json!({ "receiverId": bob.id, "content": "hello?" });
    assert_eq!(seed.refused("privateMessage", private).await, "You cannot write to this user");
    let listed = tablet.ask(&ListBlocked { limit: 10, cursor: None }).await;
    assert_eq!((listed.users[0].user_id, listed.users[0].user_name.as_deref()), (ann.id, Some("Ann")));
    assert_eq!((listed.users.len(), listed.cursor), (1, None));
    anns[1].say(To::Conversation(group), "in the group").await;
    bobs.reads("in the group").await;

    tablet.ask(&UnblockUser { user_id: ann.id }).await;
    anns[1].say(To::User(bob.id), "friends again").await;
    bobs.reads("friends again").await;
}

#[tokio::test]
async fn a_role_is_given_taken_and_handed_over() {
    let cluster = shared().await;
    let (ann, bob, cleo) = trio(&cluster).await;
    let anns = Phone::start(&ann, &cluster, 0).await;
    let mut bobs = Phone::start(&bob, &cluster, 1).await;
    let mut cleos = Phone::start(&cleo, &cluster, 2).await;
    let conversation_id = anns.found("Ours", &[&bob, &cleo]).await;
    assert_eq!(
        bobs.refused(&SetRole { conversation_id, user_id: cleo.id, role: "admin" }).await,
        "forbidden"
    );
    let given = anns.ask(&SetRole { conversation_id, user_id: bob.id, role: "admin" }).await.seq;
    bobs.ask(&RenameGroup { conversation_id, name: "Bob's" }).await;
    anns.ask(&SetRole { conversation_id, user_id: cleo.id, role: "owner" }).await;
    assert_eq!(
        anns.refused(&SetRole { conversation_id, user_id: bob.id, role: "member" }).await,
        "forbidden"
    );
    cleos.ask(&RemoveMember { conversation_id, user_id: ann.id }).await;
    bobs.sees(EntryKind::MemberAdded).await;
    for phone in [&mut bobs, &mut cleos] {
        phone.sees(EntryKind::MemberAdded).await;
        let entry = phone.sees(EntryKind::RoleChanged).await;
        assert_eq!((entry.seq, entry.user_id, entry.role.as_deref()), (given, Some(bob.id), Some("admin")));
        assert_eq!((entry.user_name.as_deref(), entry.sender_id), (Some("Bob"), Some(ann.id)));
        phone.sees(EntryKind::GroupRenamed).await;
        let entry = phone.sees(EntryKind::RoleChanged).await;
        assert_eq!((entry.user_id, entry.role.as_deref()), (Some(cleo.id), Some("owner")));
        phone.sees(EntryKind::MemberRemoved).await;
    }
}
