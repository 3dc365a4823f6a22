//! The hot statements at a million entries: none scans a table, and each touches as many pages as its answer needs.

use super::*;

pub(super) use crate::store::chats::{CHATS, GROUP_JOINED, HISTORY};
use crate::store::removal;

/// 20,000 dialogs, the latest messages of two of them an hour apart, one million entries; user 1 is in 2,000 of them, and in
/// 20 groups of 20 members. Conversation 77 is a dialog, 20,001 is a group.
pub(super) const FILL: &str = "
    SET statement_timeout = '5min';
    INSERT INTO conversations
        (kind, low_user, high_user, created_by, last_seq, last_message_seq, last_entry_at, last_message_at, last_xid)
    SELECT 0, least(1 + g % 10, 100 + g), greatest(1 + g % 10, 100 + g), 1 + g % 10, 50, 50,
        now() - g * interval '1 hour', now() - g * interval '1 hour', pg_current_xact_id()
    FROM generate_series(1, 20000) g;
    INSERT INTO conversations
        (kind, name, created_by, last_seq, last_message_seq, last_entry_at, last_message_at, last_xid)
    SELECT 1, 'g', 1, 50, 50, now() - g * interval '1 hour', now() - g * interval '1 hour', pg_current_xact_id()
    FROM generate_series(1, 20) g;
    INSERT INTO members (conversation_id, user_id, joined_seq, joined_at)
    SELECT id, u, 0, now() FROM conversations, unnest(ARRAY[low_user, high_user]) u WHERE kind = 0
    UNION ALL
    SELECT id, u, u, now() FROM conversations, generate_series(1, 20) u WHERE kind = 1;
    INSERT INTO entries (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, body, created_at)
    SELECT c.id, s, gen_random_uuid(), c.id * 50 + s, CASE WHEN c.kind = 1 AND s <= 20 THEN 2 ELSE 0 END,
        coalesce(c.low_user, 1), c.high_user, gen_random_uuid(), 'text', now()
    FROM conversations c, generate_series(1, 50) s;
    INSERT INTO blocks (user_id, blocked_id) SELECT 1 + g % 10, 1000000 + g FROM generate_series(1, 10000) g;
    ANALYZE";

