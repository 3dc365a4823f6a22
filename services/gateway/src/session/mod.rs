//! One socket: reads requests, writes replies and events, keeps the heartbeat. Generic over the wire, so that a test
//! drives it without a network.
//!
//! Messages begin in the order in which they came and may be in flight together. In the seed dialect anything else waits
//! until they are stored, so a client reads its own writes; in the second one a few requests are at work beside them, and
//! a client that needs the effect of one waits for its answer. Past the limit of requests in flight
//! the socket is not read: the client's TCP connection is the back-pressure, and nobody else waits.

mod pace;
mod renewal;
mod replies;
mod timer;
mod wire;

pub use renewal::{Renewal, Renewed};
pub use wire::{Gone, Inbound, Outbound, Wire};

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use messenger_chassis::rate::Rate;
use messenger_chassis::telemetry::TRACED;
use tokio::time::{Instant, timeout};
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use crate::delivery::Attachment;
use crate::dialect::{Dialect, Limits, Tag};
use crate::domain::caller::Caller;
use crate::domain::close::Close;
use crate::domain::command::{Command, Token};
use crate::domain::error::GatewayError;
use crate::domain::greeting::Greeting;
use crate::domain::reply::Reply;
use crate::hub::{Drained, Frame};
use crate::usecase::{Messenger, Started};

use pace::{Admitted, Pace};
use replies::{Done, Kind, Replies};
use timer::Timer;

/// Frames that are no requests after which a client of the second dialect is taken for broken.
const UNREADABLE_MAX: u32 = 20;
/// Requests other than messages that are at work for one socket at once, where answers may overtake each other.
const REQUESTS_MAX: usize = 4;
/// Frames that are read and thrown away in the closing handshake, to find the client's own closing frame behind them.
const LAST_FRAMES_MAX: usize = 1_000;

/// Time limits of a socket.
#[derive(Debug, Clone, Copy)]
pub struct SessionConfig {
    /// Silence after which the server pings.
    pub ping_after: Duration,
    /// Silence after which the socket is dead.
    pub dead_after: Duration,
    /// How long a write may make no progress.
    pub write_stall: Duration,
    /// How long replies in flight and the closing handshake may take when the socket closes.
    pub close_grace: Duration,
    /// Requests in flight.
    pub in_flight: usize,
    /// Frames of whichever kind; none is without a limit.
    pub frames: Option<Rate>,
    /// Sizes that the dialect checks.
    pub limits: Limits,
}

/// The request that is being begun.
enum Step {
    /// None: the next frame may be read.
    Idle,
    /// Waits for the messages before it.
    Waiting(Tag, Command),
    /// On its way.
    Starting(Tag, Pin<Box<dyn Future<Output = Started> + Send>>),
}

/// Why a socket's life ends.
enum End {
    /// The client left, or cannot be reached.
    Gone,
    /// We close it.
    Close(Close),
}

/// What a handshake has found out about a connection.
#[derive(Debug)]
pub struct Opening {
    /// The language that it speaks.
    pub dialect: Dialect,
    /// Whose it is.
    pub caller: Caller,
    /// What its client is told first, where the dialect has a word for it.
    pub greeting: Greeting,
    /// When the token ends.
    pub expires_at: Instant,
}

/// One client's connection.
pub struct Session<W> {
    wire: W,
    dialect: Dialect,
    caller: Arc<Caller>,
    attachment: Attachment,
    messenger: Arc<Messenger>,
    renewal: Arc<dyn Renewal>,
    config: SessionConfig,
    greeting: Option<String>,
    unreadable: u32,
    pace: Pace,
    step: Step,
    replies: Replies,
    timer: Timer,
    frames: Vec<Frame>,
}

impl<W> std::fmt::Debug for Session<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("user", &self.caller.user).finish_non_exhaustive()
    }
}

impl<W: Wire> Session<W> {
    /// A session that ends when its token does, unless that is renewed.
    pub fn new(
        wire: W,
        opening: Opening,
        attachment: Attachment,
        messenger: Arc<Messenger>,
        renewal: Arc<dyn Renewal>,
        config: SessionConfig,
    ) -> Self {
        let Opening { dialect, caller, greeting, expires_at } = opening;
        Self {
            wire,
            dialect,
            caller: Arc::new(caller),
            attachment,
            messenger,
            renewal,
            config,
            greeting: dialect.hello(&greeting),
            unreadable: 0,
            pace: Pace::new(config.frames),
            step: Step::Idle,
            replies: Replies::of(dialect),
            timer: Timer::new(config.ping_after, config.dead_after, expires_at),
            frames: Vec::new(),
        }
    }

