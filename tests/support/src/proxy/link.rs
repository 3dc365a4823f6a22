//! One connection through the proxy: two directions, each read, kept for its time and written.

use std::io;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use fastrand::Rng;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::Shared;
use super::faults::{Cut, Direction, Faults, State};
use super::resp::Bus;

/// Bytes of one read.
const READ: usize = 16 * 1024;
/// Reads that may wait to be written; past them nothing is read, and the sender feels it.
const WAITING: usize = 64;
/// A limited rate is kept in slices of this many a second.
const SLICES: u32 = 20;

/// Runs until both sides have closed, one breaks, or the proxy cuts it.
pub(super) async fn run(mut client: TcpStream, mut server: TcpStream, shared: &Shared, seed: u64) {
    let reset = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let up = Way::new(Direction::ToServer, shared, seed).run(from_client, to_server);
        let down = Way::new(Direction::ToClient, shared, !seed).run(from_server, to_client);
        tokio::select! {
            broken = async { tokio::try_join!(up, down) } => broken.is_err(),
            reset = cut(shared.state.clone()) => reset,
        }
    };
    if reset {
        // Failing means that it is closed already.
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

/// Waits for the proxy's word; whether it is a reset.
async fn cut(mut state: watch::Receiver<State>) -> bool {
    let before = state.borrow_and_update().cut;
    // It fails when the proxy is gone, whose end is ours.
    let told = state.wait_for(|state| state.cut != before).await;
    told.is_ok_and(|state| matches!(state.cut, Some(Cut::Reset(_))))
}

/// One direction of one connection.
struct Way {
    direction: Direction,
    state: watch::Receiver<State>,
    rng: Rng,
    bus: Option<Bus>,
}

/// Bytes, and when they may be written.
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
}

impl Way {
    fn new(direction: Direction, shared: &Shared, seed: u64) -> Self {
        let bus = shared.redis && direction == Direction::ToClient;
        Self {
            direction,
            state: shared.state.clone(),
            rng: Rng::with_seed(seed),
            bus: bus.then(|| Bus::new(seed)),
        }
    }

    /// # Errors
    /// When the connection is to be reset.
    async fn run(self, from: impl AsyncRead + Unpin, to: impl AsyncWrite + Unpin) -> io::Result<()> {
        let (sender, pieces) = mpsc::channel(WAITING);
        let (direction, state) = (self.direction, self.state.clone());
        tokio::try_join!(self.read(from, sender), write(pieces, to, direction, state)).map(drop)
    }

    async fn read(mut self, mut from: impl AsyncRead + Unpin, pieces: mpsc::Sender<Piece>) -> io::Result<()> {
        let mut buffer = vec![0; READ];
        let mut due = Instant::now();
        loop {
            let read = from.read(&mut buffer).await;
            let faults = self.state.borrow().faults(self.direction).clone();
            if faults.swallow {
                return self.lose(from, buffer).await;
            }
            let length = read?;
            if length == 0 {
                return Ok(());
            }
            let bytes = match &mut self.bus {
                Some(bus) => bus.pass(&buffer[..length], faults.pushes)?,
                None => buffer[..length].to_owned(),
            };
            due = due.max(Instant::now() + self.delay(&faults));
            if !bytes.is_empty() && pieces.send(Piece { due, bytes }).await.is_err() {
                return Ok(());
            }
        }
    }

    fn delay(&mut self, faults: &Faults) -> Duration {
        faults.delay + faults.jitter.mul_f64(self.rng.f64())
    }

    /// Swallows what comes, the end too, until all is healed; then the connection is of no use any more.
    async fn lose(mut self, mut from: impl AsyncRead + Unpin, mut buffer: Vec<u8>) -> io::Result<()> {
        let heals = self.state.borrow().heals;
        let healed = self.state.wait_for(|state| state.heals != heals);
        let swallow = async {
            while from.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = healed => Err(io::ErrorKind::ConnectionReset.into()),
            () = swallow => Ok(()),
        }
    }
}

async fn write(
    mut pieces: mpsc::Receiver<Piece>,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    while let Some(Piece { due, bytes }) = pieces.recv().await {
        sleep_until(due).await;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (piece, rate) = limits(&mut state, direction).await;
            let length = piece.min(rest.len());
            to.write_all(&rest[..length]).await?;
            rest = &rest[length..];
            if let Some(rate) = rate {
                let bytes = u32::try_from(length).unwrap_or(u32::MAX);
                tokio::time::sleep(Duration::from_secs(1) * bytes / rate.get()).await;
            }
        }
    }
    limits(&mut state, direction).await;
    to.shutdown().await
}

/// Bytes of the next write and the rate, once nothing holds it.
async fn limits(state: &mut watch::Receiver<State>, direction: Direction) -> (usize, Option<NonZeroU32>) {
    // It fails when the proxy is gone, whose end is ours.
    let Ok(state) = state.wait_for(|state| !state.faults(direction).hold).await else {
        return std::future::pending().await;
    };
    let faults = state.faults(direction);
    let slice = |rate: NonZeroU32| usize::try_from(rate.get().div_ceil(SLICES)).unwrap_or(READ);
    let piece = faults.piece.map_or(READ, NonZeroUsize::get);
    (piece.min(faults.rate.map_or(READ, slice)), faults.rate)
}
