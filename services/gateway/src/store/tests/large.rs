//! A large log of one user with ten thousand chats among many other users, made by `large.sql`.

use super::*;

/// How much of it.
pub(super) struct Size {
    pub(super) entries: i64,
    pub(super) conversations: i64,
    pub(super) users: i64,
    /// Entries of one dialog and of one group of the user.
    pub(super) long: i64,
    /// Over which the labels are spread.
    pub(super) transactions: i64,
}

/// What the suite can afford.
pub(super) const MILLION: Size =
    Size { entries: 1_000_000, conversations: 100_000, users: 100_000, long: 20_000, transactions: 10_000 };

/// The user with this many chats, nine dialogs and then a group, over and over. Half of the dialogs' peers have lower numbers.
pub(super) const ME: UserId = UserId(CHATS_OF_ME / 2);
pub(super) const CHATS_OF_ME: i64 = 10_000;
/// A dialog and a group of the user whose logs are long. The first ten entries of a group are no messages.
pub(super) const LONG_DIALOG: i64 = 1;
pub(super) const LONG_GROUP: i64 = 10;

const FILL: &str = include_str!("large.sql");

impl Size {
    /// Fills an empty log. The first of its labels.
    pub(super) async fn fill(&self, client: &tokio_postgres::Client) -> Xid {
        client.batch_execute("SET statement_timeout = 0").await.unwrap();
        let first = "SELECT pg_current_xact_id()::text::bigint";
        let first: i64 = client.query_one(first, &[]).await.unwrap().get(0);
        let spend = format!(
            "DO $$ BEGIN FOR i IN 1 .. {} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$",
            self.transactions
        );
        client.batch_execute(&spend).await.unwrap();
        for (name, value) in [
            ("entries", self.entries),
            ("conversations", self.conversations),
            ("users", self.users),
            ("chats", CHATS_OF_ME),
            ("long", self.long),
            ("first", first),
            ("transactions", self.transactions),
        ] {
            client.batch_execute(&format!("SET large.{name} = {value}")).await.unwrap();
        }
        client.batch_execute(FILL).await.unwrap();
        // It was committed without a flush, and what is not on the disk yet counts as visible to nobody in particular.
        let flush = "SET synchronous_commit = on; CREATE TEMPORARY TABLE flushed ()";
        client.batch_execute(flush).await.unwrap();
        for table in ["conversations", "members", "entries", "blocks"] {
            client.batch_execute(&format!("VACUUM (ANALYZE) {table}")).await.unwrap();
        }
        Xid(first)
    }
}

/// A statement as the server has carried it out.
pub(super) struct Explained {
    /// Inside the server, without the way there and back.
    pub(super) milliseconds: f64,
    /// Pages touched, in memory or not.
    pub(super) pages: i64,
    pub(super) plan: String,
}

impl Explained {
    pub(super) async fn of(client: &tokio_postgres::Client, sql: &str) -> Self {
        let explain = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) {sql}");
        let rows = client.query(&explain, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let plan = rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n");
        // The first line about them is of the whole plan: "Buffers: shared hit=12 read=3 dirtied=1".
        let shared = plan.lines().find_map(|line| line.trim_start().strip_prefix("Buffers: shared "));
        let count = |name: &str| -> i64 {
            let words = shared.unwrap_or_default().split_whitespace();
            words.filter_map(|word| word.strip_prefix(name)?.parse::<i64>().ok()).sum()
        };
        let took = plan.lines().find_map(|line| line.strip_prefix("Execution Time: ")?.strip_suffix(" ms"));
        Self {
            milliseconds: took.and_then(|took| took.parse().ok()).expect("a time"),
            pages: count("hit=") + count("read="),
            plan,
        }
    }

    /// Rows that the busiest step of the plan handed on, each time that it ran.
    pub(super) fn most_rows(&self) -> i64 {
        let actual = self.plan.lines().filter_map(|line| line.split("(actual rows=").nth(1));
        let product = |part: &str| {
            let (rows, loops) = part.trim_end_matches(')').split_once(" loops=")?;
            Some(rows.parse::<i64>().ok()? * loops.parse::<i64>().ok()?)
        };
        actual.filter_map(product).max().unwrap_or_default()
    }
}
