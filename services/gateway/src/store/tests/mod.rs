//! The store against a real PostgreSQL, each test in a database of its own.

mod alone;
mod blocks;
mod comeback;
mod conversations;
mod epoch;
mod groups;
mod lag;
mod large;
mod lists;
mod log;
mod marks;
mod membership;
mod pages;
mod partitions;
mod plans;
mod pooled;
mod privileges;
mod removal;
mod resume;
mod scale;
mod send;
mod speed;
mod standby;
mod statements;

use std::sync::Arc;
use std::time::Duration;

use messenger_chassis::migrate;
use messenger_chassis::postgres::{Pooler, PostgresConfig, connection_config, pool};
use messenger_support::{Role, TestDatabase};
use uuid::Uuid;

use super::*;
use crate::domain::content::GroupName;
use crate::domain::ids::{ConversationId, Seq, UserId, Xid};
use crate::domain::page::Page;
use crate::domain::sync::Sync;

const MANY: i64 = 1_000;

struct Fixture {
    store: Store,
    database: TestDatabase,
    /// Whom the store is connected as.
    role: Role,
}

/// A store that has the rights of the role that serves and no others, over a log in as many partitions as
/// `MESSENGER_TEST_PARTITIONS` says, none without it.
async fn fixture() -> Fixture {
    #[expect(clippy::disallowed_methods, reason = "another run of the same tests")]
    let partitions = std::env::var("MESSENGER_TEST_PARTITIONS").ok();
    fixture_with(partitions.map_or(0, |count| count.parse().expect("a number"))).await
}

async fn fixture_with(partitions: u16) -> Fixture {
    let database = messenger_support::database().await;
    let [_, role] = database.roles().await;
    let owner = connection_config(&config(database.url_for("messaging"))).unwrap();
    migrate::run(&owner, migrations::runner()).await.unwrap();
    if partitions > 0 {
        partition(&owner, partitions, Rows::Stay).await.unwrap();
    }
    migrate::grant(&owner, &role.name, GRANTS).await.unwrap();
    let config = config(database.url_as(&role, "messaging"));
    let store = Store::new(pool(&config).unwrap(), StoreConfig { call: Duration::from_secs(60) });
    Fixture { store, database, role }
}

fn config(url: String) -> PostgresConfig {
    PostgresConfig {
        url: url.into(),
        ca: None,
        pooler: Pooler::None,
        connections: 12,
        wait: Duration::from_secs(20),
        statement: Duration::from_secs(60),
    }
}

impl Fixture {
    /// The store as the owner of the schema has it, who alone may do some things.
    fn owner(&self) -> Store {
        let config = config(self.database.url_for("messaging"));
        Store::new(pool(&config).unwrap(), StoreConfig { call: Duration::from_secs(60) })
    }

    async fn dialog(&self, a: i64, b: i64) -> ConversationId {
        self.store.open_dialog(UserId(a), UserId(b), MANY).await.unwrap().unwrap()
    }

    /// A group of which the first of `users` is the owner.
    async fn group(&self, users: &[i64]) -> ConversationId {
        let name = GroupName::parse("new name").unwrap();
        let owner = UserId(users[0]);
        let group = self.store.create_group(owner, &name, MANY).await.unwrap().unwrap().conversation;
        for user in &users[1..] {
            self.store.add_member(group, owner, UserId(*user), MANY, MANY).await.unwrap().unwrap();
        }
        group
    }

    async fn send(&self, drafts: &[Draft]) -> Vec<Outcome> {
        self.store.send(&drafts.iter().collect::<Vec<_>>(), Locked::Wait).await.unwrap()
    }

