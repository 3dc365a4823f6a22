//! People who log in, refresh and read over REST, one request after the other, each of which must succeed at the first
//! attempt. Only a refresh may be late, which the library gives up early: a machine may be busy.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use messenger_client::rest::{Accounts, NewUser, RestError};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How many there are.
const VISITORS: usize = 3;
/// Between the beginnings of two visits of one of them.
const PACE: Duration = Duration::from_millis(150);
/// Above the patience for a refresh, below that for everything else.
const LATE: Duration = Duration::from_secs(10);
const PASSWORD: &str = "correct horse";

pub(crate) struct Visitors {
    enough: CancellationToken,
    tasks: JoinSet<Visits>,
}

/// What became of their requests.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    pub(crate) calls: u64,
    pub(crate) failed: Vec<String>,
    late: u64,
    slowest: Duration,
}

impl Visitors {
    pub(crate) async fn start(rest: &str) -> Result<Self> {
        let (enough, mut tasks) = (CancellationToken::new(), JoinSet::new());
        for number in 0..VISITORS {
            let (accounts, email) = (Accounts::new(rest)?, format!("visitor.{number}@mail.com"));
            let user = NewUser { email: &email, password: PASSWORD, first_name: None, last_name: None };
            accounts.sign_up(&user).await.context("sign up")?;
            tasks.spawn(visit(accounts, email, enough.clone()));
        }
        Ok(Self { enough, tasks })
    }

    pub(crate) async fn finish(self) -> Visits {
        self.enough.cancel();
        let all = self.tasks.join_all().await;
        all.into_iter().fold(Visits::default(), |mut sum, one| {
            sum.calls += one.calls;
            sum.late += one.late;
            sum.failed.extend(one.failed);
            sum.slowest = sum.slowest.max(one.slowest);
            sum
        })
    }
}

async fn visit(accounts: Accounts, email: String, enough: CancellationToken) -> Visits {
    let (mut visits, password) = (Visits::default(), SecretString::from(PASSWORD));
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while enough.run_until_cancelled(pace.tick()).await.is_some() {
        let login = visits.call("log in", accounts.log_in(&email, &password)).await;
        let Some(secret) = login.and_then(|login| login.refresh_token) else { continue };
        let Some(login) = visits.call("refresh", accounts.refresh(&secret)).await else { continue };
        let token = login.token.expose_secret();
        visits.call("read the profile", accounts.profile(token)).await;
        visits.call("list the sessions", accounts.sessions(token)).await;
        visits.call("log out", accounts.log_out(token)).await;
    }
    visits
}

impl Visits {
    async fn call<T>(&mut self, what: &str, call: impl Future<Output = Result<T, RestError>>) -> Option<T> {
        let begun = Instant::now();
        let outcome = call.await;
        self.calls += 1;
        self.slowest = self.slowest.max(begun.elapsed());
        match outcome {
            Ok(answer) => return Some(answer),
            Err(RestError::Unreachable(error)) if error.is_timeout() && begun.elapsed() < LATE => {
                self.late += 1;
            }
            Err(error) => self.failed.push(format!("{what}: {error:?}")),
        }
        None
    }
}

impl fmt::Display for Visits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, failed, late, slowest } = self;
        let count = failed.len();
        write!(f, "{calls} requests, {count} failed, {late} late, the slowest took {slowest:?} {failed:?}")
    }
}
