//! The way of a message with nothing on it: a socket, a commit of one row, Redis, another socket. One after the other.
//!
//! Two threads stand for two gateways. They check nothing, number nothing and keep nothing in order. On the same servers no
//! messenger does with less that stores before it delivers and has its receivers on other machines.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::Args;
use futures_util::{SinkExt as _, StreamExt as _};
use messenger_loadgen::processes::{Watched, cpu_since, processes};
use nix::time::{ClockId, clock_gettime};
use redis::aio::SendError;
use redis::{AsyncConnectionConfig, Client, PushInfo, PushKind, Value};
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_postgres::types::ToSql;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};
use uuid::Uuid;

use crate::copy::{self, Copy};
use crate::pace::{self, Steps, Window};
use crate::postgres::{ONE, TABLE};
use crate::redis::client;
use crate::rows::{Dialog, Source};
use crate::single;

/// How long one message may take, and one answer of Redis: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// What Redis pushes and nobody has taken yet; one message is under way at a time.
const PUSHES: usize = 16;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The messenger's migrated database, with the schema of the messages in its search path; nobody else may
    /// be connected to it [env: DATABASE_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// The Redis server
    #[arg(long, value_name = "URL")]
    url: String,
    /// How long to measure, in seconds
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Bytes of each message's text
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=16_384))]
    bytes: u16,
    /// Messages a second at most; without it the next one follows at once
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// A process of the servers to measure the CPU time of, descendants included; repeat it for each
    #[arg(long, value_name = "NAME=PID")]
    watch: Vec<Watched>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// Messages that arrived, and how long each took.
    #[serde(flatten)]
    pace: pace::Report,
    /// Processor time a message, without the client's, in microseconds.
    cpu_micros: f64,
}

/// A thread with a runtime of its own; it ends with its socket, and says what processor time it took since it was ready.
struct Gateway {
    thread: JoinHandle<Result<Duration>>,
    address: SocketAddr,
    ready: oneshot::Receiver<()>,
}

pub(crate) async fn run(database_url: &str, options: &Options) -> Result<Report> {
    copy::within(database_url, async |copy| measure(copy, options).await).await
}

async fn measure(copy: &mut Copy, options: &Options) -> Result<Report> {
    copy.connect().await?.batch_execute(TABLE).await.context("make the table")?;
    let (redis, channel) = (client(&options.url)?, format!("bare-{}", Uuid::new_v4().simple()));
    let (database, to) = (copy.again(), (redis.clone(), channel.clone()));
    let storing = Gateway::start(move |socket, ready| store(socket, ready, database, to))?;
    let telling = Gateway::start(move |socket, ready| tell(socket, ready, redis, channel))?;
    let (mut from, mut to) = tokio::try_join!(connect(storing.address), connect(telling.address))?;
    let ready = tokio::try_join!(storing.ready, telling.ready).context("a gateway is not ready");
    let before = processes();
    let passed = match ready {
        Ok(_) => pass(&mut from, &mut to, options).await,
        Err(error) => Err(error),
    };
    let servers = cpu_since(&before, &options.watch);
    // A gateway that has failed does not hear it, and says below why.
    drop((from.close(None).await, to.close(None).await));
    let mut gateways = Duration::ZERO;
    for thread in [storing.thread, telling.thread] {
        gateways += thread.join().map_err(|_| anyhow!("a gateway's thread has panicked"))??;
    }
    let (steps, count) = passed?;
    let cpu_micros = (servers + gateways).as_secs_f64() * 1e6 / f64::from(count.max(1));
    Ok(Report { pace: steps.report(), cpu_micros })
}