    /// A cursor behind everything that has been committed. Other databases of the server hold it back for as long as
    /// their transactions run.
    async fn horizon(&self) -> Xid {
        let client = self.database.connect("messaging").await;
        let newest = client.query_one("SELECT pg_current_xact_id()::text::bigint", &[]).await.unwrap().get(0);
        let passed = async {
            loop {
                let cursor = self.store.sweep(None).await.unwrap().1.cursor;
                if cursor > Xid(newest) {
                    return cursor;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(120), passed).await.expect("the horizon moves on")
    }

    /// What was committed since `start`, in as many sweeps as it takes.
    async fn sweep_to_the_horizon(&self, start: Xid) -> Sweep {
        let horizon = self.horizon().await;
        let mut all = Sweep { cursor: start, caught_up: false, heads: Vec::new() };
        while all.cursor < horizon {
            let (_, swept) = self.store.sweep(Some(all.cursor)).await.unwrap();
            (all.cursor, all.caught_up) = (swept.cursor, swept.caught_up);
            all.heads.extend(swept.heads);
        }
        all
    }

    /// All sequences of a conversation, in order.
    async fn seqs(&self, conversation: ConversationId) -> Vec<i64> {
        let rows =
            self.store.entries_between(conversation, Seq::ZERO, Seq(i64::MAX), i64::MAX).await.unwrap();
        rows.iter().map(|row| row.seq.0).collect()
    }
}

fn message(conversation: ConversationId, sender: i64, recipient: Option<i64>, text: &str) -> Draft {
    Draft {
        conversation,
        sender: UserId(sender),
        recipient: recipient.map(UserId),
        client_id: Uuid::new_v4(),
        uuid: Uuid::now_v7(),
        content: Arc::from(text),
        target: None,
    }
}

/// A mark of a log that was never restored.
const fn sync_at(xid: Xid) -> Sync {
    Sync { xid, epoch: None }
}

fn page(limit: i64, number: i64) -> Page {
    Page::new(limit, number).unwrap()
}

fn stored_seq(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Stored { seq, .. } => seq.0,
        other => panic!("stored, not {other:?}"),
    }
}

#[tokio::test]
async fn a_schema_behind_the_code_is_refused() {
    let database = messenger_support::database().await;
    let config = PostgresConfig {
        url: database.url_for("messaging").into(),
        ca: None,
        pooler: Pooler::None,
        connections: 1,
        wait: Duration::from_secs(5),
        statement: Duration::from_secs(5),
    };
    let connection = connection_config(&config).unwrap();
    let verified = migrate::verify(&connection, &migrations::runner()).await;
    assert!(matches!(verified, Err(migrate::MigrateError::Pending(count)) if count > 0), "{verified:?}");
    let (first, second) = tokio::join!(
        migrate::run(&connection, migrations::runner()),
        migrate::run(&connection, migrations::runner())
    );
    let applied = first.unwrap().applied_migrations().len() + second.unwrap().applied_migrations().len();
    assert_eq!(applied, migrations::runner().get_migrations().len(), "two replicas migrate once");
    migrate::verify(&connection, &migrations::runner()).await.unwrap();
}

#[tokio::test]
async fn an_unreachable_database_is_temporary() {
    let config = PostgresConfig {
        url: "postgres://nobody@127.0.0.1:1/none".into(),
        ca: None,
        pooler: Pooler::None,
        connections: 1,
        wait: Duration::from_millis(500),
        statement: Duration::from_secs(1),
    };
    let store = Store::new(pool(&config).unwrap(), StoreConfig { call: Duration::from_secs(1) });
    assert_eq!(store.check().await, Err(StoreError::Unavailable));
}

/// Its client went away: what is still running must not be met by the next caller.
#[tokio::test]
async fn an_abandoned_call_takes_its_connection_along() {
    let fixture = fixture().await;
    let config = PostgresConfig {
        url: fixture.database.url_for("messaging").into(),
        ca: None,
        pooler: Pooler::None,
        connections: 1,
        wait: Duration::from_secs(20),
        statement: Duration::from_secs(60),
    };
    let store = Store::new(pool(&config).unwrap(), StoreConfig { call: Duration::from_secs(20) });
    let abandoned = timeout(Duration::from_millis(300), store.rows("SELECT pg_sleep(60)::text", &[])).await;
    assert!(abandoned.is_err());
    assert_eq!(store.check().await, Ok(()), "on a new connection, not behind the sleeper");

    let backend = async || -> i32 { store.row("SELECT pg_backend_pid()", &[]).await.unwrap().get(0) };
    let first = backend().await;
    assert!(matches!(store.rows("SELECT 'x'::int", &[]).await, Err(StoreError::Data(_))));
    assert_eq!(backend().await, first, "bad data is not the connection's fault");
    assert_eq!(store.rows("SELECT nothing", &[]).await.map(drop), Err(StoreError::Internal));
    assert_ne!(backend().await, first);
}

#[tokio::test]
async fn a_row_of_another_shape_is_our_fault_and_not_tried_again() {
    let fixture = fixture().await;
    let row = fixture.store.row("SELECT 'text', NULL::bigint", &[]).await.unwrap();
    assert_eq!(row.try_get::<_, i64>(0).map_err(StoreError::from), Err(StoreError::Internal));
    assert_eq!(row.try_get::<_, i64>(1).map_err(StoreError::from), Err(StoreError::Internal));
}

#[tokio::test]
async fn a_call_without_an_answer_is_given_up() {
    let fixture = fixture().await;
    let group = fixture.group(&[1]).await;
    let mut holder = fixture.database.connect("messaging").await;
    let lock = holder.transaction().await.unwrap();
    lock.execute("SELECT 1 FROM conversations WHERE id = $1 FOR UPDATE", &[&group.0]).await.unwrap();
    let impatient =
        Store { config: StoreConfig { call: Duration::from_millis(100) }, ..fixture.store.clone() };
    let draft = message(group, 1, None, "waits");
    assert_eq!(impatient.send(&[&draft], Locked::Wait).await, Err(StoreError::Unavailable));
    lock.rollback().await.unwrap();
    // Nobody knows whether the abandoned statement stored it; the retry settles that.
    let outcome = fixture.send(std::slice::from_ref(&draft)).await;
    assert!(matches!(outcome[0], Outcome::Stored { .. } | Outcome::Seen { .. }));
    assert_eq!(fixture.seqs(group).await, [1, 2]);
}
