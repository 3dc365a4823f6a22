//! A log of partitions is the same log: to the statements, to the role that serves, and to who was connected when it moved.

use messenger_support::{exceptions, permitted, privileges};

use super::*;

const SHAPE: &str = "
    SELECT format('%s %s %s %s', attname, atttypid::regtype, attnotnull, pg_get_expr(adbin, adrelid))
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = 'entries'::regclass AND attnum > 0
    UNION ALL SELECT format('%s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE conrelid = 'entries'::regclass
    UNION ALL SELECT replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') FROM pg_index WHERE indrelid = 'entries'::regclass
    ORDER BY 1";
const PARTS: &str =
    "SELECT i.inhrelid::regclass::text FROM pg_inherits i WHERE i.inhparent = 'entries'::regclass ORDER BY 1";

async fn texts(client: &tokio_postgres::Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

impl Fixture {
    async fn partition(&self, count: u16, rows: Rows) -> Result<(), migrate::MigrateError> {
        let owner = connection_config(&config(self.database.url_for("messaging"))).unwrap();
        partition(&owner, count, rows).await
    }
}

#[tokio::test]
async fn a_log_of_partitions_has_the_names_and_rules_of_one_table() {
    let (one, many) = (fixture_with(0).await, fixture_with(4).await);
    let (of_one, of_many) =
        (one.database.connect("messaging").await, many.database.connect("messaging").await);
    assert_eq!(texts(&of_many, SHAPE).await, texts(&of_one, SHAPE).await);
    assert_eq!(texts(&of_one, PARTS).await, Vec::<String>::new());
    assert_eq!(texts(&of_many, PARTS).await, ["entries_4_0", "entries_4_1", "entries_4_2", "entries_4_3"]);
    let (all, parts): (Vec<_>, Vec<_>) =
        privileges(&of_many, &many.role).await.into_iter().partition(|line| !line.starts_with("entries_4_"));
    assert_eq!(all, privileges(&of_one, &one.role).await);
    assert_eq!(parts, ["entries_4_0:", "entries_4_1:", "entries_4_2:", "entries_4_3:"]);
    assert!(exceptions(&of_many, &many.role).await.is_empty());
    let client = many.database.connect_as(&many.role, "messaging").await;
    let refused = [
        "SELECT * FROM entries_4_1",
        "DELETE FROM entries_4_1",
        "DROP TABLE entries_4_1",
        "DELETE FROM entries",
    ];
    assert_eq!(permitted(&client, &refused).await, []);
}

#[tokio::test]
async fn a_log_with_rows_stays_as_it_is_until_it_is_told_to_move() {
    let fixture = fixture_with(0).await;
    fixture.partition(2, Rows::Stay).await.unwrap();
    fixture.partition(4, Rows::Stay).await.unwrap();
    let group = fixture.group(&[1, 2]).await;
    fixture.partition(4, Rows::Stay).await.expect("it is as it should be");
    let refused = fixture.partition(8, Rows::Stay).await.unwrap_err();
    let why = format!("{:#}", anyhow::Error::new(refused));
    assert!(why.contains("entries has rows and 4 partitions, 8 are wanted: `gateway partition`"), "{why}");
    assert_eq!(fixture.seqs(group).await, [1, 2]);
}

/// Gateways that are connected, with their statements prepared and their functions planned, go on after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_moves_while_it_is_written() {
    let fixture = fixture_with(0).await;
    let client = fixture.database.connect("messaging").await;
    let groups = [fixture.group(&[1]).await, fixture.group(&[1]).await, fixture.group(&[1]).await];
    let start = fixture.horizon().await;
    let first = message(groups[0], 1, None, "first");
    fixture.send(std::slice::from_ref(&first)).await;
    let (moved, ready) = (std::sync::atomic::AtomicBool::new(false), tokio::sync::Notify::new());
    let write = async {
        let mut sent = 0;
        while !moved.load(std::sync::atomic::Ordering::Relaxed) {
            for outcome in fixture.send(&groups.map(|group| message(group, 1, None, "more"))).await {
                stored_seq(&outcome);
            }
            sent += 1;
            ready.notify_one();
        }
        sent
    };
    let change = async {
        for count in [4, 16] {
            ready.notified().await;
            ready.notified().await;
            fixture.partition(count, Rows::Move).await.unwrap();
        }
        ready.notified().await;
        moved.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let (sent, ()) = tokio::join!(write, change);
    assert_eq!(texts(&client, PARTS).await.len(), 16);
    // The founding of each group, the first message of one, and what was written meanwhile.
    for (group, before) in groups.iter().zip([2, 1, 1]) {
        assert_eq!(fixture.seqs(*group).await, (1..=sent + before).collect::<Vec<_>>());
    }
    assert!(matches!(fixture.send(std::slice::from_ref(&first)).await[..], [Outcome::Seen { .. }]));
    let swept = fixture.sweep_to_the_horizon(start).await;
    let top =
        |group| swept.heads.iter().filter(|head| head.conversation == group).map(|head| head.seq.0).max();
    assert_eq!(groups.map(top), [Some(sent + 2), Some(sent + 1), Some(sent + 1)]);
    let page = fixture.store.group_history(UserId(1), groups[0], page(2, 1)).await.unwrap().unwrap();
    assert_eq!(page.len(), 2);
}
