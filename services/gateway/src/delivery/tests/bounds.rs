//! Bounds of the delivery cost reads of the log, and nothing else.

use super::*;

/// More dialogs than may be tracked, rings lost and late: every track is evicted and begun anew over and over.
#[tokio::test]
async fn evicted_conversations_are_heard_in_order_and_once() {
    const ROUNDS: i64 = 6;
    let mut cluster = cluster(1).await;
    cluster.bounds = Bounds { held_bytes: 1, tracked: 2 };
    cluster.add_replica();
    let mut dialogs = Vec::new();
    for peer in 2..=9 {
        dialogs.push((peer, cluster.dialog(1, peer).await));
    }
    let mut socket = cluster.connect_as(Dialect::V2, 1, 1).await;
    for round in 1..=ROUNDS {
        for (peer, dialog) in &dialogs {
            cluster.lose_rings((round + peer) % 3 == 0);
            cluster.send(0, *dialog, *peer, Some(1), &format!("{round}")).await;
        }
    }
    cluster.lose_rings(false);
    let all = usize::try_from(ROUNDS).unwrap() * dialogs.len();
    socket.until_it(|socket| socket.heard.len() >= all, "everything").await;
    // What comes twice comes by the sweep that follows.
    let end = cluster.dialog(1, 1).await;
    cluster.send(0, end, 1, Some(1), "end").await;
    socket
        .until_it(|socket| socket.heard.iter().any(|frame| frame["params"]["content"] == "end"), "end")
        .await;
    for (_, dialog) in dialogs {
        let of_dialog = socket.heard.iter().map(|frame| &frame["params"]);
        let seqs: Vec<_> = of_dialog
            .filter(|entry| entry["conversationId"] == dialog.0)
            .map(|entry| entry["seq"].as_i64().unwrap())
            .collect();
        assert_eq!(seqs, (1..=ROUNDS).collect::<Vec<_>>());
    }
}
