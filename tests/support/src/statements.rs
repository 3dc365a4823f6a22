//! The statements of earlier versions of a service, which the newest schema must still answer: during a deploy the old
//! program meets the new schema.
//!
//! A folder has one file for each version of the schema: every statement that a program of that version has sent, with the
//! types that PostgreSQL gave to its parameters and columns then. Lines are added and never changed; a file goes when a
//! migration takes away what only its version needs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use tokio_postgres::Client;

/// Asks for what is missing to be written down.
const RECORD: &str = "MESSENGER_RECORD_STATEMENTS";
/// What PostgreSQL calls an error in the statement itself, and not in its values.
const WRONG_STATEMENT: &str = "42";

/// A statement as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    name: String,
    /// Types of parameters, then names and types of columns.
    shape: String,
    sql: String,
}

/// Holds the newest schema, version `newest`, which `client` sees as the role that serves, against all that is recorded in
/// `folder`; and `current`, names and texts of the program's own statements, must be recorded there.
///
/// # Panics
/// When a statement of an earlier version does not run any more, has another shape, or one of ours is not recorded.
pub async fn hold_statements(client: &Client, folder: &Path, newest: i32, current: &[(&str, &str)]) {
    let held = hold(client, folder, newest, current).await;
    held.unwrap_or_else(|error| panic!("{error:#}"));
}

async fn hold(client: &Client, folder: &Path, newest: i32, current: &[(&str, &str)]) -> Result<()> {
    let file = folder.join(format!("V{newest}.sql"));
    let mut missing = Vec::new();
    let known = if file.is_file() { read(&file)? } else { Vec::new() };
    for (name, sql) in current {
        let statement = shaped(client, name, &joined(sql)).await?;
        if !known.iter().any(|known| known.sql == statement.sql) {
            missing.push(statement);
        }
    }
    if std::env::var_os(RECORD).is_some() {
        record(&file, newest, &missing)?;
    } else if !missing.is_empty() {
        bail!(
            "{} of this program's statements are not recorded in {}, the first is {}: run this test once with {RECORD}=1 and \
             commit the file. The version that comes after this one must still answer them. Take no line out of a file: \
             a program that is deployed may send it",
            missing.len(),
            file.display(),
            missing[0].name
        );
    }
    for (version, path) in recorded(folder)? {
        for statement in read(&path)? {
            let held = still_runs(client, &statement).await;
            held.with_context(|| {
                format!("V{version} sends `{}`, and V{newest} does not answer as it did", statement.name)
            })?;
        }
    }
    Ok(())
}

/// The files of a folder by their versions.
fn recorded(folder: &Path) -> Result<BTreeMap<i32, std::path::PathBuf>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let version = name.strip_prefix('V').and_then(|name| name.strip_suffix(".sql"));
        let version = version.and_then(|version| version.parse().ok());
        found.insert(version.with_context(|| format!("{}: not V<n>.sql", path.display()))?, path);
    }
    Ok(found)
}

/// The same types as then; and it runs, with nothing but NULLs, as far as they take it: what is inside a function is
/// compiled only when it is called.
async fn still_runs(client: &Client, then: &Statement) -> Result<()> {
    let now = shaped(client, &then.name, &then.sql).await?;
    ensure!(now.shape == then.shape, "then: {}\n now: {}", then.shape, now.shape);
    let nulls = vec!["NULL"; client.prepare(&then.sql).await?.params().len()].join(", ");
    let arguments = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    client.batch_execute(&format!("BEGIN; PREPARE recorded AS {}", then.sql)).await?;
    let ran = client.batch_execute(&format!("EXECUTE recorded{arguments}")).await;
    client.batch_execute("ROLLBACK; DEALLOCATE recorded").await?;
    match ran {
        Err(error) if error.code().is_none_or(|code| code.code().starts_with(WRONG_STATEMENT)) => {
            Err(error).context("call it")
        }
        _ => Ok(()),
    }
}

async fn shaped(client: &Client, name: &str, sql: &str) -> Result<Statement> {
    let prepared = client.prepare(sql).await.with_context(|| format!("prepare {name}: {sql}"))?;
    let takes: Vec<_> = prepared.params().iter().map(|kind| kind.name().to_owned()).collect();
    let gives =
        prepared.columns().iter().map(|column| format!("{} {}", column.name(), column.type_().name()));
    let gives: Vec<_> = gives.collect();
    let shape = format!("takes ({}) gives ({})", takes.join(", "), gives.join(", "));
    Ok(Statement { name: name.to_owned(), shape, sql: sql.to_owned() })
}

