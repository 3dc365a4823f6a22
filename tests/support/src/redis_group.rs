//! Several Redis servers that stand in for each other: a primary and a replica under sentinels, or a Redis Cluster.
//!
//! It starts them and gives their administrator's commands. Whoever uses them is told a URL and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use messenger_backing::{Redis, RedisOptions, RedisServer, free_ports};
use redis::{Client, FromRedisValue};

use crate::dice::Dice;
use crate::links::host_of;
use crate::servers::{place, quiet};
use crate::service::PATIENCE;

/// Name under which the sentinels know the primary.
const SERVICE: &str = "main";
/// Servers of a cluster, and sentinels: the fewest of which one may be missing.
const NODES: usize = 3;
/// The first slot of each node of a cluster, and where the last one's end.
const SLOTS: [usize; NODES + 1] = [0, 5_461, 10_922, 16_384];
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How often a state is looked at that nobody tells of.
const LOOK: Duration = Duration::from_millis(20);

/// A running group. Dropping it stops all of it.
#[derive(Debug)]
pub struct RedisGroup {
    url: String,
    nodes: Vec<Redis>,
    sentinels: Vec<Redis>,
}

impl RedisGroup {
    /// A primary, which is node 0, a replica, and three sentinels that take a server for dead after a second.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn with_sentinels() -> Self {
        start_sentinels().unwrap_or_else(|error| panic!("a Redis with sentinels: {error:#}"))
    }

    /// A Redis Cluster of three nodes without replicas, which share the slots.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn cluster() -> Self {
        start_cluster(0).unwrap_or_else(|error| panic!("a Redis Cluster: {error:#}"))
    }

    /// The same with a replica of node 0, which takes its place when it dies.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn cluster_with_replica() -> Self {
        start_cluster(1).unwrap_or_else(|error| panic!("a Redis Cluster with a replica: {error:#}"))
    }

    /// URL of all of it, for the services.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// URL of a cluster whose slots the services are to follow.
    #[must_use]
    pub fn sharded_url(&self) -> String {
        self.url.replacen("redis://", "redis+cluster://", 1)
    }

    /// A node's process.
    pub fn node(&mut self, index: usize) -> &mut RedisServer {
        server(&mut self.nodes[index])
    }

    /// The node with the most clients of this type, `pubsub` for those that listen and `normal` for the others.
    ///
    /// # Errors
    /// When a node does not answer.
    pub fn busiest(&self, kind: &str) -> Result<usize> {
        let counts: Vec<_> =
            (0..self.nodes.len()).map(|index| self.clients(index, kind)).collect::<Result<_>>()?;
        (0..counts.len()).max_by_key(|index| counts[*index]).context("a group without nodes")
    }

    /// How many clients of this type node `index` has. Sentinels are clients too, and who asks is a normal one.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn clients(&self, index: usize, kind: &str) -> Result<usize> {
        Ok(ask::<String>(&self.nodes[index], &format!("CLIENT LIST TYPE {kind}"))?.lines().count())
    }

    /// Has the sentinels make the replica the primary, which takes them a second or so.
    ///
    /// # Errors
    /// When they refuse.
    pub fn fail_over(&self) -> Result<()> {
        ask(&self.sentinels[0], &format!("SENTINEL FAILOVER {SERVICE}"))
    }

    /// Whether every sentinel says that node `index` is the primary.
    ///
    /// # Errors
    /// When one does not answer.
    pub fn is_primary(&self, index: usize) -> Result<bool> {
        let wanted = self.nodes[index].url();
        for sentinel in &self.sentinels {
            let question = format!("SENTINEL GET-MASTER-ADDR-BY-NAME {SERVICE}");
            let (host, port): (String, u16) = ask(sentinel, &question)?;
            if format!("{host}:{port}") != host_of(&wanted)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether node `index` follows another one.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn is_replica(&self, index: usize) -> Result<bool> {
        Ok(ask::<String>(&self.nodes[index], "INFO replication")?.contains("role:slave"))
    }

    /// The slots in which node `index` has subscribers.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn shard_slots(&self, index: usize) -> Result<BTreeSet<usize>> {
        let channels: Vec<String> = ask(&self.nodes[index], "PUBSUB SHARDCHANNELS")?;
        channels
            .iter()
            .map(|channel| ask(&self.nodes[index], &format!("CLUSTER KEYSLOT {channel}")))
            .collect()
    }

    /// All sharded channels with the number of their subscribers, over all nodes.
    ///
    /// # Errors
    /// When a node does not answer.
    pub fn shard_subscribers(&self) -> Result<BTreeMap<String, u64>> {
        let mut all = BTreeMap::new();
        for node in &self.nodes {
            let channels: Vec<String> = ask(node, "PUBSUB SHARDCHANNELS")?;
            let counts: Vec<(String, u64)> =
                ask(node, &format!("PUBSUB SHARDNUMSUB {}", channels.join(" ")))?;
            for (channel, count) in counts {
                *all.entry(channel).or_default() += count;
            }
        }
        Ok(all)
    }

    /// How often node `index` was given this command.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn calls(&self, index: usize, command: &str) -> Result<u64> {
        let counts: String = ask(&self.nodes[index], "INFO commandstats")?;
        let of = format!("cmdstat_{command}:calls=");
        let count = counts.lines().find_map(|line| line.strip_prefix(&of)?.split(',').next()?.parse().ok());
        Ok(count.unwrap_or_default())
    }

    /// Gives an empty slot of node `from` to node `to`, as a resharding does.
    ///
    /// # Errors
    /// When a node does not answer or refuses.
    pub fn move_slot(&self, slot: usize, from: usize, to: usize) -> Result<()> {
        let id = |node: usize| ask::<String>(&self.nodes[node], "CLUSTER MYID");
        let (giver, taker) = (id(from)?, id(to)?);
        let set = |node: usize, state: &str| {
            ask::<()>(&self.nodes[node], &format!("CLUSTER SETSLOT {slot} {state}"))
        };
        set(to, &format!("IMPORTING {giver}"))?;
        set(from, &format!("MIGRATING {taker}"))?;
        // The new owner first: so it gets an epoch that is above the old one's.
        let others = (0..NODES).filter(|node| ![from, to].contains(node));
        [to, from].into_iter().chain(others).try_for_each(|node| set(node, &format!("NODE {taker}")))
    }

    /// Takes node `index` out of the cluster: it serves its clients and hears nothing of the others.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn expel(&self, index: usize) -> Result<()> {
        ask(&self.nodes[index], "CLUSTER RESET HARD")
    }
}

