//! Groups whose members sit on different gateways: who is told what, from when on, until when.

use messenger_support::{Cluster, ClusterOptions};
use serde_json::{Value, json};

use crate::people::{People, Person, shared};
use crate::socket::Socket;

struct Member {
    person: Person,
    socket: Socket,
}

impl Member {
    async fn new(people: &People, cluster: &Cluster, name: &str, gateway: usize) -> Self {
        let person = people.join(name).await;
        let socket = person.socket(cluster, gateway).await;
        Self { person, socket }
    }

    async fn found(&mut self) -> i64 {
        self.socket.ask("newGroup", json!({ "groupName": "Friends" })).await["groupId"].as_i64().unwrap()
    }

    async fn add(&mut self, group: i64, other: &Self) {
        let params = json!({ "groupId": group, "userId": other.person.id });
        self.socket.ask("addUserInGroup", params).await;
    }

    async fn say(&mut self, group: i64, content: &str) -> Value {
        self.socket.ask("messageInGroup", json!({ "groupId": group, "content": content })).await
    }

    async fn hears(&mut self, kind: &str, message: &str) -> Value {
        let push = self.socket.push(kind).await;
        assert_eq!(push["message"], message, "{} is told {push}", self.person.name);
        push
    }
}

#[tokio::test]
async fn an_added_member_on_another_gateway_is_told_at_once_without_reconnecting() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let mut ann = Member::new(&people, &cluster, "Ann", 0).await;
    let mut bob = Member::new(&people, &cluster, "Bob", 1).await;
    let mut cleo = Member::new(&people, &cluster, "Cleo", 2).await;
    let mut tablet = ann.person.socket(&cluster, 2).await;
    let group = ann.found().await;
    ann.say(group, "before anybody came").await;
    assert_eq!(tablet.push("messageInGroup").await["message"], "before anybody came");

    let notice = format!("User #{} added in group.", ann.person.email);
    for added in [&mut bob, &mut cleo] {
        ann.add(group, added).await;
        let push = added.hears("addUserInGroup", &notice).await;
        assert_eq!(push["senderName"], "Ann");
        assert_eq!((&push["groupId"], &push["userId"]), (&json!(group), &json!(added.person.id)));
        assert_eq!(ann.hears("addUserInGroup", &notice).await["userId"], added.person.id);
    }
    let about_cleo = bob.hears("addUserInGroup", &notice).await;
    assert_eq!(about_cleo["userId"], cleo.person.id);
    for about in [&bob, &cleo] {
        assert_eq!(tablet.push("addUserInGroup").await["userId"], about.person.id);
    }

    let sent = cleo.say(group, "hello from the third gateway").await;
    for push in [
        ann.hears("messageInGroup", "hello from the third gateway").await,
        bob.hears("messageInGroup", "hello from the third gateway").await,
        tablet.push("messageInGroup").await,
    ] {
        assert_eq!((&push["senderName"], &push["senderId"]), (&json!("Cleo"), &json!(cleo.person.id)));
        assert_eq!((&push["seq"], &push["messageId"]), (&sent["seq"], &sent["messageId"]));
    }
    for member in [&mut ann, &mut bob] {
        let list = member.socket.ask("listLastMessage", json!({ "limit": 5, "page": 1 })).await;
        let row = &list["data"][0];
        assert_eq!((&row["groupName"], &row["groupId"]), (&json!("Friends"), &json!(group)));
        assert_eq!((&row["senderName"], &row["receiverId"]), (&json!("Cleo"), &Value::Null));
    }
}

