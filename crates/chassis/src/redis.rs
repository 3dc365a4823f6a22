//! Ways to a Redis: one server, the nodes of a Redis Cluster and which of them has which slot, or the primary that sentinels
//! name.
//!
//! It makes connections, one server after the other. It knows nothing of what is said over them, nor when a caller has
//! had enough of one.

mod cluster;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo as _,
    ProtocolVersion, RedisConnectionInfo, RedisError, RedisResult, TlsCertificates, Value, cmd,
};
use secrecy::SecretString;
use tokio::time::timeout;

use self::cluster::read_slots;
pub use self::cluster::{Node, SLOTS, slot};
use crate::env::Env;
use crate::secrets::weakness_of_password;
use crate::tls::{BadCa, read_ca};

/// The schemes that ask sentinels, each with that of the servers.
const SENTINELS: [(&str, &str); 2] = [("redis+sentinel", "redis"), ("rediss+sentinel", "rediss")];
/// The schemes that follow the slots of a cluster, each with that of the nodes.
const CLUSTERS: [(&str, &str); 2] = [("redis+cluster", "redis"), ("rediss+cluster", "rediss")];
/// What names the file of the root, at the end of a URL.
const CA: &str = "#ca=";
/// Whose password a URL without a user has.
const DEFAULT_NAME: &str = "default";

/// Why Redis cannot be reached. The URL's text is not repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum BadUrl {
    /// It is none.
    #[error("the Redis URL cannot be used")]
    Url,
    /// The root of the servers' certificates.
    #[error(transparent)]
    Ca(#[from] BadCa),
}

/// Reads a URL for [`Servers::parse`], and the file of the root that goes with it. In production a server of another
/// machine needs a password, and no password may be a placeholder.
pub fn read_url(env: &mut Env<'_>, keys: &RedisKeys) -> Option<SecretString> {
    let url = match keys.required {
        true => Some(env.required(keys.url, keys.about)),
        false => env.optional(keys.url, keys.about),
    };
    let ca = env.optional(
        keys.ca,
        "PEM file with the root of Redis' certificate, for rediss://; those of the system without it",
    );
    let url = url?;
    if env.is_strict() {
        judge(env, keys.url, &url);
    }
    Some(SecretString::from(match ca {
        Some(path) => format!("{url}{CA}{path}"),
        None => url,
    }))
}

/// Names of the environment keys of [`read_url`].
#[derive(Debug, Clone, Copy)]
pub struct RedisKeys {
    /// Key of the URL.
    pub url: &'static str,
    /// Key of the root.
    pub ca: &'static str,
    /// Whether there must be a URL.
    pub required: bool,
    /// What the URL is for.
    pub about: &'static str,
}

/// A URL that cannot be read is told of when it is used.
fn judge(env: &mut Env<'_>, key: &'static str, url: &str) {
    let Ok(servers) = Servers::parse(url) else { return };
    for server in servers.named() {
        let settings = server.redis_settings();
        let weakness = match settings.password() {
            None if is_local(server.addr()) => None,
            password => {
                let name = settings.username().unwrap_or(DEFAULT_NAME);
                weakness_of_password(name, password.unwrap_or_default())
            }
        };
        if let Some(reason) = weakness {
            return env.problem(format!("{key}: its user {reason}"));
        }
    }
}