fn start_sentinels() -> Result<RedisGroup> {
    let password = password();
    // Each node may have to follow the other one.
    let secret = format!("masterauth {password}");
    let primary = start(&password, false, std::slice::from_ref(&secret))?;
    let (host, port) = address(&primary)?;
    let replica = start(&password, false, &[secret, format!("replicaof {host} {port}")])?;
    let watch = [
        format!("sentinel monitor {SERVICE} {host} {port} 2"),
        format!("sentinel auth-pass {SERVICE} {password}"),
        format!("sentinel sentinel-pass {password}"),
        format!("sentinel down-after-milliseconds {SERVICE} 1000"),
        format!("sentinel failover-timeout {SERVICE} 5000"),
    ];
    let sentinels: Vec<_> = (0..NODES).map(|_| start(&password, true, &watch)).collect::<Result<_>>()?;
    for sentinel in &sentinels {
        // They find each other, and a primary that should be a replica, in a second or two instead of twenty.
        ask::<()>(sentinel, "SENTINEL DEBUG INFO-PERIOD 1000 PUBLISH-PERIOD 500")?;
    }
    for sentinel in &sentinels {
        eventually("a sentinel knows the others and the replica", || {
            let known: Vec<String> = ask(sentinel, &format!("SENTINEL MASTER {SERVICE}"))?;
            let is = |key, value| known.chunks(2).any(|pair| pair == [key, value]);
            Ok(is("num-slaves", "1") && is("num-other-sentinels", "2") && is("flags", "master"))
        })?;
    }
    eventually("the replica follows", || {
        Ok(ask::<String>(&replica, "INFO replication")?.contains("master_link_status:up"))
    })?;
    let url = format!("redis+sentinel://:{password}@{}/{SERVICE}", hosts(&sentinels)?);
    Ok(RedisGroup { url, nodes: vec![primary, replica], sentinels })
}

