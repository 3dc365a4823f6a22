//! The hot statements at a million entries: none may scan a table.

use super::*;

pub(super) use crate::store::chats::{CHATS, DIALOG_HISTORY, GROUP_HISTORY, GROUP_JOINED};

/// 20,000 dialogs and groups of 20 members, one million entries; user 1 is in 2,000 of them.
pub(super) const FILL: &str = "
    INSERT INTO conversations
        (kind, low_user, high_user, created_by, last_seq, last_message_seq, last_entry_at, last_message_at, last_xid)
    SELECT 0, least(1 + g % 10, 100 + g), greatest(1 + g % 10, 100 + g), 1 + g % 10, 50, 50,
        now() - g * interval '1 second', now() - g * interval '1 second', pg_current_xact_id()
    FROM generate_series(1, 20000) g;
    INSERT INTO members (conversation_id, user_id, joined_seq, joined_at)
    SELECT id, u, 0, now() FROM conversations, unnest(ARRAY[low_user, high_user]) u;
    INSERT INTO entries (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, body, created_at)
    SELECT c.id, s, gen_random_uuid(), c.id * 50 + s, 0, c.low_user, c.high_user, gen_random_uuid(), 'text', now()
    FROM conversations c, generate_series(1, 50) s;
    ANALYZE";

async fn plan(client: &tokio_postgres::Client, sql: &str) -> String {
    let rows = client.query(&format!("EXPLAIN {sql}"), &[]).await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_hot_scans_a_table() {
    let fixture = fixture().await;
    let client = fixture.database.connect("messaging").await;
    client.batch_execute(FILL).await.unwrap();
    client.batch_execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    for (name, sql, arguments) in [
        ("chats", CHATS, "(1, 20, 0)"),
        ("dialog_history", DIALOG_HISTORY, "(77, 20, 0)"),
        ("group_history", GROUP_HISTORY, "(77, 1, 20, 0)"),
        ("group_joined", GROUP_JOINED, "(77, 1)"),
        ("conversations_of", groups::CONVERSATIONS_OF, "('{1, 2}', 999999999)"),
        ("find_dialog", groups::FIND_DIALOG, "(1, 110)"),
        ("entries_between", log::ENTRIES_BETWEEN, "(77, 10, 20, 500)"),
        ("oldest_unswept", log::OLDEST_UNSWEPT, "(1000)"),
        ("position_before", log::POSITION_BEFORE, "(77, 1000)"),
        ("conversations", conversations::CONVERSATIONS, "(1, NULL, NULL, 20, 100, 1000)"),
        ("next_conversations", conversations::CONVERSATIONS, "(1, now(), 77, 20, 100, 1000)"),
        ("address", conversations::ADDRESS, "(77)"),
        ("window_of", conversations::WINDOW, "(77, 1)"),
        ("stretch", conversations::STRETCH, "(77, 10, 30, -1, 524288, 256)"),
        ("stretches", resume::STRETCHES, "('{77, 78}', '{10, 10}', '{30, 50}', 524288, 256, 100)"),
    ] {
        client.batch_execute(&format!("PREPARE {name} AS {sql}")).await.unwrap();
        let plan = plan(&client, &format!("EXECUTE {name}{arguments}")).await;
        assert!(!plan.contains("Seq Scan"), "{name}:\n{plan}");
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
    for sql in [
        "SELECT * FROM send_messages(false, ARRAY[77, 78], ARRAY(SELECT low_user FROM conversations WHERE id IN (77, 78) ORDER BY id), \
         ARRAY(SELECT high_user FROM conversations WHERE id IN (77, 78) ORDER BY id), ARRAY[gen_random_uuid(), gen_random_uuid()], \
         ARRAY[gen_random_uuid(), gen_random_uuid()], ARRAY['x', 'x'], ARRAY[NULL, 1])"
            .to_owned(),
        format!("SELECT * FROM sweep({cursor}, 1000)"),
        "SELECT * FROM open_dialog(1, 999999, 100000)".to_owned(),
        "SELECT * FROM create_group(1, 'g', 100000)".to_owned(),
        "SELECT * FROM create_group_once(1, gen_random_uuid(), 'g', 100000)".to_owned(),
        "SELECT * FROM mark(77, (SELECT low_user FROM conversations WHERE id = 77), true, 40, 50)".to_owned(),
        "SELECT * FROM resume_heads(1, NULL, NULL, NULL, ARRAY[77::bigint, 78], ARRAY[1::bigint, 2], 0, 1000)".to_owned(),
        format!("SELECT * FROM resume_heads(1, {cursor}, NULL, NULL, ARRAY[77::bigint], ARRAY[1::bigint], 1000000000, 1000)"),
        format!("SELECT * FROM resume_heads(1, {cursor}, 1, 7000, ARRAY[77::bigint], ARRAY[1::bigint], 1000000000, 1000)"),
    ] {
        client.query(&sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
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
