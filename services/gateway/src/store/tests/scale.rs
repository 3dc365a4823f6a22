//! What the hot statements take inside the server at 10 million entries, a million users, and ten thousand chats of one
//! of them. Not a check of right or wrong, hence ignored; of plans there is one in `plans`. Some minutes, and 8 GB of disk:
//! `cargo test -p messenger-gateway --lib store::tests::scale -- --ignored --nocapture --test-threads 1`

use super::large::{Explained, LONG_DIALOG, LONG_GROUP, ME, Size};
use super::plans::{CHATS, HISTORY};
use super::resume::{RESUME_HEADS, STRETCHES};
use super::*;

const TEN_MILLION: Size = Size {
    entries: 10_000_000,
    conversations: 1_000_000,
    users: 1_000_000,
    long: 100_000,
    transactions: 8_000_000,
};
/// Executions of each statement that count.
const ROUNDS: usize = 200;

/// What partitions are compared in.
const SMALL: Size =
    Size { entries: 200_000, conversations: 20_000, users: 20_000, long: 20_000, transactions: 10_000 };
const PARTITIONS: [u16; 5] = [0, 4, 16, 64, 256];

#[tokio::test]
#[ignore = "a measurement"]
async fn milliseconds_at_the_server() {
    let fixture = fixture().await;
    let client = fixture.database.connect("messaging").await;
    let first = TEN_MILLION.fill(&client).await;
    client.batch_execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    // As large.sql spreads labels: the square root of an age, as a part of two years.
    let mark = |days: f64| -> i64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "below 2^53")]
        let place = (TEN_MILLION.transactions as f64 * (1.0 - (days / 730.0).sqrt())) as i64;
        first.0 + place
    };
    let resume = |since: String, named: &str| {
        format!("({ME}, {since}, NULL, NULL, '{{{named}}}', '{{{named}}}', 1000, 1000, NULL, NULL)")
    };
    let (minute, day, week) = (mark(1.0 / 1440.0), mark(1.0), mark(7.0));
    let named = (1..=100).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    let sweep = |back: i64| format!("({}, 10000)", first.0 + TEN_MILLION.transactions - back);
    for (name, sql, arguments) in [
        ("chats", CHATS, format!("({ME}, 20, 0)")),
        ("chats_page_50", CHATS, format!("({ME}, 20, 980)")),
        ("chats_of_a_usual_user", CHATS, "(500000, 20, 0)".to_owned()),
        ("conversations", conversations::CONVERSATIONS, format!("({ME}, NULL, NULL, 20, 100, 1000)")),
        ("conversations_100", conversations::CONVERSATIONS, format!("({ME}, NULL, NULL, 100, 100, 1000)")),
        (
            "conversations_a_year_ago",
            conversations::CONVERSATIONS,
            format!("({ME}, now() - interval '365 days', 1, 20, 100, 1000)"),
        ),
        ("history", HISTORY, format!("({LONG_DIALOG}, 50, 0, 0, NULL)")),
        ("history_deep", HISTORY, format!("({LONG_DIALOG}, 50, 90000, 0, NULL)")),
        ("history_of_a_group", HISTORY, format!("({LONG_GROUP}, 50, 0, 1, NULL)")),
        ("history_of_a_group_deep", HISTORY, format!("({LONG_GROUP}, 50, 90000, 1, NULL)")),
        (
            "entries_by_place",
            conversations::STRETCH,
            format!("({LONG_DIALOG}, 50000, 50050, -1, 524288, 256)"),
        ),
        ("resume_after_a_minute", RESUME_HEADS, resume(minute.to_string(), "")),
        ("resume_after_a_day", RESUME_HEADS, resume(day.to_string(), "")),
        ("resume_after_a_week", RESUME_HEADS, resume(week.to_string(), "")),
        ("resume_without_mark", RESUME_HEADS, resume("NULL".to_owned(), &named)),
        ("resume_of_everything", RESUME_HEADS, resume("0".to_owned(), "")),
        (
            "missed_entries",
            STRETCHES,
            format!(
                "('{{{named}}}', array_fill(0, ARRAY[100]), array_fill(40, ARRAY[100]), 524288, 256, 100)"
            ),
        ),
        ("handshake", groups::CONVERSATIONS_OF, format!("('{{{ME}}}', {minute})")),
        ("sweep_of_nothing", log::SWEEP, sweep(0)),
        ("sweep_of_1000_transactions", log::SWEEP, sweep(1_000)),
    ] {
        client.batch_execute(&format!("PREPARE {name} AS {sql}")).await.unwrap();
        let mut taken = Vec::new();
        for _ in 0..ROUNDS {
            taken.push(Explained::of(&client, &format!("EXECUTE {name}{arguments}")).await);
        }
        told(name, taken);
    }
}

