//! Sockets that begin to take part.

use super::*;

/// What is committed before the first sweep is found by no sweep: a socket that was open by then would miss it.
#[tokio::test]
async fn nobody_takes_part_before_the_first_sweep() {
    let mut cluster = cluster(0).await;
    let mut client = cluster.database.connect("messaging").await;
    let lock = client.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE entries IN ACCESS EXCLUSIVE MODE").await.unwrap();
    cluster.add_replica();
    let attach = cluster.replicas[0].0.attach(UserId(1), session(1), Dialect::Seed);
    let mut attach = std::pin::pin!(attach);
    let early = timeout(Duration::from_millis(300), attach.as_mut()).await;
    assert!(early.is_err(), "it waits for the sweep, which waits for the lock");
    lock.rollback().await.unwrap();
    timeout(PATIENCE, attach).await.expect("the sweep is done").unwrap();
}

#[tokio::test]
async fn an_abandoned_handshake_leaves_nothing_behind() {
    let cluster = cluster(1).await;
    let (delivery, wanted) = &cluster.replicas[0];
    let group = cluster.group(0, 1).await;
    for step in 0..20 {
        let mut attach = std::pin::pin!(delivery.attach(UserId(1), session(1), Dialect::Seed));
        for _ in 0..step {
            if futures_util::poll!(attach.as_mut()).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    let kept = cluster.connect(0, 1).await;
    drop(kept);
    let empty = async {
        while !wanted.0.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, empty).await.unwrap_or_else(|_| panic!("left behind: {:?}", wanted.0.lock().unwrap()));
    assert!(delivery.context.hub.all().is_empty());
    let mut again = cluster.connect(0, 1).await;
    cluster.send(0, group, 1, None, "still works").await;
    again.until("still works").await;
}
