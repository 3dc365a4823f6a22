//! The role that serves may do what the statements need, and nothing else.

use messenger_support::{exceptions, permitted, privileges};

use super::*;

/// What the role may do with each table. A table that is missing here is to be decided upon, here and in `grants.sql`.
const TABLES: &[&str] = &[
    "ended_sessions: SELECT INSERT UPDATE DELETE",
    "known_addresses: SELECT INSERT UPDATE DELETE",
    "mail_tokens: SELECT INSERT UPDATE DELETE",
    "refinery_schema_history: SELECT",
    "sessions: SELECT INSERT UPDATE DELETE",
    "users: SELECT INSERT UPDATE",
];

#[tokio::test]
async fn every_table_is_decided_upon_and_every_function_is_the_roles_alone() {
    let (database, _store, role) = store_and_role().await;
    let owner = database.connect("accounts").await;
    assert_eq!(privileges(&owner, &role).await, TABLES, "decide in store/grants.sql, and note it here");
    assert!(exceptions(&owner, &role).await.is_empty());
}

#[tokio::test]
async fn the_role_is_refused_what_the_statements_do_not_need() {
    let (database, store, role) = store_and_role().await;
    insert(&store, "ann@x.io", None, None).await;
    let owner = database.connect("accounts").await;
    owner.batch_execute("CREATE SCHEMA messaging; CREATE TABLE messaging.entries (id bigint)").await.unwrap();
    let client = database.connect_as(&role, "accounts").await;
    let refused = [
        "SELECT * FROM messaging.entries",
        "INSERT INTO messaging.entries VALUES (1)",
        "DELETE FROM users",
        "TRUNCATE users CASCADE",
        "TRUNCATE sessions",
        "DELETE FROM refinery_schema_history",
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP TABLE sessions",
        "ALTER TABLE users DROP CONSTRAINT users_email_key",
        "CREATE INDEX mine ON users (email)",
        "DROP SCHEMA accounts CASCADE",
        "SELECT rolpassword FROM pg_authid",
        "SELECT pg_read_file('postgresql.conf')",
        "COPY users TO PROGRAM 'cat'",
        "CREATE ROLE mine SUPERUSER",
    ];
    assert_eq!(permitted(&client, &refused).await, []);
}
