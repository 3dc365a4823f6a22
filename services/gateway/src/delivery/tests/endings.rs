//! Sessions that accounts says have ended.

use super::*;

#[tokio::test]
async fn a_notice_closes_the_sockets_of_the_session_and_lets_no_new_one_in() {
    let cluster = cluster(1).await;
    let (delivery, user) = (Arc::clone(&cluster.replicas[0].0), UserId(2));
    let attach = async |session| delivery.attach(user, session, Dialect::V2).await;
    let (gone, stays) = (attach(session(1)).await.unwrap(), attach(session(2)).await.unwrap());
    delivery.user_changed(UserChange { user, removed: false, ended: vec![session(1)] });
    assert_eq!(gone.outbox().drain(&mut Vec::new()), Drained::Closed(Close::Revoked));
    assert_eq!(stays.outbox().drain(&mut Vec::new()), Drained::Open);
    assert!(matches!(attach(session(1)).await, Err(NotAttached::SessionEnded)));
    assert!(attach(session(2)).await.is_ok());
}

#[tokio::test]
async fn the_removal_of_a_user_closes_all_sockets() {
    let cluster = cluster(1).await;
    let (stays, gone) = (cluster.connect(0, 1).await, cluster.connect(0, 2).await);
    let removed = UserChange { user: UserId(2), removed: true, ended: Vec::new() };
    cluster.replicas[0].0.user_changed(removed);
    let drain = |device: &Listening| device.attachment.outbox().drain(&mut Vec::new());
    assert_eq!((drain(&gone), drain(&stays)), (Drained::Closed(Close::Revoked), Drained::Open));
}

#[tokio::test]
async fn after_a_pause_nothing_is_written_before_it_is_known_who_was_signed_out() {
    let cluster = cluster(1).await;
    let delivery = &cluster.replicas[0].0;
    let device = cluster.connect(0, 1).await;
    delivery.caught_up(Some(Instant::now()));
    assert!(timeout(Duration::from_secs(1), device.attachment.is_reliable()).await.is_ok());
    tokio::time::pause();
    tokio::time::advance(LEASE_SLACK).await;
    tokio::time::resume();
    let waits = timeout(Duration::from_millis(50), device.attachment.is_reliable());
    assert!(waits.await.is_err(), "the lease has run out");
    delivery.ended(UserId(1), session(1));
    delivery.caught_up(Some(Instant::now()));
    timeout(PATIENCE, device.attachment.is_reliable()).await.expect("it is known again");
    let drained = device.attachment.outbox().drain(&mut Vec::new());
    assert_eq!(drained, Drained::Closed(Close::Revoked));
}