fn record(file: &Path, version: i32, missing: &[Statement]) -> Result<()> {
    let mut text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(_) => format!(
            "-- What programs send whose newest migration is V{version}. Written by a test: see ../../README.md.\n"
        ),
    };
    for Statement { name, shape, sql } in missing {
        write!(text, "\n-- {name}\n-- {shape}\n{sql};\n")?;
    }
    let folder = file.parent().context("a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    std::fs::write(file, text).with_context(|| format!("write {}", file.display()))
}

/// Paragraphs of two comments and a statement; the first one of all is for people.
fn read(file: &Path) -> Result<Vec<Statement>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    text.trim_end().split("\n\n").skip(1).map(paragraph).collect::<Option<_>>().with_context(|| {
        format!(
            "{}: a statement is a name, a shape, each behind `-- `, and a line of SQL that ends in `;`",
            file.display()
        )
    })
}

fn paragraph(text: &str) -> Option<Statement> {
    let mut lines = text.lines();
    let mut comment = || lines.next()?.strip_prefix("-- ").map(str::to_owned);
    let (name, shape) = (comment()?, comment()?);
    let sql = lines.next()?.strip_suffix(';')?.to_owned();
    lines.next().is_none().then_some(Statement { name, shape, sql })
}

/// On one line. No statement of ours has spaces that mean something.
fn joined(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database;

    const PAIR: &str = "CREATE TABLE pairs (a int, b text); \
        CREATE FUNCTION put(p int, q text) RETURNS int LANGUAGE plpgsql AS \
        'BEGIN INSERT INTO pairs VALUES (p, q); RETURN p; END'";
    const OURS: &[(&str, &str)] =
        &[("put", "SELECT put($1, $2)"), ("all", "SELECT a, b\n  FROM pairs"), ("one", "SELECT 1 / $1::int")];

    /// A schema of version 1 whose statements are recorded.
    async fn recorded_once(name: &str) -> (crate::TestDatabase, Client, std::path::PathBuf) {
        let database = database().await;
        let client = database.connect("public").await;
        client.batch_execute(PAIR).await.expect("a schema");
        let folder = std::env::temp_dir().join(format!("messenger-statements-{name}-{}", std::process::id()));
        let mut shapes = Vec::new();
        for (name, sql) in OURS {
            shapes.push(shaped(&client, name, &joined(sql)).await.expect("a statement"));
        }
        record(&folder.join("V1.sql"), 1, &shapes).expect("a record");
        assert_eq!(read(&folder.join("V1.sql")).expect("what was written"), shapes);
        hold(&client, &folder, 1, OURS).await.expect("nothing has changed");
        (database, client, folder)
    }

    #[tokio::test]
    async fn whatever_takes_something_from_an_earlier_version_is_found() {
        let (_database, client, folder) = recorded_once("taken").await;
        for (change, complaint) in [
            ("ALTER TABLE pairs RENAME b TO c", "does not exist"),
            ("ALTER TABLE pairs ALTER b TYPE varchar", "b varchar"),
            ("DROP FUNCTION put", "prepare put"),
            // The body is looked at when it runs, and not before.
            ("ALTER TABLE pairs DROP b", "call it"),
        ] {
            client.batch_execute(change).await.expect("a change");
            let told = format!("{:#}", hold(&client, &folder, 1, &[]).await.expect_err(change));
            assert!(told.contains("V1 sends") && told.contains(complaint), "{change}: {told}");
            client.batch_execute("DROP TABLE pairs; DROP FUNCTION IF EXISTS put").await.expect("clean up");
            client.batch_execute(PAIR).await.expect("a schema");
        }
        hold(&client, &folder, 1, OURS).await.expect("all is as it was");
        std::fs::remove_dir_all(folder).expect("clean up");
    }

    #[tokio::test]
    async fn a_new_version_needs_a_record_of_its_own() {
        let (_database, client, folder) = recorded_once("new").await;
        let told = format!("{:#}", hold(&client, &folder, 2, OURS).await.expect_err("no V2.sql"));
        assert!(told.contains("V2.sql") && told.contains(RECORD), "{told}");
        let more: Vec<_> = OURS.iter().copied().chain([("more", "SELECT 2")]).collect();
        let told = format!("{:#}", hold(&client, &folder, 1, &more).await.expect_err("one more"));
        assert!(told.starts_with("1 of this program's statements"), "{told}");
        std::fs::remove_dir_all(folder).expect("clean up");
    }
}
