//! What sockets of the second dialect are told beyond those of the first.

use super::*;
use crate::domain::command::{Mark, MarkKind};
use crate::domain::ids::Seq;

impl Listening {
    /// Waits for a frame with this value under a key of its `params`.
    async fn until_has(&mut self, key: &str, value: impl Into<serde_json::Value>) {
        let value = value.into();
        let has = |socket: &Self| socket.heard.iter().any(|frame| frame["params"][key] == value);
        self.until_it(has, &format!("{key}: {value}")).await;
    }

    /// Kinds and sequences of the entries of a conversation, in the order in which they came.
    fn entries_of(&self, conversation: ConversationId) -> Vec<(&str, i64)> {
        let entries =
            self.heard.iter().filter(|frame| frame["type"] == "entry").map(|frame| &frame["params"]);
        entries
            .filter(|entry| entry["conversationId"] == conversation.0)
            .map(|entry| (entry["kind"].as_str().unwrap(), entry["seq"].as_i64().unwrap()))
            .collect()
    }
}

#[tokio::test]
async fn who_leaves_hears_of_that_and_of_nothing_after() {
    for lose in [false, true] {
        let cluster = cluster(2).await;
        let group = cluster.group(0, 1).await;
        cluster.lose_rings(lose);
        let mut owner = cluster.connect_as(Dialect::V2, 0, 1).await;
        let mut member = cluster.connect_as(Dialect::V2, 1, 2).await;
        let mut seed = cluster.connect(1, 2).await;
        cluster.send(0, group, 1, None, "before").await;
        cluster.add(0, group, 1, 2).await;
        cluster.send(0, group, 1, None, "during").await;
        member.until_has("content", "during").await;
        cluster.leave(0, group, 2).await;
        cluster.send(0, group, 1, None, "after").await;
        owner.until_has("content", "after").await;
        member.until_has("kind", "memberLeft").await;
        let dialog = cluster.dialog(1, 2).await;
        cluster.send(0, dialog, 1, Some(2), "end").await;
        member.until_has("content", "end").await;
        let heard = member.entries_of(group);
        assert_eq!(heard, [("memberAdded", 3), ("message", 4), ("memberLeft", 5)], "rings lost: {lose}");
        assert!(!seed.until("end").await.iter().any(|text| text.contains("has left")));
        assert_eq!(owner.entries_of(group).last(), Some(&("message", 6)));
    }
}

#[tokio::test]
async fn what_a_newer_version_wrote_is_told_by_its_place() {
    let cluster = cluster(2).await;
    let group = cluster.group(0, 1).await;
    cluster.add(0, group, 1, 2).await;
    let dialog = cluster.dialog(1, 2).await;
    let mut socket = cluster.connect_as(Dialect::V2, 1, 2).await;
    cluster.send(0, dialog, 1, Some(2), "first").await;
    socket.until_has("content", "first").await;
    let newer = cluster.database.connect("messaging").await;
    for (conversation, peer) in [(group, None), (dialog, Some(2_i64))] {
        let append = "SELECT append_entry($1, 99::smallint, 1, $2, 'from the future')";
        newer.execute(append, &[&conversation.0, &peer]).await.unwrap();
        cluster.send(0, conversation, 1, peer, &format!("after it in {conversation}")).await;
        socket.until_has("content", format!("after it in {conversation}")).await;
    }
    assert_eq!(socket.entries_of(group), [("unsupported", 3), ("message", 4)]);
    assert_eq!(socket.entries_of(dialog), [("message", 1), ("unsupported", 2), ("message", 3)]);
}

#[tokio::test]
async fn watermarks_reach_those_who_have_what_they_speak_of() {
    let cluster = cluster(2).await;
    let group = cluster.group(0, 1).await;
    cluster.add(0, group, 1, 2).await;
    let mut socket = cluster.connect_as(Dialect::V2, 1, 2).await;
    cluster.send(0, group, 1, None, "one").await;
    socket.until_has("content", "one").await;
    let mark = |seq| Watermark {
        user: UserId(1),
        mark: Mark { conversation: group, kind: MarkKind::Read, seq: Seq(seq) },
        audience: Audience::Members,
    };
    // Of what this replica has not released nobody is told.
    cluster.replicas[0].0.marked(mark(9));
    cluster.replicas[0].0.marked(mark(3));
    socket.until_has("userId", 1).await;
    cluster.send(0, group, 1, None, "two").await;
    socket.until_has("content", "two").await;
    let marks = socket.heard.iter().filter(|frame| frame["type"] == "read");
    assert!(marks.map(|frame| frame["params"]["seq"].as_i64()).all(|seq| seq == Some(3)));
}
