//! How quick the hot statements are. Not a check of right or wrong, hence ignored:
//! `cargo test --profile up -p messenger-gateway --lib store::tests::speed -- --ignored --nocapture`

use std::time::Instant;

use futures_util::future::{join_all, try_join_all};

use super::*;
use crate::domain::command::{Mark, MarkKind};
use crate::domain::page::Limit;

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

/// What a client asks for when it comes back, of a user in 2,000 dialogs of 50 entries, all of which have grown.
#[tokio::test]
#[ignore = "a measurement"]
async fn milliseconds_of_reads() {
    const ROUNDS: u32 = 50;
    let fixture = fixture().await;
    let client = fixture.database.connect("messaging").await;
    client.batch_execute(plans::FILL).await.unwrap();
    let (store, user, all) = (&fixture.store, UserId(1), Some(sync_at(Xid(0))));
    let now = sync_at(fixture.horizon().await);
    let heads = store.resume_heads(user, all, &[], None).await.unwrap().heads;
    let positions: Vec<_> = heads.iter().map(|head| (head.conversation, Seq(48))).collect();
    let stretches: Vec<_> = heads[..40]
        .iter()
        .map(|head| Stretch { conversation: head.conversation, after: Seq::ZERO, top: head.top })
        .collect();
    let budget = Budget { bytes: 512 * 1024, entry_bytes: 256 };
    let conversation = heads[0].conversation;
    let mut seq = 0;
    for what in [
        "heads, nothing new",
        "heads, all new",
        "heads, 1,000 named",
        "2,000 entries",
        "50 entries",
        "list of 20",
        "list of 100",
        "mark",
    ] {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            seq += 1;
            let mark = Mark { conversation, kind: MarkKind::Read, seq: Seq(seq % 50) };
            match what {
                "heads, nothing new" => {
                    drop(store.resume_heads_within(user, Some(now), &[], None, 0, 1_000).await.unwrap());
                }
                "heads, all new" => drop(store.resume_heads(user, all, &[], None).await.unwrap()),
                "heads, 1,000 named" => drop(store.resume_heads(user, None, &positions, None).await.unwrap()),
                "2,000 entries" => drop(store.stretches(&stretches, budget).await.unwrap()),
                "50 entries" => drop(store.stretch(stretches[0], Keep::Newest, budget).await.unwrap()),
                "list of 20" => drop(store.conversations(user, None, Limit::new(20).unwrap()).await.unwrap()),
                "list of 100" => {
                    drop(store.conversations(user, None, Limit::new(100).unwrap()).await.unwrap());
                }
                _ => drop(store.mark(user, mark, 50).await.unwrap()),
            }
        }
        println!("{what}: {:.2} ms", start.elapsed().as_secs_f64() * 1e3 / f64::from(ROUNDS));
    }
}
