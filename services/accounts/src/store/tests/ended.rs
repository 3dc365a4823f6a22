//! The log of ended sessions, with transactions that commit when they like.

use std::collections::BTreeSet;

use super::*;
use crate::domain::{EndedCursor, RefreshState, Refreshed, SessionLimits, Verdict};

/// Long before everything.
const EVER: Timestamp = Timestamp::constant(0, 0);

/// What the client program would do: follows the log to its end and remembers where that is.
struct Follower {
    cursor: String,
    known: BTreeSet<Uuid>,
}

impl Follower {
    fn new(cursor: &str) -> Self {
        Self { cursor: cursor.to_owned(), known: BTreeSet::new() }
    }

    async fn follow(&mut self, store: &Store, page: u16) -> u32 {
        for pages in 1.. {
            let answer = store.ended_sessions(EndedCursor::parse(&self.cursor), EVER, page).await.unwrap();
            assert!(answer.sessions.len() <= usize::from(page));
            self.known.extend(answer.sessions.iter().map(|session| session.session_id));
            self.cursor = answer.cursor.to_string();
            if !answer.has_more {
                return pages;
            }
        }
        unreachable!()
    }
}

async fn open(store: &Store, id: UserId) -> Session {
    let session = session(id, NOW);
    assert!(store.open_session(&session, HASH, 1_000).await.unwrap().is_some());
    session
}

/// Commands and users that end sessions at the same time meet in the same rows, and lock them in one order.
#[tokio::test]
async fn whoever_ends_many_sessions_at_once_waits_for_others_and_never_in_a_ring() {
    let (database, store) = store().await;
    let client = database.connect("accounts").await;
    // The plans of a table that is large: each user's by his index, everybody's from the beginning.
    let plans = format!("ALTER DATABASE {} SET enable_bitmapscan = off", database.name());
    client.batch_execute(&plans).await.unwrap();
    let id = insert(&store, "ann@x.io", None, None).await;
    let fill = "INSERT INTO sessions (id, user_id, created_at, last_seen_at, expires_at) \
         SELECT gen_random_uuid(), $1, now() + s * interval '1 s', now(), now() + interval '1 day' \
         FROM generate_series(1, 500) s";
    for round in 0..50 {
        client.execute(fill, &[&id.get()]).await.unwrap();
        let (all, own, locked) = tokio::join!(
            store.end_sessions(None, NOW, 1_000),
            store.end_sessions(Some(id), NOW, 1_000),
            store.lock_user(id, None, NOW),
        );
        let ended = all.unwrap() + own.unwrap() + locked.unwrap().map_or(0, |ended| ended.len() as u64);
        assert_eq!(ended, 500, "each by one of them, round {round}");
        store.unlock_user(id).await.unwrap();
    }
}

