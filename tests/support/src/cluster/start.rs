//! How a cluster comes to run: database, roles, settings, processes.

use std::path::Path;

use anyhow::Result;
use messenger_backing::{Redis, free_ports};

use super::database::Database;
use super::settings::{SETTINGS, mutual_tls, own_settings};
use super::{Cluster, ClusterOptions};
use crate::balancer::Balancer;
use crate::certificates::Authority;
use crate::dice::Dice;
use crate::key_folder::KeyFolder;
use crate::links::{Backing, Links, host_of};
use crate::pooler;
use crate::roles::Role;
use crate::servers::servers;
use crate::service::{Launch, Service};

pub(super) async fn start(options: ClusterOptions<'_>) -> Result<Cluster> {
    let mut ports = Ports::of(&options)?;
    let (database, roles) = Database::make(options.postgres, options.standby).await?;
    let keys = KeyFolder::new()?;
    let own_redis_url = || options.redis.as_ref().map_or_else(|| servers().redis_url(), Redis::url);
    let redis_url = options.redis_url.map_or_else(own_redis_url, str::to_owned);
    let linked_redis = options.redis_url.is_none().then_some(redis_url.as_str());
    let folder = options.programs.map(Path::to_owned);
    let mut environment = Launch { program: "accounts", folder, environment: Vec::new() };
    let authority = options.mutual_tls.then(Authority::new);
    let own = own_settings(&keys, &redis_url)?;
    for (key, value) in own.into_iter().chain(authority.iter().flat_map(mutual_tls)) {
        environment.set(key, value);
    }
    for (key, value) in SETTINGS.iter().chain(options.settings) {
        environment.set(key, *value);
    }
    let pooler = if options.pooler { Some(database.pool(&roles).await?) } else { None };
    for service in pooler.iter().flat_map(|_| ["ACCOUNTS", "GATEWAY"]) {
        environment.set(&format!("{service}_DATABASE_POOLER"), "transaction");
        environment.set(&format!("{service}_DATABASE_STATEMENT_MS"), pooler::STATEMENT_MS);
    }
    let url = |role: &Role, schema| {
        let owner = database.url_for(schema);
        let url = if options.programs.is_some() { owner } else { role.url(&owner)? };
        let Some(pooler) = &pooler else { return Ok(url) };
        anyhow::Ok(url.replace(host_of(&url)?, &format!("127.0.0.1:{}", pooler.port())))
    };
    let mut accounts = environment.clone();
    accounts.set("ACCOUNTS_DATABASE_URL", url(&roles[0], "accounts")?);
    let mut gateway = Launch { program: "gateway", ..environment };
    let messaging_url = url(&roles[1], "messaging")?;
    gateway.set("GATEWAY_DATABASE_URL", messaging_url.as_str());
    if let Some(standby) = database.standby_url("messaging").filter(|_| options.reads) {
        gateway.set("GATEWAY_DATABASE_READ_URL", roles[1].url(&standby)?);
    }
    match options.programs {
        Some(_) => drop(tokio::try_join!(accounts.finish(&["migrate"]), gateway.finish(&["migrate"]))?),
        None => migrate(&accounts, &gateway, &database, &roles).await?,
    }

    let (replicas, grpcs) = start_accounts(&accounts, options.more_accounts, &mut ports).await?;
    let scheme = if authority.is_some() { "https" } else { "http" };
    let plan = Gateways {
        launch: &gateway,
        count: options.gateways,
        accounts: &grpcs,
        scheme,
        links: options.links.then_some((linked_redis, messaging_url.as_str())),
    };
    let (gateways, links) = plan.start(&mut ports).await?;
    for service in replicas.iter().chain(&gateways) {
        service.ready().await?;
    }
    let balancer = match options.balanced {
        true => Some(Balancer::start(keys.path(), &replicas, &gateways, &[]).await?),
        false => None,
    };
    Ok(Cluster {
        balancer,
        links,
        gateways,
        accounts: replicas,
        keys,
        _authority: authority,
        database,
        pooler,
        roles,
        redis: options.redis,
    })
}

