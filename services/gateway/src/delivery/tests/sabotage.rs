//! Sabotage of the delivery is seen: what the other tests prove would not hold without gates and sweeps.

use super::*;

async fn sabotaged(sabotage: Sabotage) -> Cluster {
    let mut cluster = cluster(0).await;
    cluster.sabotage = sabotage;
    (0..2).for_each(|_| cluster.add_replica());
    cluster
}

#[tokio::test]
async fn without_gates_copies_come_twice() {
    let cluster = sabotaged(Sabotage::GateOff).await;
    let dialog = cluster.dialog(1, 2).await;
    let mut socket = cluster.connect(1, 2).await;
    // Rung for both users: a replica where both are gets two copies.
    let _both = cluster.connect(1, 1).await;
    for number in 1..=5 {
        cluster.send(0, dialog, 1, Some(2), &number.to_string()).await;
    }
    let heard = socket.until("5").await;
    assert!(heard.len() > 5, "{heard:?}");
}

#[tokio::test]
async fn without_sweeps_what_no_ring_brought_is_lost() {
    let cluster = sabotaged(Sabotage::SweepOff).await;
    let (lossy, proof) = (cluster.dialog(1, 2).await, cluster.dialog(2, 3).await);
    let mut socket = cluster.connect(1, 2).await;
    cluster.lose_rings(true);
    cluster.send(0, lossy, 1, Some(2), "lost").await;
    // What a sweep after it hands over would be heard before the proof.
    let swept = &cluster.replicas[1].0.context.swept;
    let before = *swept.borrow();
    let passed = async {
        swept.subscribe().wait_for(|cursor| *cursor > before).await.unwrap();
    };
    cluster.send(0, lossy, 1, Some(2), "lost too").await;
    timeout(PATIENCE, passed).await.expect("the sweep goes on for the positions of new tracks");
    cluster.lose_rings(false);
    cluster.send(0, proof, 3, Some(2), "proof").await;
    assert_eq!(socket.until("proof").await, ["proof"]);
}
