//! How far the sweep is behind, as the server's transactions leave it.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn the_oldest_entry_that_no_sweep_has_passed_gets_older() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    let cursor = fixture.horizon().await;
    assert_eq!(fixture.store.oldest_unswept(cursor).await, Ok(None), "nothing is waiting, however long ago");
    let mut client = fixture.database.connect("messaging").await;
    let open = client.transaction().await.unwrap();
    open.query_one("SELECT pg_current_xact_id()::text", &[]).await.unwrap();
    fixture.send(&[message(dialog, 1, Some(2), "waits")]).await;
    fixture.send(&[message(dialog, 1, Some(2), "waits, too")]).await;
    let (_, swept) = fixture.store.sweep(Some(cursor)).await.unwrap();
    assert!(swept.heads.is_empty(), "the open transaction holds it back");
    let pool = fixture.database.connect("messaging").await;
    pool.execute("UPDATE entries SET created_at = created_at - interval '1 hour' WHERE seq = 1", &[])
        .await
        .unwrap();
    let age = fixture.store.oldest_unswept(swept.cursor).await.unwrap().unwrap();
    assert!(age >= Duration::from_secs(3_600) && age < Duration::from_secs(3_700), "{age:?}");
    open.rollback().await.unwrap();
    let swept = fixture.sweep_to_the_horizon(swept.cursor).await;
    assert_eq!(fixture.store.oldest_unswept(swept.cursor).await, Ok(None));
}

/// A restored log may have labels that its new server will not reach for long.
#[tokio::test]
async fn entries_from_the_future_do_not_wait() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    fixture.send(&[message(dialog, 1, Some(2), "restored")]).await;
    let client = fixture.database.connect("messaging").await;
    client.batch_execute("UPDATE entries SET xid = '1000000000000'").await.unwrap();
    let cursor = fixture.horizon().await;
    assert_eq!(fixture.store.oldest_unswept(cursor).await, Ok(None));
}