    /// Runs until the client leaves or the socket is closed.
    pub async fn run(mut self) {
        // A fault of ours ends this socket, with a word to its client, and no other.
        let end = AssertUnwindSafe(self.live()).catch_unwind().await.unwrap_or_else(|_| {
            metrics::counter!("gateway_session_panics_total").increment(1);
            End::Close(Close::Internal)
        });
        let End::Close(reason) = end else {
            // A client that has closed is owed the answer to its closing frame.
            let _ = timeout(self.config.close_grace, self.wire.close()).await;
            return;
        };
        tracing::debug!(reason = reason.reason(), "closing a socket");
        metrics::counter!("gateway_closes_total", "reason" => reason.reason()).increment(1);
        let grace = self.config.close_grace;
        // Best effort: a client that is gone or does not read sees the end of the TCP connection instead.
        let _ = timeout(grace, self.close(reason)).await;
    }

    async fn live(&mut self) -> End {
        if let Some(hello) = self.greeting.take()
            && let Err(end) = self.feed_all(vec![Outbound::Text(hello.into())]).await
        {
            return end;
        }
        loop {
            if let Err(end) = self.turn().await {
                return end;
            }
        }
    }

    /// Waits for the next thing to happen, does it, and writes what there is to write.
    async fn turn(&mut self) -> Result<(), End> {
        let may_read = matches!(self.step, Step::Idle)
            && self.replies.len() < self.config.in_flight
            && !self.timer.is_paused();
        let mut done = None;
        // In this order nothing starves: each turn takes one request and writes all replies and events there are.
        tokio::select! {
            biased;
            () = self.timer.due() => self.tick().await?,
            started = started(&mut self.step) => self.begun(started),
            inbound = self.wire.next(), if may_read => self.receive(inbound)?,
            reply = self.replies.next(), if !self.replies.is_empty() => done = reply,
            () = self.attachment.outbox().ready() => {}
        }
        self.begin_waiting();
        self.write(done).await?;
        // The request may have waited for what has just been answered.
        self.begin_waiting();
        Ok(())
    }

    fn receive(&mut self, inbound: Option<Result<Inbound, Close>>) -> Result<(), End> {
        let now = self.timer.heard();
        match inbound {
            Some(Ok(frame)) => self.frame(&frame, now),
            Some(Err(reason)) => Err(End::Close(reason)),
            None => Err(End::Gone),
        }
    }

    fn frame(&mut self, frame: &Inbound, now: Instant) -> Result<(), End> {
        let refused = match self.pace.frame(now) {
            Admitted::Served => None,
            Admitted::Refused(wait, pause) => {
                pause.into_iter().for_each(|pause| self.timer.pause(pause));
                Some(wait)
            }
            Admitted::Abuse => return Err(End::Close(Close::RateLimited)),
        };
        match frame {
            Inbound::Text(text) => self.request(text, refused, now),
            Inbound::Control => Ok(()),
        }
    }

    fn request(&mut self, text: &Bytes, refused: Option<Duration>, now: Instant) -> Result<(), End> {
        metrics::counter!("gateway_requests_total").increment(1);
        let Ok(text) = std::str::from_utf8(text) else { return Ok(()) };
        let request = self.dialect.decode(text, self.config.limits);
        let broken = request.command == Err(GatewayError::Malformed);
        let command = match refused {
            Some(wait) => Err(GatewayError::rate_limited(wait)),
            None => request.command.and_then(|command| self.afford(command, now)),
        };
        match command {
            Ok(Command::Authenticate(token)) => {
                let renewed = self.authenticate(&token);
                self.push_reply(request.tag, Started::Done(renewed));
            }
            Ok(mut command) => {
                if let Command::Send(send) = &mut command {
                    let client_id = *send.client_id.get_or_insert_with(Uuid::now_v7);
                    self.attachment.outbox().expect_reply(client_id);
                }
                self.step = Step::Waiting(request.tag, command);
            }
            Err(error) => self.push_reply(request.tag, Started::Done(Err(error))),
        }
        self.unreadable += u32::from(broken && self.dialect != Dialect::Seed);
        if self.unreadable < UNREADABLE_MAX { Ok(()) } else { Err(End::Close(Close::Unreadable)) }
    }

    /// The command, if the user may have it now.
    fn afford(&self, command: Command, now: Instant) -> Result<Command, GatewayError> {
        let afforded = self.attachment.afford(&command, now);
        afforded.map(|()| command).map_err(GatewayError::rate_limited)
    }

    fn authenticate(&mut self, token: &Token) -> Result<Reply, GatewayError> {
        let session = self.attachment.outbox().session();
        let renewed = self.renewal.renew(self.caller.user, session, token)?;
        self.timer.renew(renewed.expires_at);
        Ok(Reply::Authenticated(renewed.until))
    }

