//! What breaks the system: one fault after the other, each written into the history with its beginning and its end.
//!
//! It acts from outside, as fate does: signals, the network between the parts, the servers' own commands.

mod network;
mod processes;
mod servers;

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use messenger_support::Cluster;
use tokio::time::{Instant, sleep};

use crate::history::{Event, Writer};
use crate::stack::GATEWAYS;

/// How long a fault of the random mix lasts, in milliseconds.
const LASTING: std::ops::Range<u64> = 500..6_000;
/// Quiet between two of them, in milliseconds.
const QUIET: std::ops::Range<u64> = 1_000..5_000;

/// What can happen. A gateway that is not named is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A gateway is killed, and is back after a while.
    KillGateway,
    /// All gateways are restarted in order, one after the other.
    RollGateways,
    /// A gateway stands still, its connections open.
    FreezeGateway,
    /// A gateway goes on committing while nothing that it publishes arrives, and is killed: what it acknowledged was
    /// never rung.
    MuteAndKillGateway,
    /// PostgreSQL ends as by a power cut and is started again at once.
    CrashPostgres,
    /// All connections of the gateways to PostgreSQL are ended by an administrator, each second.
    KillBackends,
    /// PostgreSQL stands still, its connections open.
    FreezePostgres,
    /// Somebody holds the lock of the busiest conversation.
    LockConversation,
    /// Somebody has a writing transaction open: the sweeps stand.
    LongTransaction,
    /// Redis is killed, and is back after a while, empty.
    KillRedis,
    /// Redis stands still, its connections open.
    FreezeRedis,
    /// All subscribers are cut off by Redis, each second.
    CutSubscribers,
    /// The connections of a gateway to Redis are half open: nothing arrives, nothing ends.
    HalfOpenRedis,
    /// Redis' messages to all gateways are lost and swapped.
    LossyBus,
    /// Redis and PostgreSQL both die.
    KillRedisAndPostgres,
    /// Accounts is killed, and is back after a while.
    KillAccounts,
    /// Accounts answers five seconds late.
    SlowAccounts,
    /// A gateway is cut off from everything but its clients.
    IsolateGateway,
    /// The clients of a gateway lose their connections, each second.
    FlapClients,
    /// All clients lose their connections at once.
    Storm,
    /// The clients of a gateway are half open.
    HalfOpenClients,
    /// The clients of a gateway have a slow, torn link.
    SlowClients,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::KillGateway,
        Self::RollGateways,
        Self::FreezeGateway,
        Self::MuteAndKillGateway,
        Self::CrashPostgres,
        Self::KillBackends,
        Self::FreezePostgres,
        Self::LockConversation,
        Self::LongTransaction,
        Self::KillRedis,
        Self::FreezeRedis,
        Self::CutSubscribers,
        Self::HalfOpenRedis,
        Self::LossyBus,
        Self::KillRedisAndPostgres,
        Self::KillAccounts,
        Self::SlowAccounts,
        Self::IsolateGateway,
        Self::FlapClients,
        Self::Storm,
        Self::HalfOpenClients,
        Self::SlowClients,
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::KillGateway => "kill a gateway",
            Self::RollGateways => "roll the gateways",
            Self::FreezeGateway => "freeze a gateway",
            Self::MuteAndKillGateway => "mute and kill a gateway",
            Self::CrashPostgres => "crash PostgreSQL",
            Self::KillBackends => "kill the backends",
            Self::FreezePostgres => "freeze PostgreSQL",
            Self::LockConversation => "lock a conversation",
            Self::LongTransaction => "long transaction",
            Self::KillRedis => "kill Redis",
            Self::FreezeRedis => "freeze Redis",
            Self::CutSubscribers => "cut the subscribers",
            Self::HalfOpenRedis => "half-open Redis",
            Self::LossyBus => "lossy bus",
            Self::KillRedisAndPostgres => "kill Redis and PostgreSQL",
            Self::KillAccounts => "kill accounts",
            Self::SlowAccounts => "slow accounts",
            Self::IsolateGateway => "isolate a gateway",
            Self::FlapClients => "flap the clients",
            Self::Storm => "storm of clients",
            Self::HalfOpenClients => "half-open clients",
            Self::SlowClients => "slow clients",
        })
    }
}

