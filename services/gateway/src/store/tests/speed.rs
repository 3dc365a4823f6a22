//! How quick messages are stored. Not a check of right or wrong, hence ignored:
//! `cargo test --profile up -p messenger-gateway --lib store::tests::speed -- --ignored --nocapture`

use std::time::Instant;

use futures_util::future::{join_all, try_join_all};

use super::*;

const DIALOGS: i64 = 10_000;
const CONNECTIONS: i64 = 8;
const ROWS: i64 = 50_000;

/// As the lanes do it: each connection has conversations of its own, each of its batches is a new one's worth of rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn rows_per_second() {
    let fixture = fixture().await;
    let mut dialogs = Vec::new();
    for chunk in (0..DIALOGS).collect::<Vec<_>>().chunks(100) {
        dialogs.extend(join_all(chunk.iter().map(|user| fixture.dialog(*user, user + 1))).await);
    }
    for batch in [1, 16, 64, 256] {
        let rows = ROWS.min(batch * 4_000);
        let lane = async |lane: i64| {
            let mut place = lane;
            for _ in 0..rows / batch / CONNECTIONS {
                let mut drafts = Vec::new();
                for _ in 0..batch {
                    place = (place + CONNECTIONS * 7) % DIALOGS;
                    let dialog = dialogs[usize::try_from(place).unwrap()];
                    drafts.push(message(dialog, place, Some(place + 1), &"x".repeat(200)));
                }
                let outcomes = fixture.store.send(&drafts.iter().collect::<Vec<_>>(), Locked::Skip).await?;
                assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Stored { .. })));
            }
            Ok::<_, StoreError>(())
        };
        let start = Instant::now();
        try_join_all((0..CONNECTIONS).map(lane)).await.unwrap();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let (taken, rows) = (start.elapsed().as_secs_f64(), rows as f64);
        println!("batches of {batch}: {:.0} rows/s, {:.1} us a row", rows / taken, taken * 1e6 / rows);
    }
}