    /// Begins the waiting request when its turn has come.
    fn begin_waiting(&mut self) {
        let overtakes = self.replies.may_overtake();
        let is_message = matches!(self.step, Step::Waiting(_, Command::Send(_)));
        let ready = match &self.step {
            Step::Waiting(..) if is_message => true,
            Step::Waiting(..) if overtakes => self.replies.requests() < REQUESTS_MAX,
            Step::Waiting(..) => self.replies.is_empty(),
            _ => false,
        };
        if !ready {
            return;
        }
        let Step::Waiting(tag, command) = std::mem::replace(&mut self.step, Step::Idle) else { return };
        let (messenger, caller) = (Arc::clone(&self.messenger), Arc::clone(&self.caller));
        let span = request_span(&tag);
        let start = async move { messenger.start(&caller, command).await }.instrument(span);
        if overtakes && !is_message {
            self.replies.push(Kind::Request, async move { (tag, start.await.finish().await) });
        } else {
            self.step = Step::Starting(tag, Box::pin(start));
        }
    }

    fn begun(&mut self, started: Started) {
        if let Step::Starting(tag, _) = std::mem::replace(&mut self.step, Step::Idle) {
            self.push_reply(tag, started);
        }
    }

    fn push_reply(&mut self, tag: Tag, started: Started) {
        self.replies.push(Kind::Message, async move { (tag, started.finish().await) });
    }

    async fn tick(&mut self) -> Result<(), End> {
        match self.timer.elapsed() {
            timer::Due::Read => Ok(()),
            timer::Due::Ping => self.feed_all(vec![Outbound::Ping]).await,
            timer::Due::Dead => Err(End::Close(Close::NoHeartbeat)),
            timer::Due::Expired => Err(End::Close(Close::Unauthorized)),
        }
    }

    /// Writes all replies and events that are ready, with one flush.
    async fn write(&mut self, first: Option<Done>) -> Result<(), End> {
        self.attachment.is_reliable().await;
        let mut out = Vec::new();
        // Replies first: what a request has caused must not come before its answer.
        let mut next = first.or_else(|| self.replies.ready());
        while let Some((tag, result)) = next {
            out.push(Outbound::Text(self.dialect.reply(&tag, &result).into()));
            next = self.replies.ready();
        }
        let drained = self.attachment.outbox().drain(&mut self.frames);
        if drained == Drained::Closed(Close::Revoked) {
            return Err(End::Close(Close::Revoked));
        }
        // Traces of frames end when these are written.
        let _written: Vec<_> = self.frames.iter_mut().filter_map(|frame| frame.written.take()).collect();
        out.extend(self.frames.drain(..).map(|frame| Outbound::Text(frame.text)));
        if !out.is_empty() {
            self.feed_all(out).await?;
        }
        match drained {
            Drained::Open => Ok(()),
            Drained::Closed(reason) => Err(End::Close(reason)),
        }
    }

    async fn feed_all(&mut self, out: Vec<Outbound>) -> Result<(), End> {
        let wire = &mut self.wire;
        let write = async {
            for outbound in out {
                wire.feed(outbound).await?;
            }
            wire.flush().await
        };
        match timeout(self.config.write_stall, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Gone)) => Err(End::Gone),
            Err(_) => Err(End::Close(Close::SlowConsumer)),
        }
    }

    /// Lets the requests in flight finish, then closes and waits for the client to do the same, at most for the grace.
    async fn close(&mut self, reason: Close) -> Result<(), End> {
        let mut out = if reason.is_patient() { self.last_replies().await } else { Vec::new() };
        out.push(Outbound::Close(reason));
        self.feed_all(out).await?;
        for _ in 0..LAST_FRAMES_MAX {
            let Some(Ok(_)) = self.wire.next().await else { return Ok(()) };
        }
        // It goes on as if nothing had been said. To close now would take our last word from it.
        std::future::pending().await
    }

    async fn last_replies(&mut self) -> Vec<Outbound> {
        if let Step::Starting(tag, start) = std::mem::replace(&mut self.step, Step::Idle) {
            let started = start.await;
            self.push_reply(tag, started);
        }
        let mut out = Vec::new();
        while let Some((tag, result)) = self.replies.next().await {
            out.push(Outbound::Text(self.dialect.reply(&tag, &result).into()));
        }
        out
    }
}

/// Resolves when the request that is being begun has begun; never when there is none. Cancel-safe: the future stays
/// in its place.
async fn started(step: &mut Step) -> Started {
    match step {
        Step::Starting(_, start) => start.await,
        _ => std::future::pending().await,
    }
}

fn request_span(tag: &Tag) -> Span {
    tracing::info_span!(
        target: TRACED, parent: None, "websocket.request", otel.kind = "server", otel.name = tag.kind(),
    )
}

#[cfg(test)]
mod tests;
