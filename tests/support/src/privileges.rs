//! What a role of PostgreSQL may do, as the server sees it.

use tokio_postgres::Client;

use crate::roles::Role;

/// What the role may do with each table of the connection's schema, by name, and after it the columns that it may change
/// where these are not all.
const TABLES: &str = "SELECT concat_ws(' ', c.relname || ':', \
     (SELECT string_agg(p, ' ' ORDER BY n) FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) \
         WITH ORDINALITY x (p, n) WHERE has_table_privilege($1, c.oid, p)), \
     (SELECT 'UPDATE(' || string_agg(a.attname, ' ' ORDER BY a.attnum) || ')' FROM pg_attribute a \
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND NOT has_table_privilege($1, c.oid, 'UPDATE') \
             AND has_column_privilege($1, c.oid, a.attnum, 'UPDATE'))) \
     FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
     ORDER BY c.relname";

/// Functions of the schema that the role may not call, or that everybody may, and sequences that it may not take from.
const OTHERS: &str = "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace \
         AND (NOT has_function_privilege($1, p.oid, 'EXECUTE') OR p.proacl IS NULL \
             OR EXISTS (SELECT 1 FROM aclexplode(p.proacl) g WHERE g.grantee = 0)) \
     UNION ALL \
     SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'S' \
         AND (NOT has_sequence_privilege($1, c.oid, 'USAGE') OR has_sequence_privilege($1, c.oid, 'UPDATE'))";

/// What the role may do with each table: `name: SELECT INSERT …`.
///
/// # Panics
/// When the server refuses to tell.
pub async fn privileges(admin: &Client, role: &Role) -> Vec<String> {
    texts(admin, TABLES, role).await
}

/// Functions and sequences that are not granted as all of them are: to the role and to nobody else.
///
/// # Panics
/// When the server refuses to tell.
pub async fn exceptions(admin: &Client, role: &Role) -> Vec<String> {
    texts(admin, OTHERS, role).await
}

/// The statements that the server does not refuse to whoever is connected for a want of rights (SQLSTATE 42501).
pub async fn permitted<'a>(client: &Client, statements: &[&'a str]) -> Vec<(&'a str, String)> {
    let mut permitted = Vec::new();
    for statement in statements {
        let answer = match client.batch_execute(statement).await {
            Ok(()) => "done".to_owned(),
            Err(error) => error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()),
        };
        if answer != "42501" {
            permitted.push((*statement, answer));
        }
    }
    permitted
}

async fn texts(admin: &Client, statement: &str, role: &Role) -> Vec<String> {
    let rows = admin.query(statement, &[&role.name]).await;
    let rows = rows.unwrap_or_else(|error| panic!("privileges of {}: {error}", role.name));
    rows.iter().map(|row| row.get(0)).collect()
}
