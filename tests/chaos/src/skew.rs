//! An upgrade and the way back under load, as an operator does them: programs of two builds side by side, over one database
//! and one Redis. Everything that the earlier build was migrated with is there from the beginning.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use messenger_client::rest::{Accounts, NewUser};
use messenger_client::socket::{Connection, Handshake, Options};
use messenger_client::wire::v2::{AddMembers, CreateGroup, ListConversations, MarkRead, SUBPROTOCOL};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::sleep;
use uuid::Uuid;

use crate::nemesis::Nemesis;
use crate::stack::GATEWAYS;

/// A process that was asked to stop must have done so.
const STOPPED: Duration = Duration::from_secs(30);
const PASSWORD: &str = "correct horse";

/// From `earlier`, a folder with the programs with which the run began, to this build, and partly back. After each step people
/// talk for a while, and somebody new finds everything working.
///
/// # Errors
/// When a process does not stop or start, or somebody new does not get on.
pub async fn upgrade_and_back(nemesis: &mut Nemesis, earlier: &Path, talk: Duration) -> Result<()> {
    look(nemesis, "all as before", talk).await?;
    nemesis
        .as_fault("migrate", async |nemesis| {
            nemesis.cluster().migrate().await;
            Ok(())
        })
        .await?;
    look(nemesis, "the new schema under the earlier programs", talk).await?;
    accounts(nemesis, None).await?;
    look(nemesis, "accounts upgraded", talk).await?;
    for index in 0..GATEWAYS {
        gateway(nemesis, index, None).await?;
        look(nemesis, &format!("gateway {index} upgraded"), talk).await?;
    }
    gateway(nemesis, 0, Some(earlier)).await?;
    look(nemesis, "gateway 0 back", talk).await?;
    accounts(nemesis, Some(earlier)).await?;
    look(nemesis, "accounts back, under gateways of both builds", talk).await?;
    accounts(nemesis, None).await?;
    gateway(nemesis, 0, None).await?;
    look(nemesis, "all upgraded", talk).await
}

async fn accounts(nemesis: &mut Nemesis, folder: Option<&Path>) -> Result<()> {
    nemesis
        .as_fault("replace accounts", async |nemesis| {
            let cluster = nemesis.cluster();
            cluster.change_accounts(folder);
            let status = cluster.terminate_accounts(0, STOPPED).await;
            ensure!(status.success(), "accounts ended with {status}");
            cluster.restart_accounts().await;
            Ok(())
        })
        .await
}

async fn gateway(nemesis: &mut Nemesis, index: usize, folder: Option<&Path>) -> Result<()> {
    nemesis
        .as_fault(&format!("replace gateway {index}"), async |nemesis| {
            let cluster = nemesis.cluster();
            cluster.change_gateway(index, folder);
            let status = cluster.terminate(index, STOPPED).await;
            ensure!(status.success(), "gateway {index} ended with {status}");
            cluster.restart(index).await;
            Ok(())
        })
        .await
}

async fn look(nemesis: &mut Nemesis, when: &str, talk: Duration) -> Result<()> {
    sleep(talk).await;
    let urls: Vec<_> = (0..GATEWAYS).map(|index| nemesis.cluster().linked_url(index)).collect();
    somebody_new(&nemesis.cluster().rest(), &urls).await.with_context(|| when.to_owned())
}

/// Two who sign up just now use every gateway for everything.
async fn somebody_new(rest: &str, urls: &[String]) -> Result<()> {
    let accounts = Accounts::new(rest)?;
    let (founder, guest) = (enter(&accounts).await?, enter(&accounts).await?);
    for first in 0..urls.len() {
        let turned = |turn: usize| urls[(first + turn) % urls.len()].as_str();
        together(&founder, &guest, [turned(0), turned(1), turned(2)]).await?;
    }
    Ok(())
}

/// A group is made on the first gateway, changed on the second and read on the third.
async fn together(founder: &Person, guest: &Person, urls: [&str; GATEWAYS]) -> Result<()> {
    let name = "of all builds";
    let request = CreateGroup { name, client_group_id: Some(Uuid::now_v7()) };
    let group = founder.at(urls[0]).await?.request(&request).await.context("found a group")?.conversation_id;
    let request = AddMembers { conversation_id: group, user_ids: &[guest.user] };
    let added = founder.at(urls[1]).await?.request(&request).await.context("add a member")?;
    let seq = added.members.first().and_then(|member| member.seq).context("the member was not added")?;
    let mark = MarkRead { conversation_id: group, seq };
    guest.at(urls[1]).await?.request(&mark).await.context("mark what was read")?;
    let list = ListConversations { limit: 10, cursor: None };
    let seen = guest.at(urls[2]).await?.request(&list).await.context("list the conversations")?;
    let seen = seen.conversations.into_iter().find(|seen| seen.conversation_id == group);
    let seen = seen.context("the guest does not see the group")?;
    let what = (seen.name.as_deref(), seen.read_seq, seen.last_seq);
    ensure!(what == (Some(name), seq, seq), "the guest sees {seen:?}");
    Ok(())
}

struct Person {
    user: i64,
    token: SecretString,
}

/// Signs up, logs in and, where that is known, renews the log-in.
async fn enter(accounts: &Accounts) -> Result<Person> {
    let email = format!("{}@mail.com", Uuid::now_v7().simple());
    let user = NewUser { email: &email, password: PASSWORD, first_name: Some("New"), last_name: None };
    accounts.sign_up(&user).await.context("sign up")?;
    let mut login = accounts.log_in(&email, &SecretString::from(PASSWORD)).await.context("log in")?;
    if let Some(secret) = login.refresh_token {
        login = accounts.refresh(&secret).await.context("refresh")?;
    }
    Ok(Person { user: login.id, token: login.token })
}

impl Person {
    async fn at(&self, url: &str) -> Result<Connection> {
        let handshake =
            Handshake::new(url).subprotocols(&[SUBPROTOCOL])?.bearer(self.token.expose_secret())?;
        Connection::open_with(&handshake, &Options::default()).await.context("connect")
    }
}