#[tokio::test]
async fn an_end_is_told_once_it_is_committed_however_late() {
    let (database, store) = store().await;
    let id = insert(&store, "ann@x.io", None, None).await;
    let (slow, quick) = (open(&store, id).await, open(&store, id).await);
    let mut follower = Follower::new("");

    // Takes its transaction id before the quick one, commits after it.
    let client = database.connect("accounts").await;
    client.batch_execute("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    assert!(store.end_session(id, quick.id, NOW).await.unwrap());
    follower.follow(&store, 100).await;
    assert_eq!(follower.known, BTreeSet::from([quick.id]));

    client
        .execute(
            "INSERT INTO ended_sessions (session_id, user_id, ended_at) VALUES ($1, $2, now())",
            &[&slow.id, &id.get()],
        )
        .await
        .unwrap();
    follower.follow(&store, 100).await;
    assert_eq!(follower.known, BTreeSet::from([quick.id]), "what is not committed is not told");
    client.batch_execute("COMMIT").await.unwrap();
    follower.follow(&store, 100).await;
    assert_eq!(follower.known, BTreeSet::from([quick.id, slow.id]));
}

#[tokio::test]
async fn a_late_commit_behind_full_pages_is_told_in_the_next_round() {
    let (database, store) = store().await;
    let id = insert(&store, "ann@x.io", None, None).await;
    let client = database.connect("accounts").await;
    client.batch_execute("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    let mut ended = BTreeSet::new();
    for _ in 0..7 {
        let session = open(&store, id).await;
        assert!(store.end_session(id, session.id, NOW).await.unwrap());
        ended.insert(session.id);
    }
    // The round is under way, its first page read, when the old transaction commits behind it.
    let page = store.ended_sessions(EndedCursor::default(), EVER, 3).await.unwrap();
    assert!(page.has_more && page.sessions.len() == 3);
    let late = Uuid::new_v4();
    let insert = "INSERT INTO ended_sessions (session_id, user_id, ended_at) VALUES ($1, 1, now())";
    client.execute(insert, &[&late]).await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    let mut follower = Follower::new(&page.cursor.to_string());
    follower.known.extend(page.sessions.iter().map(|session| session.session_id));
    assert_eq!(follower.follow(&store, 3).await, 2);
    assert_eq!(follower.known, ended);
    follower.follow(&store, 3).await;
    ended.insert(late);
    assert_eq!(follower.known, ended);
}

#[tokio::test]
async fn many_that_end_at_once_are_told_in_pages() {
    let (_database, store) = store().await;
    let id = insert(&store, "ann@x.io", None, None).await;
    for _ in 0..10 {
        open(&store, id).await;
    }
    let ended = store.remove_user(id, NOW).await.unwrap().unwrap();
    for page in [1, 3, 5, 10, 11] {
        let mut follower = Follower::new("");
        follower.follow(&store, page).await;
        assert_eq!(follower.known, ended.iter().copied().collect(), "pages of {page}");
    }
}

#[tokio::test]
async fn a_forged_cursor_shows_nothing_but_the_log() {
    let (_database, store) = store().await;
    let id = insert(&store, "ann@x.io", None, None).await;
    let session = open(&store, id).await;
    assert!(store.end_session(id, session.id, NOW).await.unwrap());
    let (nil, last) = (Uuid::nil(), u64::MAX);
    // Not understood, or of a server that has gone further than this one: from the beginning.
    for cursor in [
        "'; DROP TABLE ended_sessions; --".to_owned(),
        format!("{last}.{last}.{nil}"),
        format!("0.{last}.{nil}"),
    ] {
        let mut follower = Follower::new(&cursor);
        follower.follow(&store, 100).await;
        assert_eq!(follower.known, BTreeSet::from([session.id]), "{cursor}");
    }
}

#[tokio::test]
async fn what_ended_long_ago_is_not_told_and_then_forgotten() {
    let (_database, store) = store().await;
    let id = insert(&store, "ann@x.io", None, None).await;
    let later = NOW.saturating_add(Duration::from_secs(100)).unwrap();
    let (old, young) = (open(&store, id).await, open(&store, id).await);
    assert!(store.end_session(id, old.id, NOW).await.unwrap());
    assert!(store.end_session(id, young.id, later).await.unwrap());
    let told = async |since| {
        let page = store.ended_sessions(EndedCursor::default(), since, 10).await.unwrap();
        page.sessions.into_iter().map(|session| session.session_id).collect::<Vec<_>>()
    };
    assert_eq!(told(EVER).await, [old.id, young.id]);
    assert_eq!(told(NOW).await, [young.id]);
    assert_eq!(store.forget_ended_sessions(later, 10).await.unwrap(), 1);
    assert_eq!(told(EVER).await, [young.id]);
}

#[tokio::test]
async fn expired_sessions_open_nothing_and_are_deleted_in_batches() {
    let (_database, store) = store().await;
    let id = insert(&store, "ann@x.io", None, None).await;
    let user = store.user(id).await.unwrap().unwrap();
    let sessions = [open(&store, id).await, open(&store, id).await, open(&store, id).await];
    let expiry = sessions[0].expires_at;
    let bearer = Bearer { user_id: id, user_uuid: user.uuid, session_id: sessions[0].id };
    let before = expiry.saturating_sub(Duration::from_secs(1)).unwrap();
    assert!(store.user_of_bearer(&bearer, before).await.unwrap().is_some());
    assert!(store.user_of_bearer(&bearer, expiry).await.unwrap().is_none());
    assert_eq!(store.delete_expired_sessions(before, 2).await.unwrap(), 0);
    assert_eq!(store.delete_expired_sessions(expiry, 2).await.unwrap(), 2);
    assert_eq!(store.delete_expired_sessions(expiry, 2).await.unwrap(), 1);
    assert!(store.ended_sessions(EndedCursor::default(), EVER, 10).await.unwrap().sessions.is_empty());
}

#[tokio::test]
async fn a_refresh_after_the_end_finds_nothing() {
    let (_database, store) = store().await;
    let id = insert(&store, "ann@x.io", None, None).await;
    let session = open(&store, id).await;
    let limits = SessionLimits {
        per_user: 10,
        life: Duration::from_secs(100),
        idle: Duration::from_secs(80),
        grace: Duration::from_secs(10),
        recent: Duration::from_secs(10),
    };
    let rotate = |stored: &RefreshState| {
        assert_eq!((stored.family, stored.previous.clone()), ([1; 32], None));
        Ok(Verdict::Rotate { successor: [3; 32], salt: [4; 32] })
    };
    let refreshed = store.refresh_session(session.id, NOW, &limits, rotate).await.unwrap();
    let Refreshed::Renewed { expires_at, salt, .. } = refreshed else { panic!("{refreshed:?}") };
    assert_eq!((expires_at, salt), (limits.expiry(NOW, NOW), [4; 32]));
    let spent = |stored: &RefreshState| {
        assert_eq!((stored.current, stored.previous.as_ref().unwrap().digest), ([3; 32], [2; 32]));
        Ok(Verdict::Spent)
    };
    let refreshed = store.refresh_session(session.id, NOW, &limits, spent).await.unwrap();
    assert!(matches!(refreshed, Refreshed::Ended(user) if user == id), "{refreshed:?}");
    let nobody = |_: &RefreshState| panic!("nothing is left to be judged");
    let refreshed = store.refresh_session(session.id, NOW, &limits, nobody).await.unwrap();
    assert!(matches!(refreshed, Refreshed::Unknown), "{refreshed:?}");
}