/// Pages that a statement touches, in memory or not, and its plan.
pub(super) async fn touched(client: &tokio_postgres::Client, sql: &str) -> (i64, String) {
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) {sql}");
    let rows = client.query(&explain, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let plan = rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n");
    // The first line about them is of the whole plan: "Buffers: shared hit=12 read=3 dirtied=1".
    let shared = plan.lines().find_map(|line| line.trim_start().strip_prefix("Buffers: shared "));
    let count = |name: &str| -> i64 {
        let words = shared.unwrap_or_default().split_whitespace();
        words.filter_map(|word| word.strip_prefix(name)?.parse::<i64>().ok()).sum()
    };
    (count("hit=") + count("read="), plan)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_hot_touches_more_than_its_answer_needs() {
    let fixture = fixture().await;
    let client = fixture.database.connect("messaging").await;
    client.batch_execute(FILL).await.unwrap();
    client.batch_execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    // What a user is told who comes back grows with the number of chats; a page does not.
    for (name, sql, arguments, most) in [
        ("chats", CHATS, "(1, 20, 0)", 250),
        ("later_chats", CHATS, "(1, 20, 200)", 350),
        ("history", HISTORY, "(77, 20, 0, 0)", 40),
        ("early_history", HISTORY, "(77, 5, 45, 0)", 25),
        ("group_history", HISTORY, "(20001, 20, 0, 1)", 40),
        ("early_group_history", HISTORY, "(20001, 5, 20, 1)", 50),
        ("group_joined", GROUP_JOINED, "(20001, 1)", 10),
        ("conversations_of", groups::CONVERSATIONS_OF, "('{1, 2}', 999999999)", 400),
        ("find_dialog", groups::FIND_DIALOG, "(1, 110)", 5),
        ("entries_between", log::ENTRIES_BETWEEN, "(77, 10, 20, 500)", 20),
        ("oldest_unswept", log::OLDEST_UNSWEPT, "(1000)", 10),
        ("position_before", log::POSITION_BEFORE, "(77, 1000)", 80),
        ("conversations", conversations::CONVERSATIONS, "(1, NULL, NULL, 20, 100, 1000)", 2_000),
        (
            "later_conversations",
            conversations::CONVERSATIONS,
            "(1, now() - interval '100 days', 77, 20, 100, 1000)",
            2_000,
        ),
        ("address", conversations::ADDRESS, "(77)", 5),
        ("blocked", blocks::BLOCKED, "(1, 1000500, 20)", 30),
        ("record", records::RECORD, "(77)", 5),
        ("members", records::MEMBERS, "(20001, 0, 500)", 30),
        ("memberships", records::MEMBERSHIPS, "(1, 100, 20)", 300),
        ("counts", records::COUNTS, "(1)", 2_000),
        ("entries_of", records::ENTRIES_OF, "(77, 8, '00000000-0000-0000-0000-000000000000', 20)", 100),
        ("remove_own", removal::REMOVE_OWN, "(78, 9, '00000000-0000-0000-0000-000000000000', 20)", 900),
        ("window_of", conversations::WINDOW, "(20001, 1)", 10),
        ("stretch", conversations::STRETCH, "(77, 10, 30, -1, 524288, 256)", 40),
        ("stretches", resume::STRETCHES, "('{77, 78}', '{10, 10}', '{30, 50}', 524288, 256, 100)", 200),
    ] {
        client.batch_execute(&format!("PREPARE {name} AS {sql}")).await.unwrap();
        let (pages, plan) = touched(&client, &format!("EXECUTE {name}{arguments}")).await;
        assert!(!plan.contains("Seq Scan"), "{name}:\n{plan}");
        assert!((1..=most).contains(&pages), "{name} touches {pages} pages, more than {most}:\n{plan}");
    }
}

/// Functions hide their plans: what they read is counted instead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_functions_touch_what_they_need() {
    let fixture = fixture().await;
    let client = fixture.database.connect("messaging").await;
    client.batch_execute(FILL).await.unwrap();
    let cursor = fixture.horizon().await;
    let scanned = async || -> i64 {
        client.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
        let sql = "SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables WHERE schemaname = 'messaging'";
        client.query_one(sql, &[]).await.unwrap().get(0)
    };
    let before = scanned().await;
    for (sql, most) in [
        ("SELECT * FROM send_messages(false, ARRAY[77, 78], ARRAY(SELECT low_user FROM conversations WHERE id IN (77, 78) ORDER BY id), \
         ARRAY(SELECT high_user FROM conversations WHERE id IN (77, 78) ORDER BY id), ARRAY[gen_random_uuid(), gen_random_uuid()], \
         ARRAY[gen_random_uuid(), gen_random_uuid()], ARRAY['x', 'x'], ARRAY[NULL, 1])"
            .to_owned(), 100),
        (format!("SELECT * FROM sweep({cursor}, 1000)"), 20),
        ("SELECT * FROM remove_old(5000, 0, now() - interval '1 day', 500, 500, false)".to_owned(), 3_000),
        ("SELECT * FROM remove_old(5000, 0, now() + interval '1 day', 500, 500, false)".to_owned(), 20_000),
        ("SELECT set_cleared(ARRAY[5000::bigint, 5001], ARRAY[50::bigint, 50])".to_owned(), 40),
        ("SELECT * FROM open_dialog(1, 999999, 100000)".to_owned(), 20),
        ("SELECT block_user(1, 500000, 1000)".to_owned(), 100),
        ("SELECT unblock_user(1, 77)".to_owned(), 20),
        ("SELECT * FROM set_role(20001, 1, 2, 1::smallint)".to_owned(), 60),
        ("SELECT * FROM create_group(1, 'g', 100000)".to_owned(), 1_000),
        ("SELECT * FROM create_group_once(1, gen_random_uuid(), 'g', 100000)".to_owned(), 1_000),
        ("SELECT * FROM mark(77, (SELECT low_user FROM conversations WHERE id = 77), true, \
         (SELECT max(read_seq) + 1 FROM members WHERE conversation_id = 77), 50)".to_owned(), 40),
        ("SELECT * FROM resume_heads(1, NULL, NULL, NULL, ARRAY[77::bigint, 78], ARRAY[1::bigint, 2], 0, 1000)".to_owned(), 10_000),
        (format!("SELECT * FROM resume_heads(1, {cursor}, NULL, NULL, ARRAY[77::bigint], ARRAY[1::bigint], 1000000000, 1000)"), 75_000),
        (format!("SELECT * FROM resume_heads(1, {cursor}, 1, 7000, ARRAY[77::bigint], ARRAY[1::bigint], 1000000000, 1000)"), 75_000),
    ] {
        // The first time it also reads what the catalogue says of its tables.
        client.query(&sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let (pages, _) = touched(&client, &sql).await;
        assert!((1..=most).contains(&pages), "{pages} pages, more than {most}: {sql}");
    }
    assert_eq!(scanned().await, before, "rows read by sequential scans");
    assert_eq!(fixture.store.position_before(ConversationId(77), cursor).await, Ok(Seq(50)));
}

/// A membership is one look-up, however many conversations its user is in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_of_much_is_found_as_quickly() {
    let fixture = fixture().await;
    let client = fixture.database.connect("messaging").await;
    client.batch_execute(FILL).await.unwrap();
    let group = fixture.store.create_group(UserId(1), &GroupName::parse("g").unwrap(), 100_000).await;
    let group = group.unwrap().unwrap().conversation;
    let read = async || -> i64 {
        client.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
        let sql = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'members'";
        client.query_one(sql, &[]).await.unwrap().get(0)
    };
    let before = read().await;
    let send = format!(
        "SELECT * FROM send_messages(false, ARRAY[{group}], ARRAY[1], ARRAY[NULL::bigint], ARRAY[gen_random_uuid()], \
         ARRAY[gen_random_uuid()], ARRAY['x'], ARRAY[NULL::bigint])"
    );
    for sql in [
        send,
        format!("SELECT lock_group({group}, 1)"),
        format!("SELECT * FROM mark({group}, 1, true, 1, 50)"),
        format!("SELECT * FROM rename_group({group}, 1, 'h')"),
        conversations::WINDOW.replace("$1", &group.to_string()).replace("$2", "1"),
        GROUP_JOINED.replace("$1", &group.to_string()).replace("$2", "1"),
    ] {
        client.query(&sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let rows = read().await - before;
    assert!((1..=25).contains(&rows), "{rows} entries of the index for six statements");
}
