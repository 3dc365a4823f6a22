//! The hot statements at a million entries, for a user of ten thousand chats: none scans a table, each touches as many pages
//! and handles as many rows as its answer needs, whether the log is one table or many. Times are measured by `scale`.

use super::large::{CHATS_OF_ME, Explained, ME, MILLION};
use super::*;

pub(super) use crate::store::chats::{CHATS, GROUP_JOINED, HISTORY};
use crate::store::removal;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_hot_touches_more_than_its_answer_needs() {
    let fixture = fixture_with(0).await;
    let client = fixture.database.connect("messaging").await;
    MILLION.fill(&client).await;
    the_statements_touch_what_they_need(&client).await;
    the_functions_touch_what_they_need(&fixture, &client).await;
    a_member_of_much_is_found_as_quickly(&fixture, &client).await;
}

/// Statistics of the parts are there, those of the whole are not: nothing gathers them by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_it_in_a_log_of_partitions() {
    let fixture = fixture_with(16).await;
    let client = fixture.database.connect("messaging").await;
    MILLION.fill(&client).await;
    client.batch_execute("DELETE FROM pg_statistic WHERE starelid = 'entries'::regclass").await.unwrap();
    the_statements_touch_what_they_need(&client).await;
    the_functions_touch_what_they_need(&fixture, &client).await;
}

/// Name, statement, arguments; pages and rows at most; an index that it takes, of whichever partition.
type Hot = (&'static str, &'static str, &'static str, i64, i64, &'static str);

/// A page costs what it is long, and a look into an index for each of the user's groups, of which there are a thousand.
const HOT: &[Hot] = &[
    ("chats", CHATS, "(5000, 20, 0)", 3_000, 1_500, "conversations_of_low"),
    ("later_chats", CHATS, "(5000, 20, 200)", 3_300, 1_500, "conversations_of_groups"),
    ("chats_of_few", CHATS, "(50000, 20, 0)", 200, 100, "conversations_of_high"),
    ("history", HISTORY, "(1, 20, 0, 0, NULL)", 40, 20, "entries_"),
    ("early_history", HISTORY, "(1, 20, 15000, 0, NULL)", 40, 20, "entries_"),
    ("group_history", HISTORY, "(10, 20, 0, 1, NULL)", 40, 20, "entries_"),
    ("early_group_history", HISTORY, "(10, 20, 15000, 1, NULL)", 40, 20, "entries_"),
    ("group_joined", GROUP_JOINED, "(10, 5000)", 10, 1, "members_"),
    ("conversations_of", groups::CONVERSATIONS_OF, "('{5000, 50000}', 1)", 4_500, 2_000, "members_groups"),
    ("find_dialog", groups::FIND_DIALOG, "(101, 5000)", 5, 1, "conversations_dialog"),
    ("entries_between", log::ENTRIES_BETWEEN, "(101, 10, 20, 500)", 20, 10, "entries_"),
    ("oldest_unswept", log::OLDEST_UNSWEPT, "(1)", 100, 10, "entries_"),
    ("position_before", log::POSITION_BEFORE, "(101, 999999999)", 20, 1, "entries_"),
    (
        "conversations",
        conversations::CONVERSATIONS,
        "(5000, NULL, NULL, 20, 100, 1000)",
        3_300,
        1_500,
        "conversations_of_low",
    ),
    (
        "later_conversations",
        conversations::CONVERSATIONS,
        "(5000, now() - interval '300 days', 77, 20, 100, 1000)",
        3_000,
        1_500,
        "conversations_of_groups",
    ),
    ("address", conversations::ADDRESS, "(101)", 5, 1, "conversations_pkey"),
    ("blocked", blocks::BLOCKED, "(1, 1000000500, 20)", 30, 20, "blocks"),
    ("record", records::RECORD, "(101)", 5, 1, "conversations_pkey"),
    ("members", records::MEMBERS, "(10, 0, 500)", 30, 500, "members_pkey"),
    ("memberships", records::MEMBERSHIPS, "(5000, 100, 20)", 300, 40, "members_user"),
    ("counts", records::COUNTS, "(5000)", 2_000, 10_000, "members_user"),
    (
        "entries_of",
        records::ENTRIES_OF,
        "(101, 101, '00000000-0000-0000-0000-000000000000', 20)",
        100,
        20,
        "entries_",
    ),
    (
        "remove_own",
        removal::REMOVE_OWN,
        "(201, 201, '00000000-0000-0000-0000-000000000000', 20)",
        900,
        20,
        "entries_",
    ),
    ("window_of", conversations::WINDOW, "(10, 5000)", 10, 1, "members_"),
    ("stretch", conversations::STRETCH, "(1, 10000, 10020, -1, 524288, 256)", 60, 20, "entries_"),
    (
        "stretches",
        resume::STRETCHES,
        "('{1, 101}', '{10, 10}', '{30, 50}', 524288, 256, 100)",
        250,
        60,
        "entries_",
    ),
];

