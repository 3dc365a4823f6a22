//! The directory against an accounts service behind a real socket. Time is moved, not waited for.

mod caching;
mod calls;
mod endings;
mod keys;

use std::time::Duration;

use messenger_chassis::env::Env;
use messenger_chassis::lifecycle::Tasks;

use super::fake_accounts::FakeAccounts;
use super::*;

/// A directory, and the accounts that it asks.
struct Fixture {
    server: FakeAccounts,
    directory: GrpcDirectory,
}

impl Fixture {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut DirectoryConfig)) -> Self {
        let server = FakeAccounts::start();
        let mut config = config(&server.url);
        change(&mut config);
        let directory = GrpcDirectory::start(Accounts::new(&config).unwrap(), &config, &Tasks::new());
        Self { server, directory }
    }

    /// Names of the users found, by id.
    async fn names(&self, ids: &[i64]) -> Result<Vec<(i64, String)>, DirectoryError> {
        let ids: Vec<_> = ids.iter().copied().map(UserId).collect();
        let users = self.directory.get(&ids).await?;
        let mut names: Vec<_> = users
            .into_iter()
            .map(|(id, user)| (id.0, user.name.as_deref().unwrap_or_default().to_owned()))
            .collect();
        names.sort();
        Ok(names)
    }

    async fn name(&self, id: i64) -> Result<String, DirectoryError> {
        Ok(self.names(&[id]).await?.pop().map(|(_, name)| name).unwrap_or_default())
    }

    fn calls(&self) -> usize {
        self.server.calls().len()
    }
}

/// The defaults, with accounts at `url`.
fn config(url: &http::Uri) -> DirectoryConfig {
    let lookup = |key: &str| match key {
        "GATEWAY_ACCOUNTS_URL" => Some(url.to_string()),
        "GATEWAY_ACCOUNTS_TOKEN" => Some(TOKEN.to_owned()),
        _ => None,
    };
    DirectoryConfig::read(&mut Env::new(&lookup))
}

/// Moves the time of the test's runtime. Nothing may be in flight.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// What accounts knows the gateway by.
const TOKEN: &str = "6d1fbb0a5a0f4a86b8c09b1f1c2f7f52";
const BEARER: &str = "Bearer 6d1fbb0a5a0f4a86b8c09b1f1c2f7f52";
const SECOND: Duration = Duration::from_secs(1);
const DOWN: Result<String, DirectoryError> = Err(DirectoryError::Unavailable);

fn called(name: &str) -> Result<String, DirectoryError> {
    Ok(name.to_owned())
}
