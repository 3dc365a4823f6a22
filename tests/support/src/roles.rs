//! The roles that the services log in as, made as the deployment makes them.

use anyhow::{Context as _, Result};
use messenger_backing::random_secret;
use tokio_postgres::Client;

/// What an administrator runs, for psql.
const SCRIPT: &str = include_str!("../../../deploy/postgres/roles.sql");

/// The names in the script.
pub(crate) const NAMES: [&str; 2] = ["messenger_accounts", "messenger_gateway"];

/// A role of a service, and its password.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name.
    pub name: String,
    password: String,
}

impl Role {
    pub(crate) fn new(name: String) -> Result<Self> {
        Ok(Self { name, password: random_secret()? })
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// The URL with this role in the place of whoever it is for.
    pub(crate) fn url(&self, url: &str) -> Result<String> {
        let (scheme, rest) = url.split_once("://").context("a URL")?;
        let authority = rest.find(['/', '?']).unwrap_or(rest.len());
        let host = rest[..authority].rfind('@').map_or(0, |at| at + 1);
        Ok(format!("{scheme}://{}:{}@{}", self.name, self.password, &rest[host..]))
    }
}

/// Runs the script over a connection to `database`, with these roles in the place of its own.
pub(crate) async fn make(admin: &Client, database: &str, roles: [&Role; 2]) -> Result<()> {
    // What psql would put in. None of the texts has a quote in it.
    let mut script: String = SCRIPT
        .lines()
        .filter(|line| !line.starts_with('\\'))
        .fold(String::new(), |all, line| all + line + "\n");
    for (variable, role) in [":'accounts_password'", ":'gateway_password'"].into_iter().zip(roles) {
        script = script.replace(variable, &format!("'{}'", role.password));
    }
    for (name, role) in NAMES.into_iter().zip(roles) {
        script = script.replace(name, &format!("\"{}\"", role.name));
    }
    script = script.replace(":\"DBNAME\"", &format!("\"{database}\""));
    admin.batch_execute(&script).await.context("make the roles of the services")
}

#[cfg(test)]
mod tests {
    use messenger_backing::{Durability, Postgres, PostgresOptions};

    use super::*;
    use crate::database::connect;
    use crate::servers::{place, quiet};

    #[tokio::test]
    async fn a_role_of_our_own_server_logs_in_with_its_password_today_and_tomorrow() {
        let place = place().unwrap();
        let mut urls = Vec::new();
        for _ in 0..2 {
            let options = PostgresOptions::new(&place, Durability::Durable);
            let options =
                PostgresOptions { databases: &["messenger"], roles: &["messenger_gateway"], ..options };
            let postgres = Postgres::start(options, &quiet).unwrap();
            let url = postgres.role_url("messenger_gateway", "postgres").unwrap();
            let client = connect(&url).await.unwrap();
            let row = client.query_one(
                "SELECT current_user::text, rolsuper FROM pg_roles WHERE rolname = current_user",
                &[],
            );
            let row = row.await.unwrap();
            assert_eq!((row.get::<_, &str>(0), row.get::<_, bool>(1)), ("messenger_gateway", false));
            assert!(client.batch_execute("CREATE SCHEMA mine").await.is_err());
            assert_eq!(postgres.role_url("nobody", "postgres"), None);
            urls.push(url.rsplit_once('@').unwrap().0.to_owned());
        }
        assert_eq!(urls[0], urls[1]);
    }

    #[test]
    fn a_url_gets_another_role_and_keeps_the_rest() {
        let role = Role { name: "r".to_owned(), password: "p".to_owned() };
        for (url, expected) in [
            ("postgres://u:x@h:1/d?options=-c", "postgres://r:p@h:1/d?options=-c"),
            ("postgres://h:1,h:2/d", "postgres://r:p@h:1,h:2/d"),
        ] {
            assert_eq!(role.url(url).unwrap(), expected);
        }
    }
}
