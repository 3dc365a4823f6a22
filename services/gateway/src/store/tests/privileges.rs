//! The role that serves may do what the statements need, and nothing else.

use messenger_support::{Role, exceptions, permitted, privileges};

use super::*;

/// What the role may do with each table. A table that is missing here is to be decided upon, here and in `grants.sql`.
const TABLES: &[&str] = &[
    "blocks: SELECT INSERT DELETE",
    "conversations: SELECT INSERT UPDATE(name last_seq last_message_seq last_entry_at last_message_at last_xid deleted_at blocked noticed_on)",
    "entries: SELECT INSERT",
    "log_epoch: SELECT",
    "members: SELECT INSERT UPDATE(role joined_seq joined_at left_seq read_seq delivered_seq muted_until)",
    "refinery_schema_history: SELECT",
];

#[tokio::test]
async fn every_table_is_decided_upon_and_every_function_is_the_roles_alone() {
    let fixture = fixture_with(0).await;
    let owner = fixture.database.connect("messaging").await;
    assert_eq!(
        privileges(&owner, &fixture.role).await,
        TABLES,
        "decide in store/grants.sql, and note it here"
    );
    assert!(exceptions(&owner, &fixture.role).await.is_empty());
}

#[tokio::test]
async fn a_new_table_and_a_new_function_follow_with_the_next_migration() {
    let fixture = fixture().await;
    let owner = fixture.database.connect("messaging").await;
    let new = "CREATE TABLE pins (id bigint); CREATE FUNCTION pin() RETURNS int LANGUAGE sql AS 'SELECT 1'";
    owner.batch_execute(new).await.unwrap();
    assert!(privileges(&owner, &fixture.role).await.contains(&"pins:".to_owned()));
    grant(&fixture.database, &fixture.role).await.unwrap();
    assert!(
        privileges(&owner, &fixture.role).await.contains(&"pins: SELECT INSERT UPDATE DELETE".to_owned())
    );
    assert!(exceptions(&owner, &fixture.role).await.is_empty());
}

#[tokio::test]
async fn the_role_is_refused_what_the_statements_do_not_need() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    fixture.send(&[message(dialog, 1, Some(2), "stays")]).await;
    let owner = fixture.database.connect("messaging").await;
    owner.batch_execute("CREATE SCHEMA accounts; CREATE TABLE accounts.users (id bigint)").await.unwrap();
    let client = fixture.database.connect_as(&fixture.role, "messaging").await;
    let refused = [
        "SELECT * FROM accounts.users",
        "INSERT INTO accounts.users VALUES (1)",
        "DELETE FROM entries",
        "UPDATE entries SET body = 'forged'",
        "UPDATE entries SET seq = 1",
        "TRUNCATE entries",
        "DELETE FROM conversations",
        "UPDATE conversations SET low_user = 3",
        "UPDATE conversations SET cleared_seq = 1",
        "SELECT * FROM remove_old(0, 0, 'infinity', 500, 500, false)",
        "SELECT set_cleared(ARRAY[1::bigint], ARRAY[1::bigint])",
        "UPDATE members SET user_id = 3",
        "DELETE FROM members",
        "UPDATE log_epoch SET number = 7",
        "DELETE FROM log_epoch",
        "SELECT begin_epoch()",
        "DELETE FROM refinery_schema_history",
        "UPDATE refinery_schema_history SET checksum = ''",
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP TABLE entries",
        "DROP FUNCTION label(xid8)",
        "ALTER TABLE entries ADD COLUMN mine int",
        "ALTER TABLE entries DISABLE TRIGGER ALL",
        "CREATE INDEX mine ON entries (body)",
        "DROP SCHEMA messaging CASCADE",
        "SELECT rolpassword FROM pg_authid",
        "SELECT pg_read_file('postgresql.conf')",
        "COPY entries TO PROGRAM 'cat'",
        "CREATE ROLE mine SUPERUSER",
        "SELECT setval('entry_ids', 1)",
    ];
    assert_eq!(permitted(&client, &refused).await, []);
}

#[tokio::test]
async fn the_owner_is_not_taken_for_the_role() {
    let database = messenger_support::database().await;
    let config = config(database.url_for("messaging"));
    migrate::run(&connection_config(&config).unwrap(), migrations::runner()).await.unwrap();
    let client = database.connect("messaging").await;
    let owner: String = client.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
    let refused = migrate::grant(&connection_config(&config).unwrap(), &owner, GRANTS).await;
    assert!(refused.is_err());
    client
        .batch_execute("INSERT INTO conversations (kind, name, created_by) VALUES (1, 'x', 1)")
        .await
        .unwrap();
    let nobody =
        migrate::grant(&connection_config(&config).unwrap(), "nobody; DROP TABLE entries", GRANTS).await;
    assert!(nobody.is_err(), "a name is a name");
    client.batch_execute("SELECT 1 FROM entries").await.unwrap();
}

async fn grant(database: &TestDatabase, role: &Role) -> Result<(), migrate::MigrateError> {
    migrate::grant(&connection_config(&config(database.url_for("messaging"))).unwrap(), &role.name, GRANTS)
        .await
}
