//! A TCP proxy that misbehaves on demand: the network between two parts of the system, in the test's hand.
//!
//! It stands on loopback between a client and one server. What it does to the bytes is set at run time, for each
//! direction: delay, hold, swallow, small writes, a rate, lost and swapped Redis pushes. It knows nothing of what the
//! bytes mean, but for the bounds of Redis' messages in [`Proxy::redis`].

mod faults;
mod link;
mod resp;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use faults::{Cut, State};
pub use faults::{Direction, Faults, Lossy};

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 16_384;
/// How long the server may take to accept.
const CONNECT: Duration = Duration::from_secs(5);

/// A running proxy. Dropping it cuts its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    open: Arc<AtomicUsize>,
    tasks: JoinSet<()>,
}

/// What one proxy's connections share.
#[derive(Debug, Clone)]
struct Shared {
    server: SocketAddr,
    state: watch::Receiver<State>,
    open: Arc<AtomicUsize>,
    /// Whether the server's bytes are Redis' protocol.
    redis: bool,
    seed: u64,
}

impl Proxy {
    /// Listens on a free port and passes everything on to `server` (`host:port`).
    ///
    /// # Errors
    /// When there is no port, or `server` is no address.
    pub async fn start(server: &str) -> Result<Self> {
        Self::launch(server, false, 0).await
    }

    /// One in front of a Redis, which can lose and swap its pushes; `seed` decides which.
    ///
    /// # Errors
    /// As [`Proxy::start`].
    pub async fn redis(server: &str, seed: u64) -> Result<Self> {
        Self::launch(server, true, seed).await
    }

    async fn launch(server: &str, redis: bool, seed: u64) -> Result<Self> {
        let server = server.parse().with_context(|| format!("{server} is no address"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen for the proxy")?;
        let address = listener.local_addr()?;
        let (state, changes) = watch::channel(State::default());
        let open = Arc::new(AtomicUsize::new(0));
        let shared = Shared { server, state: changes, open: Arc::clone(&open), redis, seed };
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, shared));
        Ok(Self { address, state, open, tasks })
    }

    /// Where clients connect: `127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Connections that are open now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// What happens from now on to the bytes of one direction, on open connections too.
    pub fn set(&self, direction: Direction, faults: Faults) {
        self.state.send_modify(|state| *state.faults_mut(direction) = faults);
    }

    /// The same for both directions.
    pub fn set_both(&self, faults: &Faults) {
        self.set(Direction::ToServer, faults.clone());
        self.set(Direction::ToClient, faults.clone());
    }

    /// Whether new connections are closed with a reset as soon as they come.
    pub fn refuse(&self, refuse: bool) {
        self.state.send_modify(|state| state.refuse = refuse);
    }

    /// Closes all open connections in order (FIN).
    pub fn close_all(&self) {
        self.state.send_modify(|state| state.cut = Some(Cut::Close(state.next_cut())));
    }

    /// Cuts all open connections with a reset (RST).
    pub fn reset_all(&self) {
        self.state.send_modify(|state| state.cut = Some(Cut::Reset(state.next_cut())));
    }

    /// Ends all faults. Connections that have lost bytes are reset: nobody may read on behind the hole.
    pub fn heal(&self) {
        self.state.send_modify(|state| {
            let heals = state.heals + 1;
            *state = State { cut: state.cut, heals, ..State::default() };
        });
    }

    /// Cuts everything and waits until all tasks have ended.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Owns the connections: they end with it.
async fn accept(listener: TcpListener, shared: Shared) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut links = JoinSet::new();
    let mut number = 0;
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        while links.try_join_next().is_some() {}
        // An accept fails for one connection, or for want of descriptors: the next may do better.
        let Ok((client, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        if shared.state.borrow().refuse {
            // What is dropped with a linger of zero is reset.
            let _ = client.set_zero_linger();
            continue;
        }
        number += 1;
        let (shared, number) = (shared.clone(), number);
        links.spawn(async move {
            serve(client, &shared, number).await;
            drop(permit);
        });
    }
}

async fn serve(client: TcpStream, shared: &Shared, number: u64) {
    let Ok(Ok(server)) = timeout(CONNECT, TcpStream::connect(shared.server)).await else {
        let _ = client.set_zero_linger();
        return;
    };
    // Small writes are to stay small.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    shared.open.fetch_add(1, Ordering::Relaxed);
    let _open = Open(&shared.open);
    link::run(client, server, shared, shared.seed.wrapping_add(number)).await;
}

/// A connection that is counted while this lives.
struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