fn start_cluster(replicas: usize) -> Result<RedisGroup> {
    let password = password();
    let buses = free_ports(Dice::any_seed(), NODES + replicas)?;
    let mut nodes = Vec::new();
    for bus in &buses {
        let (bus, secret) = (format!("cluster-port {bus}"), format!("masterauth {password}"));
        let settings = ["cluster-enabled yes", "cluster-node-timeout 2000", &bus, &secret];
        let node = start(&password, false, &settings.map(str::to_owned))?;
        // An earlier run may have left its cluster in this place.
        ask::<()>(&node, "CLUSTER RESET HARD")?;
        nodes.push(node);
    }
    for (node, slots) in nodes.iter().zip(SLOTS.windows(2)) {
        ask::<()>(node, &format!("CLUSTER ADDSLOTSRANGE {} {}", slots[0], slots[1] - 1))?;
    }
    for (node, bus) in nodes.iter().zip(&buses) {
        let (host, port) = address(node)?;
        ask::<()>(&nodes[0], &format!("CLUSTER MEET {host} {port} {bus}"))?;
    }
    for node in &nodes {
        eventually("a node knows the others and all slots", || {
            let state: String = ask(node, "CLUSTER INFO")?;
            let known = format!("cluster_known_nodes:{}\r", nodes.len());
            Ok(state.contains("cluster_state:ok") && state.contains(&known))
        })?;
    }
    for replica in &nodes[NODES..] {
        let primary: String = ask(&nodes[0], "CLUSTER MYID")?;
        ask::<()>(replica, &format!("CLUSTER REPLICATE {primary}"))?;
        eventually("the replica follows", || {
            Ok(ask::<String>(replica, "INFO replication")?.contains("master_link_status:up"))
        })?;
    }
    let url = format!("redis://:{password}@{}", hosts(&nodes)?);
    Ok(RedisGroup { url, nodes, sentinels: Vec::new() })
}

fn start(password: &str, sentinel: bool, settings: &[String]) -> Result<Redis> {
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    let (place, password) = (place()?, Some(password.to_owned()));
    let options = RedisOptions { settings: &settings, password, sentinel, ..RedisOptions::new(&place) };
    Redis::start(options, &quiet)
}

fn password() -> String {
    format!("{:016x}{:016x}", Dice::any_seed(), Dice::any_seed())
}

fn server(redis: &mut Redis) -> &mut RedisServer {
    redis.server().unwrap_or_else(|| panic!("a group's server is our own"))
}

fn address(redis: &Redis) -> Result<(String, String)> {
    let url = redis.url();
    let (host, port) = host_of(&url)?.split_once(':').context("no port in a URL")?;
    Ok((host.to_owned(), port.to_owned()))
}

fn hosts(servers: &[Redis]) -> Result<String> {
    let all: Vec<_> =
        servers.iter().map(|server| Ok(host_of(&server.url())?.to_owned())).collect::<Result<_>>()?;
    Ok(all.join(","))
}

/// Gives a server one command.
fn ask<T: FromRedisValue>(server: &Redis, command: &str) -> Result<T> {
    let mut connection = Client::open(server.url())?.get_connection_with_timeout(ANSWER)?;
    connection.set_read_timeout(Some(ANSWER))?;
    let mut words = command.split(' ');
    let mut asked = redis::cmd(words.next().unwrap_or_default());
    for word in words {
        asked.arg(word);
    }
    asked.query(&mut connection).with_context(|| command.to_owned())
}

fn eventually(what: &str, mut is: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !is()? {
        if Instant::now() >= deadline {
            bail!("not in time: {what}");
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}
