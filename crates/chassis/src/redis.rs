//! Ways to a Redis: one server, the nodes of a Redis Cluster, or the primary that sentinels name.
//!
//! It makes connections, one server after the other. It knows nothing of what is said over them, nor when a caller has
//! had enough of one.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo as _,
    ProtocolVersion, RedisConnectionInfo, RedisResult, Value, cmd,
};
use tokio::time::timeout;

/// The scheme that asks sentinels.
const SENTINELS: &str = "redis+sentinel";

/// The URL cannot be used. Its text is not repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("the Redis URL cannot be used")]
pub struct BadUrl;

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
    /// Each tells where the primary of the service is.
    Sentinels { sentinels: Vec<ConnectionInfo>, service: String },
}

impl Servers {
    /// Reads `redis://[:password@]host:port`, with several `host:port,…` the nodes of one Redis Cluster, or
    /// `redis+sentinel://[:password@]host:port,…/service`, the sentinels that know a service's primary. The password is
    /// that of the Redis servers, and of the sentinels if these want one. Nothing is connected yet.
    ///
    /// # Errors
    /// [`BadUrl`].
    pub fn parse(url: &str) -> Result<Self, BadUrl> {
        let (scheme, rest) = url.split_once("://").ok_or(BadUrl)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (login, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        let way = if scheme == SENTINELS {
            let service = path.strip_prefix('/').filter(|name| is_service(name)).ok_or(BadUrl)?;
            if !hosts.split(',').all(has_port) {
                return Err(BadUrl);
            }
            let sentinels = hosts.split(',').map(|host| info(&format!("redis://{login}{host}")));
            Way::Sentinels { sentinels: sentinels.collect::<Result<_, _>>()?, service: service.to_owned() }
        } else {
            let nodes = hosts.split(',').map(|host| info(&format!("{scheme}://{login}{host}{path}")));
            Way::Nodes(nodes.collect::<Result<_, _>>()?)
        };
        let anywhere = RandomState::new().build_hasher().finish() % 1_024;
        Ok(Self { way, turn: AtomicUsize::new(usize::try_from(anywhere).unwrap_or_default()) })
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
        let settings = settings.set_connection_timeout(Some(limit)).set_response_timeout(Some(limit));
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        match &self.way {
            Way::Nodes(nodes) => open(nodes[turn % nodes.len()].clone(), &settings).await,
            Way::Sentinels { sentinels, service } => {
                let sentinel = &sentinels[turn % sentinels.len()];
                let address = within(limit, primary(sentinel, service)).await?;
                within(limit, open_primary(sentinel.clone().set_addr(address), &settings)).await
            }
        }
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
        match &self.way {
            Way::Nodes(servers) | Way::Sentinels { sentinels: servers, .. } => servers.len(),
        }
    }
}

/// What sentinels allow in a name.
fn is_service(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

/// Without one, a sentinel would be looked for on the port of Redis.
fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

fn info(url: &str) -> Result<ConnectionInfo, BadUrl> {
    let info = url.into_connection_info().map_err(|_| BadUrl)?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let info = info.set_redis_settings(settings).set_tcp_settings(TcpSettings::default().set_nodelay(true));
    // A scheme that this build does not speak is found out here.
    Client::open(info.clone()).map_err(|_| BadUrl)?;
    Ok(info)
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
async fn primary(sentinel: &ConnectionInfo, service: &str) -> RedisResult<ConnectionAddr> {
    let plain = sentinel.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
    let nobody = sentinel.clone().set_redis_settings(RedisConnectionInfo::default());
    match ask(nobody, service).await {
        Err(error) if error.code() == Some("NOAUTH") => {
            ask(sentinel.clone().set_redis_settings(plain), service).await
        }
        answer => answer,
    }
}

async fn ask(sentinel: ConnectionInfo, service: &str) -> RedisResult<ConnectionAddr> {
    let mut connection = open(sentinel, &AsyncConnectionConfig::new()).await?;
    let mut question = cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(service);
    let answer: Option<(String, u16)> = question.query_async(&mut connection).await?;
    let unknown = || (ErrorKind::MasterNameNotFoundBySentinel, "the sentinel knows no such service").into();
    answer.map(|(host, port)| ConnectionAddr::Tcp(host, port)).ok_or_else(unknown)
}

async fn within<T>(limit: Duration, work: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

#[cfg(test)]
mod tests;
