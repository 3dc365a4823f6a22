//! Messages a second through WebSockets when the server does nothing but send them back.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use hdrhistogram::Histogram;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

use crate::pace::{LONGEST_MICROS, Report, Window};

/// What to measure.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Options {
    /// Client sockets
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    sockets: u16,
    /// Messages of each that are under way at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    in_flight: u16,
    /// How long to measure, in seconds
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Bytes of a message
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=16_384))]
    bytes: u16,
}

/// Server and clients share this process: the figure holds both sides' work.
pub(crate) async fn run(options: &Options) -> Result<Report> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen")?;
    let address = listener.local_addr()?;
    let mut servers = JoinSet::new();
    let mut sockets = Vec::new();
    for _ in 0..options.sockets {
        let (client, server) = tokio::try_join!(TcpStream::connect(address), listener.accept())?;
        client.set_nodelay(true)?;
        server.0.set_nodelay(true)?;
        servers.spawn(serve(server.0));
        sockets.push(client_async(format!("ws://{address}/"), client).await.context("shake hands")?.0);
    }
    let window = Window::open(options.seconds);
    let mut clients = JoinSet::new();
    for socket in sockets {
        clients.spawn(ask(socket, *options, window));
    }
    let mut latency = Histogram::<u32>::new_with_bounds(1, LONGEST_MICROS, 3)?;
    while let Some(asked) = clients.join_next().await {
        latency.add(asked??)?;
    }
    let at = |quantile| latency.value_at_quantile(quantile);
    Ok(Report { per_second: window.per_second(latency.len()), p50: at(0.5), p99: at(0.99) })
}

/// Sends everything back, with one flush for all that has come.
async fn serve(stream: TcpStream) -> Result<()> {
    let mut socket = accept_async(stream).await?;
    while let Some(first) = socket.next().await {
        let mut next = Some(first);
        while let Some(message) = next {
            socket.feed(message?).await?;
            next = socket.next().now_or_never().flatten();
        }
        socket.flush().await?;
    }
    Ok(())
}

/// Keeps messages under way until the window is over; how long each took that came back within it.
async fn ask(
    mut socket: WebSocketStream<TcpStream>,
    options: Options,
    window: Window,
) -> Result<Histogram<u32>> {
    let message = Message::text("x".repeat(options.bytes.into()));
    let mut latency = Histogram::new_with_bounds(1, LONGEST_MICROS, 3)?;
    let mut sent = VecDeque::new();
    loop {
        while sent.len() < options.in_flight.into() {
            sent.push_back(Instant::now());
            socket.feed(message.clone()).await?;
        }
        socket.flush().await?;
        let mut next = socket.next().await;
        let now = Instant::now();
        while let Some(answer) = next {
            note(answer, &mut sent, window, now, &mut latency)?;
            next = socket.next().now_or_never().flatten();
        }
        if window.is_over(now) {
            return Ok(latency);
        }
    }
}

fn note(
    answer: Result<Message, tungstenite::Error>,
    sent: &mut VecDeque<Instant>,
    window: Window,
    now: Instant,
    latency: &mut Histogram<u32>,
) -> Result<()> {
    let (Message::Text(_), Some(since)) = (answer?, sent.pop_front()) else { bail!("no echo") };
    if window.has(now) {
        latency.saturating_record(u64::try_from((now - since).as_micros()).unwrap_or(u64::MAX));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_sent_comes_back() {
        let options = Options { sockets: 3, in_flight: 4, seconds: 1, bytes: 50 };
        let report = run(&options).await.expect("an echo");
        assert!(report.per_second > 0.0 && report.p50 <= report.p99, "{report:?}");
    }
}