/// Sends and waits, again and again; also how many there were, those of the warm-up included.
async fn pass(
    from: &mut WebSocketStream<TcpStream>,
    to: &mut WebSocketStream<TcpStream>,
    options: &Options,
) -> Result<(Steps, u32)> {
    let message = Message::text("x".repeat(options.bytes.into()));
    let interval = options.rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate);
    let mut steps = Steps::new(Window::open(options.seconds))?;
    let mut due = Instant::now();
    for count in 1.. {
        sleep_until(due).await;
        due += interval;
        let started = Instant::now();
        from.send(message.clone()).await?;
        let arrived = tokio::select! {
            arrived = timeout(PATIENCE, to.next()) => arrived.context("nothing has arrived")?,
            _ = from.next() => None,
        };
        let arrived = arrived.context("a gateway has gone")??;
        ensure!(arrived == message, "another message has arrived");
        if steps.note(started, Instant::now()) {
            return Ok((steps, count));
        }
    }
    pending().await
}

/// The first gateway: what comes is stored and published.
async fn store(
    mut socket: WebSocketStream<TcpStream>,
    ready: oneshot::Sender<()>,
    mut copy: Copy,
    (redis, channel): (Client, String),
) -> Result<Duration> {
    let database = copy.connect().await?;
    let statement = database.prepare(ONE).await?;
    let patient = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
    let publisher = redis.get_multiplexed_async_connection_with_config(&patient).await;
    let mut publisher = publisher.context("connect to Redis")?;
    let mut source = Source::new(&[Dialog::of_pair(0)], 0);
    let clock = Clock::start(ready)?;
    while let Some(Message::Text(text)) = socket.next().await.transpose()? {
        let (Dialog { conversation, sender, recipient }, seq) = source.next();
        let (uuid, body) = (Uuid::now_v7(), text.as_str());
        let row: [&(dyn ToSql + Sync); 6] = [&conversation, &seq, &uuid, &sender, &recipient, &body];
        database.execute(&statement, &row).await.context("insert a row")?;
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(&channel).arg(text.as_bytes()).exec_async(&mut publisher).await.context("publish")?;
    }
    clock.stop()
}

/// The second one: what is published goes to the socket.
async fn tell(
    mut socket: WebSocketStream<TcpStream>,
    ready: oneshot::Sender<()>,
    redis: Client,
    channel: String,
) -> Result<Duration> {
    let (heard, mut news) = mpsc::channel(PUSHES);
    let listening =
        AsyncConnectionConfig::new().set_push_sender(move |push| heard.try_send(push).map_err(|_| SendError));
    let listener = redis.get_multiplexed_async_connection_with_config(&listening).await;
    let mut listener = listener.context("connect to Redis")?;
    listener.subscribe(&channel).await.context("subscribe")?;
    let clock = Clock::start(ready)?;
    loop {
        tokio::select! {
            Some(push) = news.recv() => if let Some(text) = text(push) {
                socket.send(Message::text(text)).await?;
            },
            gone = socket.next() => {
                gone.transpose()?;
                return clock.stop();
            }
        }
    }
}

fn text(push: PushInfo) -> Option<String> {
    let Some(Value::BulkString(bytes)) = push.data.into_iter().nth(1) else { return None };
    (push.kind == PushKind::Message).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

async fn connect(address: SocketAddr) -> Result<WebSocketStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(client_async(format!("ws://{address}/"), stream).await.context("shake hands")?.0)
}

impl Gateway {
    /// Serves one socket.
    fn start<F>(
        serve: impl FnOnce(WebSocketStream<TcpStream>, oneshot::Sender<()>) -> F + Send + 'static,
    ) -> Result<Self>
    where
        F: Future<Output = Result<Duration>>,
    {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen")?;
        listener.set_nonblocking(true)?;
        let (address, (tell, ready)) = (listener.local_addr()?, oneshot::channel());
        let thread = std::thread::spawn(move || {
            single()?.block_on(async {
                let (stream, _) = TcpListener::from_std(listener)?.accept().await?;
                stream.set_nodelay(true)?;
                serve(accept_async(stream).await?, tell).await
            })
        });
        Ok(Self { thread, address, ready })
    }
}

/// The processor time of this thread.
struct Clock(Duration);

impl Clock {
    fn start(ready: oneshot::Sender<()>) -> Result<Self> {
        // Nobody waits when the other thread has failed.
        let _ = ready.send(());
        Ok(Self(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into()))
    }

    fn stop(self) -> Result<Duration> {
        Ok(Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?).saturating_sub(self.0))
    }
}
