//! TLS to PostgreSQL: what the URL and the root ask for is what happens.

use messenger_support::{Authority, private_postgres_with_tls};
use tokio_postgres::NoTls;

use crate::service::{KeyFolder, Run, Service};

fn url(admin: &str, mode: &str) -> String {
    format!("{admin}?sslmode={mode}&options=-csearch_path%3Daccounts")
}

/// How the service's connections are made, as PostgreSQL sees it: encrypted or not.
#[expect(clippy::disallowed_methods, reason = "the connection's driver ends with the client that owns it")]
async fn encrypted(admin: &str) -> Vec<bool> {
    let (client, connection) = tokio_postgres::connect(admin, NoTls).await.unwrap();
    tokio::spawn(connection);
    let others = "SELECT DISTINCT ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) \
         WHERE a.backend_type = 'client backend' AND pid <> pg_backend_pid()";
    client.query(others, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_server_that_proves_its_name_is_used_and_another_one_refused() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let postgres = private_postgres_with_tls(&authority.issue("postgres.internal"));
    let admin = postgres.admin_url();
    let (root, strange) = (authority.root(), stranger.root());
    for (mode, settings, expected) in [
        ("verify-full", &[("ACCOUNTS_DATABASE_CA", &*root)][..], true),
        ("require", &[("ACCOUNTS_DATABASE_CA", &root)], true),
        ("require", &[], true),
        ("prefer", &[], true),
        ("disable", &[], false),
    ] {
        let service = Service::start_on(&url(&admin, mode), settings);
        service.user(&format!("{mode}.{}@x.io", settings.len()), None).await;
        assert_eq!(encrypted(&admin).await, [expected], "{mode} {settings:?}");
    }
    // A certificate for 127.0.0.1 is none for this name of the same machine.
    let other_name = admin.replace("127.0.0.1", "localhost");
    for (admin, root) in [(&admin, &strange), (&other_name, &root)] {
        let keys = KeyFolder::new();
        let ca = [("ACCOUNTS_DATABASE_CA", root.as_str())];
        for subcommand in ["serve", "migrate"] {
            let (status, log) = Run::new(subcommand, &url(admin, "verify-full"), &keys).with(&ca).finish();
            assert!(!status.success() && log.contains("certificate"), "{log}");
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_taken_for_one_with_it() {
    let postgres = messenger_support::private_postgres(messenger_backing::Durability::Disposable, &[]);
    let (authority, keys) = (Authority::new(), KeyFolder::new());
    let root = authority.root();
    for (mode, settings) in
        [("require", &[][..]), ("verify-full", &[("ACCOUNTS_DATABASE_CA", root.as_str())])]
    {
        let (status, log) =
            Run::new("migrate", &url(&postgres.admin_url(), mode), &keys).with(settings).finish();
        assert!(!status.success() && log.contains("TLS"), "{mode}: {log}");
    }
    let missing = [("ACCOUNTS_DATABASE_CA", "/nonexistent/root.pem")];
    let (status, log) =
        Run::new("serve", &url(&postgres.admin_url(), "require"), &keys).with(&missing).finish();
    assert!(status.code() == Some(78) && log.contains("/nonexistent/root.pem"), "{log}");
}
