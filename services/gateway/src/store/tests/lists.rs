//! What is found by short ways is what looking at everything finds.

use super::*;
use crate::domain::page::{Cursor, Limit};
use crate::domain::reply::Role;

/// User 5 has dialogs with 1 to 120, itself among them, and 30 groups. They were active in one of 12 hours around two
/// midnights, so that many share their time; every seventh dialog has not begun. One group was left; two have no message
/// since the user joined.
const FILL: &str = "
    INSERT INTO conversations
        (kind, low_user, high_user, created_by, last_seq, last_message_seq, last_entry_at, last_message_at, last_xid)
    SELECT 0, least(5, g), greatest(5, g), g, n, n, at, at, pg_current_xact_id()
    FROM generate_series(1, 120) g, LATERAL (SELECT (g % 7 <> 0)::int AS n) begun,
        LATERAL (SELECT CASE n WHEN 1 THEN '2026-03-01 20:00Z'::timestamptz + (g * 31 % 12) * interval '3 hours' END AS at) t;
    INSERT INTO conversations
        (kind, name, created_by, last_seq, last_message_seq, last_entry_at, last_message_at, noticed_on, last_xid)
    SELECT 1, 'g', 5, 2, CASE WHEN g < 3 THEN 0 ELSE 2 END, at, CASE WHEN g >= 3 THEN at END,
        CASE WHEN g < 3 THEN (at AT TIME ZONE 'UTC')::date END, pg_current_xact_id()
    FROM generate_series(1, 30) g,
        LATERAL (SELECT '2026-03-01 20:00Z'::timestamptz + (g * 17 % 12) * interval '3 hours' AS at) t;
    INSERT INTO members (conversation_id, user_id, joined_seq, joined_at, left_seq)
    SELECT DISTINCT id, u, 0, now(), NULL::bigint FROM conversations, unnest(ARRAY[low_user, high_user]) u WHERE kind = 0
    UNION ALL
    SELECT id, 5, 1, last_entry_at - interval '1 hour', CASE WHEN id % 30 = 7 THEN 2 END FROM conversations WHERE kind = 1;
    INSERT INTO entries (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, body, created_at)
    SELECT c.id, s, gen_random_uuid(), nextval('entry_ids'), CASE WHEN c.kind = 1 AND s = 1 THEN 1 ELSE 0 END,
        5, c.high_user, gen_random_uuid(), 'text', c.last_entry_at
    FROM conversations c, generate_series(1, c.last_seq) s";

const ALL_CHATS: &str = "SELECT c.id FROM members m JOIN conversations c ON c.id = m.conversation_id \
    WHERE m.user_id = 5 AND m.left_seq IS NULL AND (c.kind = 1 OR c.last_message_seq > 0) \
    ORDER BY CASE WHEN c.last_message_seq >= m.joined_seq THEN c.last_message_at ELSE m.joined_at END DESC, c.id DESC";
const ALL_CONVERSATIONS: &str = "SELECT c.id FROM members m JOIN conversations c ON c.id = m.conversation_id \
    WHERE m.user_id = 5 AND m.left_seq IS NULL AND c.last_seq > 0 ORDER BY c.last_entry_at DESC, c.id DESC";
const ALL_MESSAGES: &str = "SELECT e.seq FROM entries e WHERE e.conversation_id = $1 AND e.seq >= $2 AND e.kind = 0 \
    AND e.deleted_at IS NULL ORDER BY e.seq DESC";

#[tokio::test]
async fn the_pages_of_a_list_are_the_whole_list_in_its_order() {
    let fixture = fixture().await;
    let client = fixture.database.connect("messaging").await;
    client.batch_execute(FILL).await.unwrap();
    let all = async |sql| -> Vec<ConversationId> {
        client.query(sql, &[]).await.unwrap().iter().map(|row| ConversationId(row.get(0))).collect()
    };
    let (chats, conversations) = (all(ALL_CHATS).await, all(ALL_CONVERSATIONS).await);
    assert_eq!((chats.len(), conversations.len()), (132, 132));
    for limit in [1, 7, 20, 100] {
        let mut pages = Vec::new();
        for number in 1..=133 / limit + 1 {
            let rows = fixture.store.chats(UserId(5), page(limit, number)).await.unwrap();
            pages.extend(rows.iter().map(|row| row.entry.conversation));
        }
        assert_eq!(pages, chats, "pages of {limit}");
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let limit = Limit::new(limit).unwrap();
            let rows = fixture.store.conversations(UserId(5), after, limit).await.unwrap();
            let Some(last) = rows.last() else { break };
            after =
                Some(Cursor { at_us: last.last_entry_at.as_microsecond(), conversation: last.conversation });
            pages.extend(rows.iter().map(|row| row.conversation));
        }
        assert_eq!(pages, conversations, "pages of {limit} by cursor");
    }
}