/// Whether nobody but this machine can be at the other end.
fn is_local(address: &ConnectionAddr) -> bool {
    match address {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => {
            host == "localhost"
                || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
        ConnectionAddr::Unix(_) => true,
        _ => false,
    }
}

/// The servers behind one URL. Each connection goes to the next of them, the first one to any: so a server that is
/// reached and does not work is left, and the processes of a deployment spread over the nodes of a cluster.
#[derive(Debug)]
pub struct Servers {
    way: Way,
    turn: AtomicUsize,
}

#[derive(Debug)]
enum Way {
    /// Each is as good as the other.
    Nodes(Vec<ConnectionInfo>),
    /// Each knows who has which slot.
    Cluster(Vec<ConnectionInfo>),
    /// Each tells where the primary of the service is.
    Sentinels { sentinels: Vec<ConnectionInfo>, service: String },
}

impl Servers {
    /// Reads `redis://[[user]:password@]host:port`, with several `host:port,…` the nodes of one Redis Cluster;
    /// `redis+cluster://[[user]:password@]host:port,…`, a Redis Cluster whose slots are followed; or
    /// `redis+sentinel://[[user]:password@]host:port,…/service`, the sentinels that know a service's primary. The
    /// password is that of the Redis servers, and of the sentinels if these want one. With `rediss` in the place of
    /// `redis` all of them speak TLS, and prove their names by the system's roots, or by those of the PEM file that
    /// `#ca=FILE` at the end names. Nothing is connected yet.
    ///
    /// # Errors
    /// [`BadUrl`].
    pub fn parse(url: &str) -> Result<Self, BadUrl> {
        let (url, ca) = match url.split_once(CA) {
            Some((url, path)) => (url, Some(read_ca(Path::new(path))?)),
            None => (url, None),
        };
        // Not to be mistaken for what the driver takes there: `#insecure` would believe any certificate.
        let url = Some(url).filter(|url| !url.contains('#')).ok_or(BadUrl::Url)?;
        let (scheme, rest) = url.split_once("://").ok_or(BadUrl::Url)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (login, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        let infos = |scheme: &str, path: &str| {
            let url = |host| format!("{scheme}://{login}{host}{path}");
            hosts.split(',').map(|host| info(&url(host), ca.as_deref())).collect::<Result<Vec<_>, _>>()
        };
        let plain = |schemes: [(&str, &'static str); 2]| {
            schemes.iter().find(|(name, _)| *name == scheme).map(|(_, plain)| *plain)
        };
        // Without one, a sentinel or a node would be looked for on the port of Redis.
        let ports = || hosts.split(',').all(has_port).then_some(()).ok_or(BadUrl::Url);
        let way = if let Some(scheme) = plain(SENTINELS) {
            let service = path.strip_prefix('/').filter(|name| is_service(name)).ok_or(BadUrl::Url)?;
            ports()?;
            Way::Sentinels { sentinels: infos(scheme, "")?, service: service.to_owned() }
        } else if let Some(scheme) = plain(CLUSTERS) {
            ports()?;
            Way::Cluster(infos(scheme, path)?)
        } else {
            Way::Nodes(infos(scheme, path)?)
        };
        let anywhere = RandomState::new().build_hasher().finish() % 1_024;
        Ok(Self { way, turn: AtomicUsize::new(usize::try_from(anywhere).unwrap_or_default()) })
    }

    /// Whether the URL asks to follow the slots of a cluster: [`Servers::slots`] and [`Servers::connect_to`].
    #[must_use]
    pub fn is_sharded(&self) -> bool {
        matches!(self.way, Way::Cluster(_))
    }

    /// A connection through the next server, which speaks RESP3. Each address has `limit` to connect and answer; so has
    /// each later command.
    ///
    /// # Errors
    /// When that one server cannot be reached, or, with sentinels, does not know of a primary that is one.
    pub async fn connect(
        &self,
        settings: AsyncConnectionConfig,
        limit: Duration,
    ) -> RedisResult<MultiplexedConnection> {
        let settings = limited(settings, limit);
        let next = self.next();
        match &self.way {
            Way::Nodes(_) | Way::Cluster(_) => open(next.clone(), &settings).await,
            Way::Sentinels { service, .. } => {
                let address = within(limit, primary(next, service)).await?;
                within(limit, open_primary(moved(next, address), &settings)).await
            }
        }
    }

    /// A connection to this node of the cluster, with the login and the TLS of the URL; limits as for
    /// [`Servers::connect`].
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn connect_to(
        &self,
        node: &Node,
        settings: AsyncConnectionConfig,
        limit: Duration,
    ) -> RedisResult<MultiplexedConnection> {
        let info = moved(&self.named()[0], (node.host.clone(), node.port));
        open(info, &limited(settings, limit)).await
    }

    /// A connection to the server that has this key: where slots are followed the primary of its slot, else the next one;
    /// limits as for [`Servers::connect`].
    ///
    /// # Errors
    /// When it cannot be reached, or nobody has the slot.
    pub async fn connect_for(&self, key: &str, limit: Duration) -> RedisResult<MultiplexedConnection> {
        if !self.is_sharded() {
            return self.connect(AsyncConnectionConfig::new(), limit).await;
        }
        let (slots, slot) = (self.slots(limit).await?, slot(key));
        let nobody = || RedisError::from((ErrorKind::Client, "nobody has the slot of the key"));
        let (_, node) = slots.iter().find(|(range, _)| range.contains(&slot)).ok_or_else(nobody)?;
        self.connect_to(node, AsyncConnectionConfig::new(), limit).await
    }

    /// The primaries of all slots that have one, as the next server of the URL knows them: within `limit`.
    ///
    /// # Errors
    /// When that one server cannot be reached, or is none of a cluster.
    pub async fn slots(&self, limit: Duration) -> RedisResult<Vec<(RangeInclusive<u16>, Node)>> {
        let next = self.next();
        let asking = async {
            let mut connection = open(next.clone(), &AsyncConnectionConfig::new()).await?;
            let answer: Vec<Value> = cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await?;
            read_slots(&answer, host(next.addr()))
        };
        within(limit, asking).await
    }

    /// A connection through any server: each is tried once, beginning with the next.
    ///
    /// # Errors
    /// That of the last one.
    pub async fn connect_any(&self, limit: Duration) -> RedisResult<MultiplexedConnection> {
        let mut result = self.connect(AsyncConnectionConfig::new(), limit).await;
        for _ in 1..self.count() {
            if result.is_ok() {
                break;
            }
            result = self.connect(AsyncConnectionConfig::new(), limit).await;
        }
        result
    }

    fn count(&self) -> usize {
        self.named().len()
    }

    /// The servers that the URL names.
    fn named(&self) -> &[ConnectionInfo] {
        match &self.way {
            Way::Nodes(servers) | Way::Cluster(servers) | Way::Sentinels { sentinels: servers, .. } => {
                servers
            }
        }
    }

    fn next(&self) -> &ConnectionInfo {
        let named = self.named();
        &named[self.turn.fetch_add(1, Ordering::Relaxed) % named.len()]
    }
}

fn limited(settings: AsyncConnectionConfig, limit: Duration) -> AsyncConnectionConfig {
    settings.set_connection_timeout(Some(limit)).set_response_timeout(Some(limit))
}

/// What sentinels allow in a name.
fn is_service(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

fn info(url: &str, ca: Option<&[u8]>) -> Result<ConnectionInfo, BadUrl> {
    let info = url.into_connection_info().map_err(|_| BadUrl::Url)?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let info = info.set_redis_settings(settings).set_tcp_settings(TcpSettings::default().set_nodelay(true));
    // A scheme that this build does not speak is found out here, and a root for one that has no use for it.
    let client = match ca {
        None => Client::open(info),
        Some(ca) => {
            Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(ca.to_vec()) })
        }
    };
    Ok(client.map_err(|_| BadUrl::Url)?.get_connection_info().clone())
}

/// The login and the TLS of one server for the address of another one of the same group.
fn moved(known: &ConnectionInfo, (host, port): (String, u16)) -> ConnectionInfo {
    let address = match known.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    known.clone().set_addr(address)
}

fn host(address: &ConnectionAddr) -> &str {
    match address {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
        _ => "localhost",
    }
}

async fn open(info: ConnectionInfo, settings: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
    Client::open(info)?.get_multiplexed_async_connection_with_config(settings).await
}

/// Whoever was a primary may be a replica now, and sentinels may learn of it late.
async fn open_primary(
    info: ConnectionInfo,
    settings: &AsyncConnectionConfig,
) -> RedisResult<MultiplexedConnection> {
    let mut connection = open(info, settings).await?;
    let role: Vec<Value> = cmd("ROLE").query_async(&mut connection).await?;
    match role.first() {
        Some(Value::BulkString(role)) if role == b"master" => Ok(connection),
        _ => Err((ErrorKind::MasterNameNotFoundBySentinel, "the server is no primary any more").into()),
    }
}

/// Asks a sentinel. The password is shown only to one that wants it: one that wants none refuses it.
async fn primary(sentinel: &ConnectionInfo, service: &str) -> RedisResult<(String, u16)> {
    let plain = sentinel.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
    let nobody = sentinel.clone().set_redis_settings(RedisConnectionInfo::default());
    match ask(nobody, service).await {
        Err(error) if error.code() == Some("NOAUTH") => {
            ask(sentinel.clone().set_redis_settings(plain), service).await
        }
        answer => answer,
    }
}

async fn ask(sentinel: ConnectionInfo, service: &str) -> RedisResult<(String, u16)> {
    let mut connection = open(sentinel, &AsyncConnectionConfig::new()).await?;
    let mut question = cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(service);
    let answer: Option<(String, u16)> = question.query_async(&mut connection).await?;
    let unknown = || (ErrorKind::MasterNameNotFoundBySentinel, "the sentinel knows no such service").into();
    answer.ok_or_else(unknown)
}

async fn within<T>(limit: Duration, work: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

#[cfg(test)]
mod tests;
