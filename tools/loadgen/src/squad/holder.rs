//! A process that holds sockets and does with them as it is told.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::socket::{Done, Socket, Step};
use super::wire::{News, Order, Take, Tally, from_line, to_line};

/// How often progress is told.
const PROGRESS: Duration = Duration::from_millis(50);
/// Sockets whose word may wait to be heard.
const WORDS: usize = 1024;

/// Does what the lines of `orders` say until they end, and writes how it went.
///
/// # Errors
/// When a line is not understood or cannot be written.
pub async fn hold(orders: impl Read + Send + 'static, mut news: impl Write) -> Result<()> {
    let (read, mut lines) = mpsc::channel(1);
    // Lines are waited for without the runtime; the thread ends with them.
    std::thread::spawn(move || {
        BufReader::new(orders).lines().all(|line| read.blocking_send(line).is_ok());
    });
    let first = lines.recv().await.context("nothing was ordered")??;
    let Order::Take(Take { dialect, at_once, sockets }) = from_line(&first)? else {
        bail!("ordered to do something with no sockets");
    };
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("allow as many open files as may be")?;
    let (steps, step) = watch::channel(Step::default());
    let (tell, mut told) = mpsc::channel(WORDS);
    let gate = Arc::new(Semaphore::new(at_once as usize));
    let count = sockets.len();
    let mut tasks = JoinSet::new();
    for place in sockets {
        let socket = Socket::new(place, dialect, Arc::clone(&gate), step.clone(), tell.clone());
        tasks.spawn(socket.run());
    }
    say(&mut news, &News::Done((&Tally::default()).into()))?;
    while let Some(line) = lines.recv().await {
        let order: Order = from_line(&line?)?;
        steps.send_modify(|step| step.next(order));
        let tally = collect(&mut told, count, &mut news).await?;
        say(&mut news, &News::Done((&tally).into()))?;
    }
    Ok(())
}

/// Waits for the word of each of `count` sockets.
async fn collect(told: &mut mpsc::Receiver<Done>, count: usize, news: &mut impl Write) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut shown = 0;
    let mut ticks = interval(PROGRESS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = 0;
    while heard < count {
        tokio::select! {
            done = told.recv() => {
                let Done { took, errors } = done.context("the sockets are gone")?;
                heard += 1;
                if let Some(took) = took {
                    tally.done += 1;
                    tally.latency.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
                }
                for error in errors {
                    *tally.errors.entry(error).or_default() += 1;
                }
            }
            _ = ticks.tick() => {
                say(news, &News::Progress(tally.done - shown))?;
                shown = tally.done;
            }
        }
    }
    Ok(tally)
}

fn say(news: &mut impl Write, what: &News) -> Result<()> {
    news.write_all(to_line(what)?.as_bytes())?;
    news.flush().context("tell the load generator")
}
