//! The users of a run: signed up, logged in, and connected where a scenario wants them so.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use messenger_client::rest::{Accounts, NewUser};
use messenger_client::socket::{self, Connection, Handshake};
use secrecy::{ExposeSecret, SecretString};

use crate::run::Run;

/// Pushes of one socket that may wait for this program.
const PUSH_QUEUE: usize = 16 * 1024;

/// A user who has logged in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) user_id: i64,
    pub(crate) email: String,
    pub(crate) password: SecretString,
    pub(crate) token: SecretString,
}

/// A user with an open socket.
pub(crate) struct Member {
    pub(crate) user_id: i64,
    pub(crate) connection: Connection,
}

/// Signs up and logs in `count` users, many at once. `kind` tells those of a run apart that do different things.
pub(crate) async fn sign_up(run: &Run<'_>, kind: &str, count: u32) -> Result<Vec<Person>> {
    let accounts = Accounts::new(&run.options.accounts)?;
    let password = SecretString::from(uuid::Uuid::new_v4().to_string());
    let done = AtomicU32::new(0);
    let people = stream::iter(0..count)
        .map(|index| {
            let (accounts, password, done) = (&accounts, &password, &done);
            async move {
                let person = join(run, accounts, &format!("{kind}{index}"), password).await;
                done.fetch_add(1, Ordering::Relaxed);
                person.with_context(|| format!("make user {index} of {count}"))
            }
        })
        .buffered(run.options.sign_ups.into())
        .try_collect();
    run.say(&format!("signing up {count} users"));
    run.show(|| format!("signed up {} of {count}", done.load(Ordering::Relaxed)), people).await
}

async fn join(run: &Run<'_>, accounts: &Accounts, label: &str, password: &SecretString) -> Result<Person> {
    let email = format!("load-{}-{label}@example.com", run.name);
    let name = format!("Load {label}");
    let user = NewUser {
        email: &email,
        password: password.expose_secret(),
        first_name: Some(&name),
        last_name: Some(&run.name),
    };
    accounts.sign_up(&user).await.context("sign up")?;
    let login = accounts.log_in(&email, password).await.context("log in")?;
    Ok(Person { user_id: login.id, email, password: password.clone(), token: login.token })
}

/// Connects users, spread over the gateways in turn; `in_flight` of each one's requests may wait at once.
pub(crate) async fn connect(run: &Run<'_>, people: &[Person], in_flight: usize) -> Result<Vec<Member>> {
    let limits = socket::Options { in_flight, push_queue: PUSH_QUEUE, ..socket::Options::default() };
    let open = async |index: usize, person: &Person| -> Result<Member> {
        let gateway = run.gateway(index);
        let handshake = Handshake::new(gateway).bearer(person.token.expose_secret())?;
        let connection = Connection::open_with(&handshake, &limits).await;
        let connection = connection.with_context(|| format!("connect to {gateway}"))?;
        Ok(Member { user_id: person.user_id, connection })
    };
    let sockets = stream::iter(people.iter().enumerate()).map(|(index, person)| open(index, person));
    sockets.buffered(run.options.sign_ups.into()).try_collect().await
}
