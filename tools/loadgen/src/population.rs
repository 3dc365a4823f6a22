//! The users of a run: signed up a few at a time, because each sign-up and log-in hashes a password.

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use messenger_client::rest::{Accounts, NewUser};
use messenger_client::socket::{self, Connection, Handshake};
use secrecy::{ExposeSecret, SecretString};

use crate::options::Options;

/// Pushes of one socket that may wait for this program.
const PUSH_QUEUE: usize = 16 * 1024;

/// A user with an open socket.
pub(crate) struct Member {
    pub(crate) user_id: i64,
    pub(crate) connection: Connection,
}

/// Signs up and connects `count` users, spread over the gateways in turn.
pub(crate) async fn gather(options: &Options, run: &str, count: u32) -> Result<Vec<Member>> {
    let accounts = Accounts::new(&options.accounts)?;
    let password = SecretString::from(uuid::Uuid::new_v4().to_string());
    stream::iter(0..count)
        .map(|index| {
            let (accounts, password) = (&accounts, &password);
            async move {
                let member = join(options, accounts, run, index, password).await;
                member.with_context(|| format!("make user {index} of {count}"))
            }
        })
        .buffered(options.sign_ups.into())
        .try_collect()
        .await
}

async fn join(
    options: &Options,
    accounts: &Accounts,
    run: &str,
    index: u32,
    password: &SecretString,
) -> Result<Member> {
    let email = format!("load-{run}-{index}@example.com");
    let name = format!("Load {index}");
    let user = NewUser {
        email: &email,
        password: password.expose_secret(),
        first_name: Some(&name),
        last_name: Some(run),
    };
    accounts.sign_up(&user).await.context("sign up")?;
    let login = accounts.log_in(&email, password).await.context("log in")?;
    let gateway = &options.gateway[index as usize % options.gateway.len()];
    let handshake = Handshake::new(gateway).bearer(login.token.expose_secret())?;
    let limits = socket::Options {
        in_flight: options.scenario.in_flight(),
        push_queue: PUSH_QUEUE,
        ..socket::Options::default()
    };
    let connection = Connection::open_with(&handshake, &limits).await;
    Ok(Member { user_id: login.id, connection: connection.with_context(|| format!("connect to {gateway}"))? })
}
