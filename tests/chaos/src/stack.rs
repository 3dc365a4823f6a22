//! The system under test with the people who use it: everything that runs before the first fault.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use anyhow::{Context as _, Result};
use messenger_backing::{Durability, Postgres, PostgresServer};
use messenger_client::rest::{Accounts, NewUser};
use messenger_client::session::{Gateway, Grant, Renewal};
use messenger_client::socket::Options;
use messenger_support::{Cluster, ClusterOptions, private_postgres, private_redis};
use secrecy::SecretString;
use tokio::task::block_in_place;
use tokio::time::timeout;

use crate::history::{Device, Writer};
use crate::load::Crowd;
use crate::observer::Observer;
use crate::recorder::{Calls, Recorded, Roaming};
use crate::scenario::Plan;

/// Gateways of every run.
pub const GATEWAYS: usize = 3;
/// The password of everybody.
const PASSWORD: &str = "correct horse";
/// Within this a device must have its first socket.
const PATIENCE: Duration = Duration::from_secs(30);
/// The limits of production, where the tests' own are more patient.
const SETTINGS: &[(&str, &str)] = &[
    ("GATEWAY_DATABASE_CONNECTIONS", "16"),
    ("GATEWAY_DATABASE_STATEMENT_MS", "2000"),
    ("GATEWAY_DATABASE_CALL_MS", "2500"),
    ("GATEWAY_SEND_PATIENCE_MS", "5000"),
    ("GATEWAY_ACCOUNTS_DEADLINE_MS", "2000"),
    ("GATEWAY_SOCKETS_PER_USER", "64"),
];

/// How much there is of everything.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// People.
    pub users: usize,
    /// Devices of each.
    pub devices: usize,
    /// Groups besides the dialogs.
    pub groups: usize,
    /// People in each group at first.
    pub members: usize,
    /// Messages a second, of all together.
    pub rate: u32,
}

/// Servers of the caller's own; what is not given is started.
#[derive(Debug, Default)]
pub struct Servers {
    /// The database.
    pub postgres: Option<Postgres>,
    /// What follows it.
    pub standby: Option<PostgresServer>,
    /// Whether the gateways read from that.
    pub reads: bool,
    /// Whether a PgBouncer stands before the database.
    pub pooler: bool,
}

/// Starts the system and connects everybody, each device to another gateway than its user's other ones unless a load
/// balancer decides.
///
/// # Errors
/// When somebody cannot sign up or connect.
pub(crate) async fn start(plan: &Plan<'_>, servers: Servers, writer: &Writer) -> Result<(Cluster, Crowd)> {
    let size = plan.size;
    let all: Vec<_> = SETTINGS.iter().chain(plan.settings).copied().collect();
    let (postgres, redis) = block_in_place(|| {
        let postgres = servers.postgres.unwrap_or_else(|| private_postgres(Durability::Durable, &[]));
        (postgres, plan.redis.is_none().then(private_redis))
    });
    let cluster = Cluster::start(ClusterOptions {
        mutual_tls: false,
        gateways: GATEWAYS,
        more_accounts: usize::from(plan.balanced),
        balanced: plan.balanced,
        programs: plan.programs,
        settings: &all,
        postgres: Some(postgres),
        standby: servers.standby,
        reads: servers.reads,
        pooler: servers.pooler,
        redis,
        redis_url: plan.redis,
        links: !plan.balanced,
    })
    .await;
    let accounts = Accounts::new(&cluster.rest())?;
    let urls: Vec<_> = match plan.balanced {
        true => vec![cluster.balanced_url()],
        false => (0..GATEWAYS).map(|index| cluster.linked_url(index)).collect(),
    };
    let (mut devices, mut observers) = (Vec::new(), Vec::new());
    for user in 0..size.users {
        let email = format!("user.{user}@mail.com");
        let (gateway, grant) = sign_up(&accounts, email).await?;
        let roaming =
            |next| Roaming { gateway: gateway.clone(), urls: urls.clone(), next: AtomicUsize::new(next) };
        observers.push(Observer::start(roaming(user), grant.clone(), writer.clone()));
        for _ in 0..size.devices {
            let number = u32::try_from(devices.len())?;
            let who = Device { user: grant.user_id, number };
            let link = roaming(devices.len());
            devices.push(Arc::new(Recorded::start(who, link, grant.clone(), writer.clone())));
        }
    }
    for device in &devices {
        timeout(PATIENCE, device.is_online()).await.context("a device does not get online")?;
    }
    for observer in &observers {
        timeout(PATIENCE, observer.is_there()).await.context("an observer does not get online")?;
    }
    let mut crowd =
        Crowd { devices, observers, groups: Vec::new(), calls: Calls::default(), writer: writer.clone() };
    for group in 0..size.groups {
        crowd.found(group * size.devices, size.members).await?;
    }
    Ok((cluster, crowd))
}

async fn sign_up(accounts: &Accounts, email: String) -> Result<(Gateway, Grant)> {
    let user = NewUser { email: &email, password: PASSWORD, first_name: Some("Chaos"), last_name: None };
    accounts.sign_up(&user).await.context("sign up")?;
    let login = accounts.log_in(&email, &SecretString::from(PASSWORD)).await.context("log in")?;
    let lifetime = Duration::from_secs(login.expires_in.context("a log-in without an end")?);
    let gateway = Gateway {
        accounts: accounts.clone(),
        email,
        password: PASSWORD.into(),
        renewal: Renewal::of(&login),
        url: String::new(),
        options: Options::default(),
    };
    Ok((gateway, Grant::new(login.id, login.token, lifetime)))
}
