//! How quick messages are stored. Not a check of right or wrong, hence ignored:
//! `cargo test --profile up -p messenger-gateway --lib store::tests::speed -- --ignored --nocapture`

use std::time::Instant;

use futures_util::future::{join_all, try_join_all};

use super::*;

const DIALOGS: i64 = 10_000;
const CONNECTIONS: i64 = 8;
const ROWS: i64 = 50_000;
/// Somebody who is in no dialog yet.
const WRITER: i64 = 999_998;

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

/// What it costs to send a statement without a name, as behind a pooler: the same calls either way, in turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn microseconds_with_and_without_a_name() {
    const ROUNDS: u32 = 10;
    const CALLS: u32 = 200;
    let fixture = fixture().await;
    let client = fixture.database.connect("messaging").await;
    large::MILLION.fill(&client).await;
    let stores = [fixture.store.clone(), fixture.behind_a_pooler()];
    let dialog = fixture.dialog(WRITER, WRITER + 1).await;
    for what in ["send of 1", "send of 64", "history", "chats", "50 entries"] {
        let mut taken = [Duration::ZERO; 2];
        for round in 0..2 * ROUNDS {
            let which = usize::from(round % 2 == 1);
            let store = &stores[which];
            let start = Instant::now();
            for _ in 0..CALLS {
                call(store, dialog, what).await;
            }
            // The first of each makes connections.
            if round >= 2 {
                taken[which] += start.elapsed();
            }
        }
        let [named, unnamed] = taken.map(|taken| taken.as_secs_f64() * 1e6 / f64::from(CALLS * (ROUNDS - 1)));
        println!("{what}: {named:.0} us with a name, {unnamed:.0} us without");
    }
}

async fn call(store: &Store, dialog: ConversationId, what: &str) {
    let drafts = |count| (0..count).map(|_| message(dialog, WRITER, Some(999_999), "x")).collect::<Vec<_>>();
    let send = async |count| {
        let drafts = drafts(count);
        drop(store.send(&drafts.iter().collect::<Vec<_>>(), Locked::Wait).await.unwrap());
    };
    match what {
        "send of 1" => send(1).await,
        "send of 64" => send(64).await,
        "history" => drop(store.dialog_history(ConversationId(77), page(20, 1)).await.unwrap()),
        "chats" => drop(store.chats(UserId(1), page(20, 1)).await.unwrap()),
        _ => {
            let stretch = Stretch { conversation: ConversationId(77), after: Seq(0), top: Seq(50) };
            let budget = Budget { bytes: 512 * 1024, entry_bytes: 256 };
            drop(store.stretch(stretch, Keep::Newest, budget).await.unwrap());
        }
    }
}
