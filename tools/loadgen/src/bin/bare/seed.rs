//! A large log, as if the gateways had written it: what reading costs shows only beside much that is not read.
//!
//! Made inside PostgreSQL in two transactions, one for each schema, so that an interruption leaves nothing of a log. The
//! indexes of the log are dropped and made anew, because they grow many times quicker in one go.

mod statements;

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use argon2::password_hash::PasswordHasher as _;
use clap::Args;
use serde::Serialize;
use tokio_postgres::{Client, NoTls, Transaction};
use uuid::Uuid;

/// Members of each group.
const GROUP_MEMBERS: i64 = 10;

/// What to make.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The messenger's migrated database, with the schema of the messages in its search path; nobody may write
    /// meanwhile [env: DATABASE_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// The same with the schema of the users [env: ACCOUNTS_DATABASE_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) accounts_url: Option<String>,
    /// Entries, about: half of them in one conversation of a hundred
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(i64).range(1_000..=1_000_000_000))]
    entries: i64,
    /// Conversations: nine dialogs and then a group, over and over
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(i64).range(100..=10_000_000))]
    conversations: i64,
    /// Users who can log in, and who have that many chats
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(i64).range(1..=1_000))]
    readers: i64,
    /// Chats of each of them
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(i64).range(10..=100_000))]
    chats: i64,
    /// Users with whom they have them
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(i64).range(100..=10_000_000))]
    users: i64,
    /// Bytes of a message's text, on average
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(2..=8_192))]
    bytes: i64,
}

/// What was made, and how to log in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    entries: u64,
    conversations: u64,
    /// Chats of each reader.
    chats_of_user: i64,
    /// E-mails of the readers.
    readers: Vec<String>,
    /// The password of each of them.
    password: String,
    /// How long it took.
    seconds: f64,
}

/// Ids of the users, without a hole: the readers' first.
#[derive(Debug, Clone, Copy)]
struct Users {
    first: i64,
}

pub(crate) async fn run(messages_url: &str, accounts_url: &str, options: &Options) -> Result<Report> {
    options.check()?;
    let start = Instant::now();
    let run = Uuid::new_v4().simple().to_string()[..8].to_owned();
    let password = Uuid::new_v4().to_string();
    let users = connected(accounts_url, async |client| sign_up(client, options, &run, &password).await);
    let users = users.await.context("make the users")?;
    let made = connected(messages_url, async |client| write(client, options, users).await);
    let (entries, conversations) = made.await.context("make the log")?;
    Ok(Report {
        entries,
        conversations,
        chats_of_user: options.chats,
        readers: (1..=options.readers).map(|reader| email(reader, &run)).collect(),
        password,
        seconds: start.elapsed().as_secs_f64(),
    })
}

impl Options {
    /// Two users have one dialog at most.
    fn check(&self) -> Result<()> {
        let readers_chats = self.readers * self.chats;
        ensure!(
            readers_chats <= self.conversations,
            "the readers have more chats than there are conversations"
        );
        ensure!(self.chats < self.users, "a reader has more chats than there are users");
        ensure!(self.conversations / self.users + 1 < self.users / 2, "there are too few users");
        Ok(())
    }
}

fn email(reader: i64, run: &str) -> String {
    format!("seed-{run}-{reader}@example.com")
}

/// With a password of which accounts knows the hash: only the readers', nobody is to log in as the others.
async fn sign_up(client: &mut Client, options: &Options, run: &str, password: &str) -> Result<Users> {
    let hash = argon2::Argon2::default().hash_password(password.as_bytes())?.to_string();
    let count = options.readers + options.users;
    let row = client.query_one(statements::USERS, &[&count, &run, &options.readers, &hash]).await?;
    let (first, last): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    ensure!(last - first + 1 == count, "somebody else signs up users");
    client.batch_execute(statements::ANALYZE_USERS).await?;
    Ok(Users { first })
}

async fn write(client: &mut Client, options: &Options, users: Users) -> Result<(u64, u64)> {
    client.batch_execute(statements::SETTINGS).await?;
    let transaction = client.transaction().await?;
    let conversations = plan(&transaction, options, users).await.context("make the conversations")?;
    let indexes = Indexes::read(&transaction).await?;
    transaction.batch_execute(&indexes.drop).await.context("drop the indexes")?;
    let entries = transaction.execute(statements::ENTRIES, &[&GROUP_MEMBERS, &options.bytes]).await;
    let entries = entries.context("make the entries")?;
    transaction.batch_execute(&indexes.make).await.context("make the indexes again")?;
    ensure!(Indexes::read(&transaction).await? == indexes, "the indexes are not what they were");
    transaction.commit().await?;
    for vacuum in statements::VACUUM {
        client.batch_execute(vacuum).await.context("gather statistics")?;
    }
    Ok((entries, conversations))
}

async fn plan(transaction: &Transaction<'_>, options: &Options, users: Users) -> Result<u64> {
    let Options { entries, conversations, readers, chats, users: others, .. } = options;
    transaction.batch_execute(statements::PLAN_TABLE).await?;
    transaction
        .execute(
            statements::PLAN,
            &[entries, conversations, readers, chats, others, &users.first, &GROUP_MEMBERS],
        )
        .await?;
    transaction.batch_execute(statements::PLANNED).await?;
    let made = transaction.execute(statements::CONVERSATIONS, &[&GROUP_MEMBERS]).await?;
    transaction.execute(statements::MEMBERS, &[&GROUP_MEMBERS]).await?;
    Ok(made)
}

/// Statements that drop the indexes and constraints of the log, and that make the same again.
#[derive(Debug, PartialEq, Eq)]
struct Indexes {
    drop: String,
    make: String,
}

impl Indexes {
    async fn read(transaction: &Transaction<'_>) -> Result<Self> {
        let row = transaction.query_one(statements::INDEXES, &[]).await.context("read the indexes")?;
        Ok(Self { drop: row.try_get(0)?, make: row.try_get(1)? })
    }
}

async fn connected<T>(url: &str, work: impl AsyncFnOnce(&mut Client) -> Result<T>) -> Result<T> {
    let (mut client, connection) =
        tokio_postgres::connect(url, NoTls).await.context("connect to PostgreSQL")?;
    tokio::select! {
        done = work(&mut client) => done,
        // The work ends first unless the connection breaks.
        broken = connection => Err(broken.err().map_or_else(|| anyhow::anyhow!("disconnected"), Into::into)),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn check(arguments: &[&str]) -> Result<()> {
        Line::try_parse_from(["seed"].iter().chain(arguments))?.options.check()
    }

    #[test]
    fn no_two_users_have_two_dialogs() {
        check(&[]).expect("the defaults fit");
        check(&["--entries", "200000", "--conversations", "4000", "--users", "2001"])
            .expect_err("8,000 chats");
        check(&["--chats", "2000", "--users", "2000"]).expect_err("a dialog with everybody");
        check(&["--conversations", "10000000", "--users", "4000"]).expect_err("too few pairs");
    }
}