/// The one who strikes.
#[derive(Debug)]
pub struct Nemesis {
    cluster: Cluster,
    writer: Writer,
    rng: fastrand::Rng,
}

impl Nemesis {
    pub(crate) fn new(cluster: Cluster, writer: Writer, seed: u64) -> Self {
        Self { cluster, writer, rng: fastrand::Rng::with_seed(seed) }
    }

    /// The system.
    pub fn cluster(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    /// Lets a fault last for a time and heals it.
    ///
    /// # Errors
    /// When it cannot be inflicted or healed.
    pub async fn strike(&mut self, fault: Fault, lasting: Duration) -> Result<()> {
        self.as_fault(&fault.to_string(), async |nemesis| nemesis.inflict(fault, lasting).await).await
    }

    /// Whatever `inflict` does is a fault of this name, from its beginning to its end.
    ///
    /// # Errors
    /// As `inflict`.
    pub async fn as_fault(
        &mut self,
        name: &str,
        inflict: impl AsyncFnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.writer.add(Event::Fault { name: name.to_owned() }).await;
        inflict(self).await.with_context(|| name.to_owned())?;
        self.writer.add(Event::Heal { name: name.to_owned() }).await;
        Ok(())
    }

    /// One fault of `faults` after the other until the time is over; how often each was drawn. They are drawn as from a
    /// pack of cards, so that each gets its turn, their lengths at random.
    ///
    /// # Errors
    /// As [`Nemesis::strike`].
    pub async fn mix(&mut self, faults: &[Fault], until: Instant) -> Result<Vec<(Fault, u32)>> {
        let mut drawn: Vec<_> = faults.iter().map(|fault| (*fault, 0)).collect();
        let mut pack = Vec::new();
        while Instant::now() < until {
            if pack.is_empty() {
                pack.extend(0..drawn.len());
                self.rng.shuffle(&mut pack);
            }
            let Some((fault, count)) = pack.pop().map(|card| &mut drawn[card]) else { break };
            *count += 1;
            let lasting = Duration::from_millis(self.rng.u64(LASTING));
            self.strike(*fault, lasting).await?;
            sleep(Duration::from_millis(self.rng.u64(QUIET))).await;
        }
        Ok(drawn)
    }

    async fn inflict(&mut self, fault: Fault, lasting: Duration) -> Result<()> {
        let one = self.rng.usize(..GATEWAYS);
        match fault {
            Fault::KillGateway => self.kill_gateway(one, lasting).await,
            Fault::RollGateways => self.roll_gateways().await?,
            Fault::FreezeGateway => self.freeze_gateway(one, lasting).await,
            Fault::MuteAndKillGateway => self.mute_and_kill_gateway(one, lasting).await,
            Fault::CrashPostgres => self.crash_postgres()?,
            Fault::KillBackends => self.kill_backends(lasting).await?,
            Fault::FreezePostgres => self.freeze_postgres(lasting).await?,
            Fault::LockConversation => self.lock_conversation(lasting).await?,
            Fault::LongTransaction => self.long_transaction(lasting).await?,
            Fault::KillRedis => self.kill_redis(lasting).await?,
            Fault::FreezeRedis => self.freeze_redis(lasting).await?,
            Fault::CutSubscribers => self.cut_subscribers(lasting).await?,
            Fault::KillRedisAndPostgres => self.kill_redis_and_postgres(lasting).await?,
            Fault::KillAccounts => self.kill_accounts(lasting).await,
            Fault::HalfOpenRedis => self.half_open_redis(one, lasting).await,
            Fault::LossyBus => self.lossy_bus(lasting).await,
            Fault::SlowAccounts => self.slow_accounts(lasting).await,
            Fault::IsolateGateway => self.isolate_gateway(one, lasting).await,
            Fault::FlapClients => self.flap_clients(one, lasting).await,
            Fault::Storm => self.storm(),
            Fault::HalfOpenClients => self.half_open_clients(one, lasting).await,
            Fault::SlowClients => self.slow_clients(one, lasting).await,
        }
        Ok(())
    }
}