#[tokio::test]
async fn a_member_who_left_hears_nothing_more() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let mut ann = Member::new(&people, &cluster, "Ann", 0).await;
    let mut bob = Member::new(&people, &cluster, "Bob", 1).await;
    let mut cleo = Member::new(&people, &cluster, "Cleo", 2).await;
    let group = ann.found().await;
    for member in [&mut bob, &mut cleo] {
        ann.add(group, member).await;
        member.socket.push("addUserInGroup").await;
        ann.socket.push("addUserInGroup").await;
    }
    bob.socket.push("addUserInGroup").await;

    bob.socket.ask("leaveGroup", json!({ "groupId": group })).await;
    let notice = format!("User {} has left the group.", bob.person.email);
    for member in [&mut ann, &mut cleo] {
        assert_eq!(member.hears("leaveGroup", &notice).await["senderName"], "Bob");
    }
    ann.say(group, "without Bob").await;
    cleo.hears("messageInGroup", "without Bob").await;
    let refused = bob.socket.refused("messageInGroup", json!({ "groupId": group, "content": "x" })).await;
    assert_eq!(refused, "User is not a member of this group");
    let page = json!({ "groupId": group, "limit": 5, "page": 1 });
    let refused = bob.socket.refused("getlatestMessageGroup", page).await;
    assert_eq!(refused, "User is not a member of this group");
}

/// The sweep hardly ever runs, so that what a gateway forgets it does not learn again in time.
#[tokio::test]
async fn a_member_who_is_added_again_hears_nothing_twice_and_nothing_of_the_time_between() {
    let settings = [("GATEWAY_SWEEP_MS", "60000")];
    let options = ClusterOptions { gateways: 2, settings: &settings, ..ClusterOptions::default() };
    let cluster = Cluster::start(options).await;
    let people = People::of(&cluster);
    let mut ann = Member::new(&people, &cluster, "Ann", 0).await;
    let mut bob = Member::new(&people, &cluster, "Bob", 1).await;
    let group = ann.found().await;
    let added = format!("User #{} added in group.", ann.person.email);
    for round in 1..=3 {
        ann.add(group, &bob).await;
        ann.hears("addUserInGroup", &added).await;
        bob.hears("addUserInGroup", &added).await;
        ann.say(group, &format!("welcome {round}")).await;
        bob.hears("messageInGroup", &format!("welcome {round}")).await;
        bob.socket.ask("leaveGroup", json!({ "groupId": group })).await;
        ann.hears("leaveGroup", &format!("User {} has left the group.", bob.person.email)).await;
        ann.say(group, "behind the back of Bob").await;
    }
    let another = bob.person.socket(&cluster, 1).await;
    ann.add(group, &bob).await;
    ann.hears("addUserInGroup", &added).await;
    let sent = ann.say(group, "the last").await;
    for socket in [&mut bob.socket, &mut { another }] {
        assert_eq!(socket.push("addUserInGroup").await["message"], added);
        assert_eq!(socket.push("messageInGroup").await["seq"], sent["seq"]);
    }
}

#[tokio::test]
async fn membership_is_asked_of_everybody() {
    let cluster = shared().await;
    let people = People::of(&cluster);
    let mut ann = Member::new(&people, &cluster, "Ann", 0).await;
    let mut bob = Member::new(&people, &cluster, "Bob", 1).await;
    let group = ann.found().await;
    let not_a_member = "User is not a member of this group";
    let page = json!({ "groupId": group, "limit": 5, "page": 1 });
    for (kind, params) in [
        ("messageInGroup", json!({ "groupId": group, "content": "let me in" })),
        ("addUserInGroup", json!({ "groupId": group, "userId": bob.person.id })),
        ("leaveGroup", json!({ "groupId": group })),
        ("getlatestMessageGroup", page),
    ] {
        assert_eq!(bob.socket.refused(kind, params).await, not_a_member, "{kind}");
    }
    ann.add(group, &bob).await;
    let twice = json!({ "groupId": group, "userId": bob.person.id });
    ann.socket.push("addUserInGroup").await;
    let refused = ann.socket.refused("addUserInGroup", twice).await;
    assert_eq!(refused, "User is already a member of this group");
    assert_eq!(bob.socket.push("addUserInGroup").await["userId"], bob.person.id);
}
