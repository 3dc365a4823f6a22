use super::*;
use crate::project::Project;

#[test]
fn the_migrations_only_add() {
    check(Project::find().expect("the working copy").root()).expect("migrations that only add");
}

#[test]
fn what_takes_something_away_is_named() {
    for (sql, what) in [
        ("DROP TABLE users", "takes away"),
        ("drop function if exists f(int)", "takes away"),
        ("TRUNCATE users", "takes away"),
        ("ALTER TABLE users DROP COLUMN a, ADD COLUMN b int", "takes away"),
        ("ALTER TABLE users ADD COLUMN b numeric(3, 2), ALTER a DROP NOT NULL", "takes away"),
        ("ALTER TABLE IF EXISTS users RENAME a TO b", "gives another name"),
        ("ALTER FUNCTION f() RENAME TO g", "gives another name"),
        ("ALTER TABLE users ALTER COLUMN a SET DATA TYPE text", "gives another type"),
        ("ALTER TABLE users ALTER a SET NOT NULL", "wants a value"),
        ("ALTER TABLE users ADD a int NOT NULL", "wants a value"),
        ("ALTER TABLE users ADD CONSTRAINT c CHECK (a > 0)", "refuses rows"),
        ("CREATE UNIQUE INDEX i ON users (a)", "refuses rows"),
        ("DO $$ BEGIN ALTER TABLE users DROP a; END $$", "takes away"),
        ("CREATE TABLE new (a int); ALTER TABLE users DROP a", "takes away"),
    ] {
        let found = inspect(sql);
        assert!(found.len() == 1 && found[0].starts_with(what), "{sql}: {found:?}");
        assert!(inspect(&format!("-- contract: nobody, since V3\n{sql}")).is_empty(), "{sql}");
        assert_eq!(inspect(&format!("-- contract:\n{sql}")).len(), 1, "{sql}: no reason was given");
    }
}

#[test]
fn what_only_adds_may_pass() {
    for sql in [
        "CREATE TABLE new (a int NOT NULL); CREATE UNIQUE INDEX i ON new (a); ALTER TABLE new DROP a",
        "ALTER TABLE users ADD COLUMN a int, ADD b int NOT NULL DEFAULT 0",
        "ALTER TABLE users ADD b bigint NOT NULL GENERATED ALWAYS AS IDENTITY",
        "ALTER TABLE users SET (fillfactor = 70)",
        "CREATE INDEX i ON users (a); COMMENT ON TABLE users IS 'do not DROP TABLE; really'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $body$ BEGIN DROP TABLE x; END $body$",
        "-- DROP TABLE users;\n/* ALTER TABLE users DROP a; */ SELECT 1",
    ] {
        assert_eq!(inspect(sql), Vec::<String>::new(), "{sql}");
    }
}