/// What sets the day that groups are found by: messages, and each kind of notice.
#[tokio::test]
async fn whatever_happens_in_a_group_brings_it_up() {
    let fixture = fixture().await;
    let (store, me, other) = (&fixture.store, UserId(1), UserId(2));
    let group = fixture.group(&[1, 2]).await;
    for peer in 3..6 {
        let dialog = fixture.dialog(1, peer).await;
        fixture.send(&[message(dialog, 1, Some(peer), "x")]).await;
    }
    let client = fixture.database.connect("messaging").await;
    let sleep = "UPDATE conversations SET last_entry_at = last_entry_at - interval '9 days', noticed_on = noticed_on - 9, \
        last_message_at = last_message_at - interval '9 days' WHERE kind = 1";
    let first = async || {
        let rows = store.conversations(me, None, Limit::new(1).unwrap()).await.unwrap();
        rows[0].conversation
    };
    for what in 0..7 {
        client.batch_execute(sleep).await.unwrap();
        assert_ne!(first().await, group, "it sleeps before {what}");
        match what {
            0 => drop(fixture.send(&[message(group, 2, None, "x")]).await),
            1 => drop(store.rename_group(group, me, &GroupName::parse("h").unwrap()).await.unwrap().unwrap()),
            2 => drop(store.add_member(group, me, UserId(7), MANY, MANY).await.unwrap().unwrap()),
            3 => drop(store.set_role(group, me, other, Role::Admin).await.unwrap().unwrap()),
            4 => drop(store.remove_member(group, me, UserId(7)).await.unwrap().unwrap()),
            5 => drop(store.leave_group(group, other).await.unwrap().unwrap()),
            _ => drop(store.add_member(group, me, other, MANY, MANY).await.unwrap().unwrap()),
        }
        assert_eq!(first().await, group, "{what}");
    }
    client.batch_execute(sleep).await.unwrap();
    assert_eq!(
        store.chats(other, page(1, 1)).await.unwrap().len(),
        1,
        "nothing else has happened to this user"
    );
}

/// Entries that are no messages, and deleted ones, at the ends, in rows and alone.
#[tokio::test]
async fn the_pages_of_a_history_are_all_its_messages() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2, 3, 4]).await;
    let say = async |times: usize| {
        let drafts: Vec<_> = (0..times).map(|_| message(group, 1, None, "text")).collect();
        fixture.send(&drafts).await;
    };
    say(7).await;
    for user in [3, 4] {
        fixture.store.leave_group(group, UserId(user)).await.unwrap().unwrap();
    }
    say(1).await;
    fixture.store.add_member(group, UserId(1), UserId(3), MANY, MANY).await.unwrap().unwrap();
    say(9).await;
    fixture.store.rename_group(group, UserId(1), &GroupName::parse("h").unwrap()).await.unwrap().unwrap();
    let client = fixture.database.connect("messaging").await;
    let delete = "UPDATE entries SET deleted_at = now() WHERE kind = 0 AND seq IN (5, 11, 16, 20, 23, 24)";
    assert_eq!(client.execute(delete, &[]).await.unwrap(), 6);
    for (user, joined) in [(1, 1_i64), (2, 2), (3, 15)] {
        let all: Vec<i64> = {
            let rows = client.query(ALL_MESSAGES, &[&group.0, &joined]).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        };
        for limit in [1, 2, 3, 5, 100] {
            let mut pages = Vec::new();
            for number in 1..=25 / limit + 1 {
                let history = fixture.store.group_history(UserId(user), group, page(limit, number)).await;
                pages.extend(history.unwrap().unwrap().iter().map(|entry| entry.seq.0));
            }
            assert_eq!(pages, all, "user {user}, pages of {limit}");
        }
    }
}
