//! Tens of thousands of sockets, held by processes of their own: a process may have only so many files open, and who
//! measures must not wait for those who hold.
//!
//! The holders are this program again ([`hold`]). They are told what to do, a JSON line each, and tell how it went. They
//! end with their standard input.

mod holder;
mod socket;
mod wire;

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail};
use futures_util::future::try_join_all;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

pub use holder::hold;
pub(crate) use wire::{Dialect, Order, Tally};

use crate::population::Person;
use crate::run::Run;
use wire::{News, Place, Take, from_line, to_line};

/// The word on the command line that makes this program a holder.
const HOLD: &str = "hold";
/// Sockets of one holder at most: below the usual limits of open files.
const SOCKETS_MAX: usize = 10_000;

/// The holders.
pub(crate) struct Squad {
    holders: Vec<Holder>,
    /// Sockets that have done what was ordered last.
    done: Arc<AtomicU64>,
}

struct Holder {
    _child: Child,
    orders: ChildStdin,
    news: Lines<BufReader<ChildStdout>>,
}

impl Squad {
    /// Starts holders of a socket for each of `people`, spread over the gateways in turn; none is open yet. `at_once` of
    /// them will open, or ask, at the same time.
    pub(crate) async fn gather(
        run: &Run<'_>,
        people: &[Person],
        dialect: Dialect,
        at_once: u32,
    ) -> Result<Self> {
        let places = people.iter().enumerate().map(|(index, person)| Place {
            gateway: run.gateway(index).to_owned(),
            token: person.token.expose_secret().to_owned(),
        });
        let shares = shares(places.collect(), SOCKETS_MAX);
        let at_once = at_once.div_ceil(u32::try_from(shares.len())?);
        let takes = shares.into_iter().map(|sockets| Order::Take(Take { dialect, at_once, sockets }));
        let holders = try_join_all(takes.map(Holder::start)).await?;
        Ok(Self { holders, done: Arc::default() })
    }

    /// How many sockets have done what was ordered last, while [`Squad::order`] waits.
    pub(crate) fn done(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.done)
    }

    /// Has every socket do something, and waits until all have.
    pub(crate) async fn order(&mut self, order: &Order) -> Result<Tally> {
        self.done.store(0, Ordering::Relaxed);
        let done = &self.done;
        let tallies = try_join_all(self.holders.iter_mut().map(async |holder| {
            holder.say(order).await?;
            holder.answer(done).await
        }));
        Ok(tallies.await?.into_iter().fold(Tally::default(), Tally::and))
    }
}

impl Holder {
    async fn start(take: Order) -> Result<Self> {
        let program = std::env::current_exe().context("find this program")?;
        let mut command = Command::new(program);
        command.arg(HOLD).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("start a holder of sockets")?;
        let (orders, news) = (child.stdin.take(), child.stdout.take());
        let orders = orders.context("a holder without standard input")?;
        let news = BufReader::new(news.context("a holder without standard output")?).lines();
        let mut holder = Self { _child: child, orders, news };
        holder.say(&take).await?;
        holder.answer(&AtomicU64::new(0)).await?;
        Ok(holder)
    }

    async fn say(&mut self, order: &Order) -> Result<()> {
        self.orders.write_all(to_line(order)?.as_bytes()).await.context("tell a holder of sockets")
    }

    async fn answer(&mut self, done: &AtomicU64) -> Result<Tally> {
        loop {
            let Some(line) = self.news.next_line().await? else { bail!("a holder of sockets has ended") };
            match from_line(&line)? {
                News::Progress(more) => done.fetch_add(more, Ordering::Relaxed),
                News::Done(told) => return Ok(told.into()),
            };
        }
    }
}

/// As few shares of at most `most` as there can be, all about as big.
fn shares<T>(all: Vec<T>, most: usize) -> Vec<Vec<T>> {
    let count = all.len().div_ceil(most).max(1);
    let mut shares: Vec<Vec<T>> = (0..count).map(|_| Vec::new()).collect();
    all.into_iter().enumerate().for_each(|(index, one)| shares[index % count].push(one));
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_shared_out_evenly() {
        let sizes =
            |count: u32, most| shares((0..count).collect(), most).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(20_000, 10_000), [10_000, 10_000]);
        assert_eq!(sizes(20_001, 10_000), [6_667, 6_667, 6_667]);
        assert_eq!(sizes(3, 10_000), [3]);
        let mut all: Vec<u32> = shares((0..7).collect(), 3).concat();
        all.sort_unstable();
        assert_eq!(all, (0..7).collect::<Vec<_>>());
    }
}
