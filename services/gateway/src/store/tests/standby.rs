//! A standby answers for the primary as far as it has come, and no reader can tell which of the two it was.

use messenger_backing::{Durability, Postgres, PostgresServer};
use messenger_support::{private_postgres, standby_of};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, NoTls};

use super::*;
use crate::store::follower::Follower;

const SOON: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);
/// So patient that the test alone decides when the standby is left.
const LAG: Duration = Duration::from_secs(60);

struct Pair {
    store: Store,
    follower: Follower,
    /// A connection to the standby, which its end does not disturb.
    standby: Client,
    server: PostgresServer,
    _primary: Postgres,
}

#[expect(clippy::disallowed_methods, reason = "the connection's driver ends with the client that owns it")]
async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    client
}

impl Pair {
    /// Before which transaction all are over on the primary.
    async fn horizon(&self) -> Xid {
        self.store.sweep(None).await.unwrap().1.cursor
    }

    async fn sweep(&self, from: Xid) -> Sweep {
        self.store.sweep(Some(from)).await.unwrap().1
    }

    /// With a database of its own: the servers keep theirs from run to run.
    async fn start() -> Self {
        let (mut primary, server) = block_in_place(|| {
            let mut primary = private_postgres(Durability::Durable, &[]);
            let server = standby_of(&mut primary);
            (primary, server)
        });
        let admin = connect(&primary.admin_url()).await;
        for sql in ["DROP DATABASE IF EXISTS pair WITH (FORCE)", "CREATE DATABASE pair"] {
            admin.batch_execute(sql).await.unwrap();
        }
        let url = format!("{}?options=-csearch_path%3Dmessaging", primary.url("pair"));
        let port = primary.server().unwrap().port();
        let standby_url = url.replace(&format!(":{port}/"), &format!(":{}/", server.port()));
        migrate::run(&connection_config(&config(url.clone())).unwrap(), migrations::runner()).await.unwrap();
        let store = Store::new(pool(&config(url)).unwrap(), StoreConfig { call: SOON });
        let store = store.with_standby(pool(&config(standby_url.clone())).unwrap(), LAG);
        let mut pair = Self {
            store,
            follower: Follower::new(LAG),
            standby: eventually_connected(&standby_url).await,
            server,
            _primary: primary,
        };
        pair.looked(true).await;
        pair
    }

    /// Looks at the two until the standby is used, or is not.
    async fn looked(&mut self, in_use: bool) {
        let deadline = Instant::now() + SOON;
        loop {
            let standby = Arc::clone(self.store.standby.as_ref().unwrap());
            self.store.look(&standby, &mut self.follower).await;
            if self.store.standby().is_some() == in_use {
                return;
            }
            assert!(Instant::now() < deadline, "in use: {in_use}");
            sleep(LOOK).await;
        }
    }

    async fn pause(&self, pause: bool) {
        let verb = if pause { "pause" } else { "resume" };
        self.standby.batch_execute(&format!("SELECT pg_wal_replay_{verb}()")).await.unwrap();
        let state = if pause { "paused" } else { "not paused" };
        let sql = "SELECT pg_get_wal_replay_pause_state() = $1";
        while !self.standby.query_one(sql, &[&state]).await.unwrap().get::<_, bool>(0) {
            sleep(LOOK).await;
        }
    }

    /// Waits until the standby has the log of the conversation up to there.
    async fn replayed(&self, conversation: ConversationId, seq: i64) {
        let sql = "SELECT count(*) FROM messaging.entries WHERE conversation_id = $1 AND seq >= $2";
        while self.standby.query_one(sql, &[&conversation.0, &seq]).await.unwrap().get::<_, i64>(0) == 0 {
            sleep(LOOK).await;
        }
    }

    async fn send(&self, dialog: ConversationId, text: &str) -> i64 {
        let draft = message(dialog, 1, Some(2), text);
        stored_seq(&self.store.send(&[&draft], Locked::Wait).await.unwrap()[0])
    }

    /// The texts of a page of the dialog's history.
    async fn history(&self, dialog: ConversationId) -> Vec<String> {
        let entries = self.store.dialog_history(dialog, page(10, 1)).await.unwrap();
        entries.iter().map(|entry| entry.body.to_string()).collect()
    }