async fn the_statements_touch_what_they_need(client: &tokio_postgres::Client) {
    client.batch_execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    let mut wrong = Vec::new();
    for (name, sql, arguments, pages, rows, index) in HOT {
        client.batch_execute(&format!("PREPARE {name} AS {sql}")).await.unwrap();
        let done = Explained::of(client, &format!("EXECUTE {name}{arguments}")).await;
        println!("{name}: {} pages, {} rows", done.pages, done.most_rows());
        let scans = done.plan.contains("Seq Scan") || !done.plan.contains(index);
        if scans || !(1..=*pages).contains(&done.pages) || done.most_rows() > *rows {
            wrong
                .push(format!("{name} takes {index}, {pages} pages and {rows} rows at most:\n{}", done.plan));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Functions hide their plans: what they read is counted instead.
async fn the_functions_touch_what_they_need(fixture: &Fixture, client: &tokio_postgres::Client) {
    let cursor = fixture.horizon().await;
    let scanned = async || -> i64 {
        client.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
        let sql = "SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables WHERE schemaname = 'messaging'";
        client.query_one(sql, &[]).await.unwrap().get(0)
    };
    let before = scanned().await;
    let resume = |since: &str, after: &str, named: &str| {
        format!("SELECT * FROM resume_heads(5000, {since}, {after}, '{{{named}}}', '{{{named}}}', 0, 1000)")
    };
    let (now, named) =
        (cursor.to_string(), (1..=1_000).map(|id| id.to_string()).collect::<Vec<_>>().join(","));
    let mut wrong = Vec::new();
    for (sql, most) in [
        ("SELECT * FROM send_messages(false, ARRAY[101, 102], ARRAY(SELECT low_user FROM conversations WHERE id IN (101, 102) ORDER BY id), \
         ARRAY(SELECT high_user FROM conversations WHERE id IN (101, 102) ORDER BY id), ARRAY[gen_random_uuid(), gen_random_uuid()], \
         ARRAY[gen_random_uuid(), gen_random_uuid()], ARRAY['x', 'x'], ARRAY[NULL, 1])"
            .to_owned(), 120),
        (format!("SELECT * FROM sweep({cursor}, 1000)"), 100),
        ("SELECT * FROM remove_old(5000, 0, now() - interval '3 years', 500, 500, false)".to_owned(), 3_000),
        ("SELECT * FROM remove_old(5000, 0, now() + interval '1 day', 500, 500, false)".to_owned(), 20_000),
        ("SELECT set_cleared(ARRAY[5001::bigint, 5002], ARRAY[1::bigint, 1])".to_owned(), 40),
        ("SELECT * FROM open_dialog(5000, 9999999, 100000)".to_owned(), 20),
        ("SELECT block_user(5000, 500000, 1000)".to_owned(), 100),
        ("SELECT unblock_user(5000, 77)".to_owned(), 20),
        ("SELECT * FROM set_role(10, 5000, 10013, 1::smallint)".to_owned(), 60),
        ("SELECT * FROM create_group(5000, 'g', 100000)".to_owned(), 1_000),
        ("SELECT * FROM create_group_once(5000, gen_random_uuid(), 'g', 100000)".to_owned(), 1_000),
        ("SELECT * FROM mark(101, (SELECT low_user FROM conversations WHERE id = 101), true, \
         (SELECT max(read_seq) + 1 FROM members WHERE conversation_id = 101), 50)".to_owned(), 40),
        // What a user is told who comes back grows with what is told, and with his groups.
        (resume("NULL", "NULL, NULL", &named), 15_000),
        (resume(&now, "NULL, NULL", "1, 2"), 9_500),
        (resume("1", &format!("{}, 1", 2 << 20), "1, 2"), 5_000),
        (resume("1", "NULL, NULL", "1, 2"), 30_000),
        // Who was away for a moment, beside others: as far as his groups go.
        (format!("SELECT * FROM rested_since(ARRAY[5000, 1, 2, 3], ARRAY[{now}, {now}, {now}, {now}], ARRAY[NULL::uuid, NULL, NULL, NULL], 0)"),
         4_500),
    ] {
        // The first time it also reads what the catalogue says of its tables.
        client.query(&sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let pages = Explained::of(client, &sql).await.pages;
        println!("{pages} pages: {sql:.120}");
        if !(1..=most).contains(&pages) {
            wrong.push(format!("{pages} pages, more than {most}: {sql}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(scanned().await, before, "rows read by sequential scans");
}

/// A membership is one look-up, however many conversations its user is in.
async fn a_member_of_much_is_found_as_quickly(fixture: &Fixture, client: &tokio_postgres::Client) {
    let group = fixture.store.create_group(ME, &GroupName::parse("g").unwrap(), 10 * CHATS_OF_ME).await;
    let group = group.unwrap().unwrap().conversation;
    let read = async || -> i64 {
        client.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
        let sql = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'members'";
        client.query_one(sql, &[]).await.unwrap().get(0)
    };
    let before = read().await;
    let send = format!(
        "SELECT * FROM send_messages(false, ARRAY[{group}], ARRAY[{ME}], ARRAY[NULL::bigint], ARRAY[gen_random_uuid()], \
         ARRAY[gen_random_uuid()], ARRAY['x'], ARRAY[NULL::bigint])"
    );
    for sql in [
        send,
        format!("SELECT lock_group({group}, {ME})"),
        format!("SELECT * FROM mark({group}, {ME}, true, 1, 50)"),
        format!("SELECT * FROM rename_group({group}, {ME}, 'h')"),
        conversations::WINDOW.replace("$1", &group.to_string()).replace("$2", &ME.to_string()),
        GROUP_JOINED.replace("$1", &group.to_string()).replace("$2", &ME.to_string()),
    ] {
        client.query(&sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let rows = read().await - before;
    assert!((1..=25).contains(&rows), "{rows} entries of the index for six statements");
}