/// What parts of the log cost, by turns, so that all have the same hours of the machine.
#[tokio::test]
#[ignore = "a measurement"]
async fn milliseconds_by_partitions() {
    let mut logs = Vec::new();
    for count in PARTITIONS {
        let fixture = fixture_with(count).await;
        let client = fixture.database.connect("messaging").await;
        let last = SMALL.fill(&client).await.0 + SMALL.transactions;
        client.batch_execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
        client.batch_execute(&format!("PREPARE page AS {HISTORY}; PREPARE list AS {CHATS}")).await.unwrap();
        client.batch_execute(&format!("BEGIN; {}", send(1, 0))).await.unwrap();
        let locks = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()";
        let locks: i64 = client.query_one(locks, &[]).await.unwrap().get(0);
        client.batch_execute("COMMIT").await.unwrap();
        println!("{count} partitions: {locks} locks of the first message");
        logs.push((count, fixture, client, last));
    }
    for name in ["send 1", "send 60", "send 200", "idle sweep", "sweep of 1000 transactions", "page", "list"]
    {
        let mut taken: Vec<Vec<Explained>> = logs.iter().map(|_| Vec::new()).collect();
        for round in 0..ROUNDS {
            for (log, (_, _, client, last)) in logs.iter().enumerate() {
                let sql = match name {
                    "send 1" => send(1, round),
                    "send 60" => send(60, round),
                    "send 200" => send(200, round),
                    "idle sweep" => {
                        "SELECT * FROM sweep(pg_snapshot_xmin(pg_current_snapshot())::text::bigint, 10000)"
                            .to_owned()
                    }
                    "sweep of 1000 transactions" => format!("SELECT * FROM sweep({}, 1000)", last - 1_000),
                    "page" => format!("EXECUTE page({LONG_DIALOG}, 50, 10000, 0, NULL)"),
                    _ => "EXECUTE list(15000, 20, 0)".to_owned(),
                };
                taken[log].push(Explained::of(client, &sql).await);
            }
        }
        for ((count, ..), taken) in logs.iter().zip(taken) {
            told(&format!("{name}, {count} partitions"), taken);
        }
    }
}

/// That many messages, each in a dialog of its own.
fn send(rows: usize, round: usize) -> String {
    let first = 10_001 + round * 37 % 9_000;
    let column = |name: &str| {
        format!(
            "(SELECT array_agg({name} ORDER BY id) FROM (SELECT * FROM conversations \
             WHERE kind = 0 AND id >= {first} ORDER BY id LIMIT {rows}) c)"
        )
    };
    let new = column("gen_random_uuid()");
    let (ids, low, high) = (column("id"), column("low_user"), column("high_user"));
    let (texts, targets) = (column("'x'::text"), column("NULL::bigint"));
    format!("SELECT * FROM send_messages(false, {ids}, {low}, {high}, {new}, {new}, {texts}, {targets})")
}

fn told(name: &str, mut all: Vec<Explained>) {
    // The first few find nothing prepared.
    all.drain(..5);
    all.sort_by(|a, b| a.milliseconds.total_cmp(&b.milliseconds));
    let at = |part: usize| all[all.len() * part / 100].milliseconds;
    let (least, pages) = (all[0].milliseconds, all[all.len() / 2].pages);
    println!("{name:36} {least:8.2} ms least, {:8.2} ms p50, {:8.2} ms p99, {pages:7} pages", at(50), at(99));
}
