//! Rings that no commit has caused, as somebody with the password of Redis could send them. They are believed as far as
//! they go; the log is not touched by them, and delivery follows it again once it has passed the places that were forged.

use super::*;
use crate::domain::ids::{EntryId, Seq};

impl Cluster {
    /// A ring to one replica for an entry that is in no log.
    fn forge(&self, replica: usize, dialog: ConversationId, seq: i64, text: &str) {
        let entry = Entry {
            conversation: dialog,
            seq: Seq(seq),
            id: EntryId(seq),
            uuid: Uuid::new_v4(),
            kind: EntryKind::Message,
            sender: UserId(2),
            recipient: Some(UserId(1)),
            client_id: Uuid::new_v4(),
            target: None,
            body: text.into(),
            created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            deleted_at: None,
        };
        let event = Event { entry, author: Author::default(), subject: Author::default() };
        self.replicas[replica].0.rang(Rung::Event(event), None);
    }
}

#[tokio::test]
async fn an_entry_far_beyond_the_head_of_the_log_holds_nothing_up() {
    let cluster = cluster(2).await;
    let dialog = cluster.dialog(1, 2).await;
    let mut socket = cluster.connect(1, 1).await;
    cluster.send(0, dialog, 2, Some(1), "first").await;
    socket.until("first").await;
    cluster.forge(1, dialog, 1_000, "forged");
    cluster.forge(1, dialog, i64::MAX - 1, "forged");
    for n in 2..=7 {
        cluster.send(0, dialog, 2, Some(1), &format!("real {n}")).await;
        socket.until(&format!("real {n}")).await;
    }
    let heard = socket.messages();
    assert_eq!(heard, ["first", "real 2", "real 3", "real 4", "real 5", "real 6", "real 7"]);
}

#[tokio::test]
async fn the_next_entry_is_believed_and_the_log_goes_on_without_it() {
    let cluster = cluster(2).await;
    let dialog = cluster.dialog(1, 2).await;
    let mut socket = cluster.connect(1, 1).await;
    cluster.send(0, dialog, 2, Some(1), "first").await;
    socket.until("first").await;
    cluster.forge(1, dialog, 2, "forged");
    socket.until("forged").await;
    // What really has this place cannot be shown there any more. It is in the history, and what follows is shown.
    cluster.send(0, dialog, 2, Some(1), "covered").await;
    cluster.send(0, dialog, 2, Some(1), "after").await;
    assert_eq!(socket.until("after").await, ["first", "forged", "after"]);
    let logged = "SELECT string_agg(body, ' ' ORDER BY seq) FROM entries WHERE conversation_id = $1";
    let client = cluster.database.connect("messaging").await;
    let logged: String = client.query_one(logged, &[&dialog.0]).await.unwrap().get(0);
    assert_eq!(logged, "first covered after");
}