impl Cluster {
    /// Another HAProxy before accounts and the first gateways, with `variables` for its configuration.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn balancer(&self, gateways: usize, variables: &[(&str, &str)]) -> Balancer {
        let gateways = &self.gateways[..gateways];
        let started = Balancer::start(self.keys.path(), &self.accounts, gateways, variables).await;
        started.unwrap_or_else(|error| panic!("start HAProxy: {error:#}"))
    }
}

/// One after the other, since the first makes the keys of all; and where each listens for the gateways.
async fn start_accounts(
    launch: &Launch,
    more: usize,
    ports: &mut Ports,
) -> Result<(Vec<Service>, Vec<String>)> {
    let (mut services, mut grpcs) = (Vec::new(), Vec::new());
    for _ in 0..=more {
        let mut launch = launch.clone();
        ports.place(&mut launch, &["ACCOUNTS_HTTP_ADDR", "ACCOUNTS_GRPC_ADDR", "ACCOUNTS_ADMIN_ADDR"]);
        let service = Service::start(launch).await?;
        grpcs.push(service.listener("grpc").await?);
        services.push(service);
    }
    Ok((services, grpcs))
}

/// The gateways to start.
struct Gateways<'a> {
    launch: &'a Launch,
    count: usize,
    /// Where the accounts services are, which they share.
    accounts: &'a [String],
    scheme: &'a str,
    /// URLs of Redis, if it is to be behind links, and of PostgreSQL; none without links.
    links: Option<(Option<&'a str>, &'a str)>,
}

impl Gateways<'_> {
    async fn start(self, ports: &mut Ports) -> Result<(Vec<Service>, Vec<Links>)> {
        let (mut gateways, mut links) = (Vec::new(), Vec::new());
        for (index, seed) in (0..self.count).zip(0..) {
            let mut launch = self.launch.clone();
            ports.place(&mut launch, &["GATEWAY_HTTP_ADDR", "GATEWAY_ADMIN_ADDR"]);
            let accounts = &self.accounts[index % self.accounts.len()];
            launch.set("GATEWAY_ACCOUNTS_URL", format!("{}://{accounts}", self.scheme));
            launch.set("GATEWAY_NODE", format!("gateway-{index}"));
            let Some((redis, database)) = self.links else {
                gateways.push(Service::start(launch).await?);
                continue;
            };
            let backing = Backing::start(redis, database, accounts, seed).await?;
            for (key, value) in backing.environment(redis, database)? {
                launch.set(key, value);
            }
            gateways.push(Service::start(launch).await?);
            links.push(backing.complete(gateways[index].http()).await?);
        }
        Ok((gateways, links))
    }
}

/// Ports for what a load balancer connects to. Those that the kernel would choose it also gives to outgoing connections, of
/// which a balancer makes many: a service that is restarted could find its port taken.
struct Ports(std::vec::IntoIter<u16>);

impl Ports {
    fn of(options: &ClusterOptions<'_>) -> Result<Self> {
        let count = if options.balanced { 3 * (1 + options.more_accounts) + 2 * options.gateways } else { 0 };
        Ok(Self(free_ports(Dice::any_seed(), count)?.into_iter()))
    }

    fn place(&mut self, launch: &mut Launch, keys: &[&str]) {
        for (key, port) in keys.iter().zip(&mut self.0) {
            launch.set(key, format!("127.0.0.1:{port}"));
        }
    }
}

/// As the owner of the schemas, who grants the roles what they need.
async fn migrate(accounts: &Launch, gateway: &Launch, database: &Database, roles: &[Role; 2]) -> Result<()> {
    let (mut accounts, mut gateway) = (accounts.clone(), gateway.clone());
    accounts.set("ACCOUNTS_MIGRATE_DATABASE_URL", database.url_for("accounts"));
    accounts.set("ACCOUNTS_DATABASE_ROLE", roles[0].name.as_str());
    gateway.set("GATEWAY_MIGRATE_DATABASE_URL", database.url_for("messaging"));
    gateway.set("GATEWAY_DATABASE_ROLE", roles[1].name.as_str());
    tokio::try_join!(accounts.finish(&["migrate"]), gateway.finish(&["migrate"])).map(drop)
}