    async fn newest(&self, dialog: ConversationId, top: i64) -> Vec<i64> {
        let (stretch, budget) = (
            Stretch { conversation: dialog, after: Seq(0), top: Seq(top) },
            Budget { bytes: 1 << 20, entry_bytes: 256 },
        );
        let rows = self.store.stretch(stretch, Keep::Newest, budget).await.unwrap();
        rows.iter().map(|row| row.seq.0).collect()
    }

    async fn between(&self, dialog: ConversationId, up_to: i64) -> usize {
        self.store.entries_between(dialog, Seq(0), Seq(up_to), 100).await.unwrap().len()
    }
}

/// The database is there when the standby has repeated its creation.
async fn eventually_connected(url: &str) -> Client {
    let deadline = Instant::now() + SOON;
    loop {
        if let Ok(_client) = tokio_postgres::connect(url, NoTls).await {
            return connect(url).await;
        }
        assert!(Instant::now() < deadline, "the standby follows");
        sleep(LOOK).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_standby_lacks_is_read_from_the_primary() {
    let pair = Pair::start().await;
    let dialog = pair.store.open_dialog(UserId(1), UserId(2), MANY).await.unwrap().unwrap();
    pair.send(dialog, "first").await;
    pair.replayed(dialog, 1).await;
    pair.pause(true).await;
    assert_eq!(pair.history(dialog).await, ["first"]);
    let top = pair.send(dialog, "second").await;
    // Own writes, and what anybody was told of.
    assert_eq!(pair.history(dialog).await, ["second", "first"]);
    assert_eq!(pair.newest(dialog, top).await, [1, 2]);
    assert_eq!(pair.between(dialog, top).await, 2);
    assert!(pair.store.standby().is_some(), "it was asked, and left in use");
    // What was read of the standby was proven by its places, not by luck: an entry that only the primary has is missed
    // where nobody says that it is there.
    let alone = pair.store.standby().unwrap().rows(chats::LAST_SEQ, &[&dialog.0]).await.unwrap();
    assert_eq!(alone[0].get::<_, i64>(0), 1);
    pair.pause(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_of_a_standby_passes_nothing_over() {
    let pair = Pair::start().await;
    let dialog = pair.store.open_dialog(UserId(1), UserId(2), MANY).await.unwrap().unwrap();
    let begin = pair.horizon().await;
    pair.pause(true).await;
    let top = pair.send(dialog, "late").await;
    let swept = pair.sweep(begin).await;
    // Unless it was too slow to answer, and the primary was asked.
    if pair.store.standby().is_some() {
        assert!(swept.heads.is_empty() && swept.cursor <= pair.horizon().await);
    }
    let mut cursor = swept.cursor;
    pair.pause(false).await;
    let deadline = Instant::now() + SOON;
    loop {
        let swept = pair.sweep(cursor).await;
        if swept.heads.iter().any(|head| head.conversation == dialog && head.seq == Seq(top)) {
            break;
        }
        cursor = swept.cursor;
        assert!(Instant::now() < deadline, "passed over");
    }
    // A cursor that the primary has moved is past what a standby knows that stands still.
    pair.pause(true).await;
    let top = pair.send(dialog, "later").await;
    let cursor = pair.horizon().await;
    pair.send(dialog, "latest").await;
    let swept = pair.sweep(cursor).await;
    let heads: Vec<_> = swept.heads.iter().map(|head| head.seq.0).collect();
    assert_eq!(heads, [top + 1], "the primary was asked");
    pair.pause(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_dies_or_is_promoted_is_left_and_one_that_comes_back_is_used() {
    let mut pair = Pair::start().await;
    let dialog = pair.store.open_dialog(UserId(1), UserId(2), MANY).await.unwrap().unwrap();
    pair.send(dialog, "first").await;
    block_in_place(|| pair.server.stop_immediate()).unwrap();
    assert_eq!(pair.history(dialog).await, ["first"]);
    assert!(pair.store.standby().is_none(), "nobody asks it a second time");
    block_in_place(|| pair.server.start_again()).unwrap();
    pair.looked(true).await;
    assert_eq!(pair.history(dialog).await, ["first"]);
    block_in_place(|| pair.server.promote()).unwrap();
    pair.looked(false).await;
    pair.send(dialog, "second").await;
    assert_eq!(pair.history(dialog).await, ["second", "first"]);
}
