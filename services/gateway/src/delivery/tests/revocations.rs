//! Who was removed while the bus was away.

use super::*;

#[tokio::test]
async fn after_an_interruption_sockets_of_removed_users_close() {
    let cluster = cluster(1).await;
    // The directory knows users 1 to 3 and nobody else.
    let (stays, gone) = (cluster.connect(0, 1).await, cluster.connect(0, 4).await);
    let dialog = cluster.dialog(1, 2).await;
    cluster.replicas[0].0.interrupted();
    let outbox = gone.attachment.outbox();
    timeout(PATIENCE, outbox.ready()).await.expect("the removed user is found");
    assert_eq!(outbox.drain(&mut Vec::new()), Drained::Closed(Close::Unauthorized));
    cluster.send(0, dialog, 2, Some(1), "still here").await;
    let mut stays = stays;
    stays.until("still here").await;
}
