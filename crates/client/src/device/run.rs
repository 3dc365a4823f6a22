//! The task of a device: connect, resume, serve the socket until it ends, wait, again.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use secrecy::ExposeSecret as _;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::asking::ask;
use super::logs::{Need, Step};
use super::{Event, Letter, Options, Shared};
use crate::session::{Backoff, Grant, Link, Lost, Stopped};
use crate::socket::{Connection, RequestError, Sender};
use crate::wire::Push;
use crate::wire::v2::{self, Authenticate, Entries, GetEntries, Hello, SendMessage, Stored};

/// Time for the first frame of a connection.
const HELLO: Duration = Duration::from_secs(10);
/// Pages of `resume` in a row: each moves the device on by up to 1,000 conversations.
const RESUMES: u32 = 64;

type Outcome = (Letter, Result<Stored, RequestError>);
type Sending = FuturesUnordered<Pin<Box<dyn Future<Output = Outcome> + Send>>>;
type Pulling = Option<Pin<Box<dyn Future<Output = (Need, Result<Entries, RequestError>)> + Send>>>;

pub(super) struct Runner<L> {
    link: L,
    grant: Grant,
    shared: Arc<Shared>,
    events: mpsc::Sender<Event>,
    online: watch::Sender<Option<Sender>>,
    stop: CancellationToken,
    backoff: Backoff,
    options: Options,
}

/// What ends the service of a socket.
enum End {
    /// We were told to stop.
    Stopped,
    /// The server has asked us to move; the wait is over.
    Moved,
    Lost(Lost),
}

/// What serving one socket needs.
struct Service<'a> {
    connection: &'a mut Connection,
    sender: Sender,
    sending: Sending,
    pulling: Pulling,
    /// Since when something waits behind a hole.
    holding_since: Option<Instant>,
    pull_not_before: Instant,
    move_at: Option<Instant>,
    renew_at: Instant,
}

impl<L: Link> Runner<L> {
    pub(super) fn new(
        link: L,
        grant: Grant,
        shared: Arc<Shared>,
        events: mpsc::Sender<Event>,
        online: watch::Sender<Option<Sender>>,
        stop: CancellationToken,
        options: Options,
    ) -> Self {
        let backoff = Backoff::new(options.backoff_base, options.backoff_cap);
        Self { link, grant, shared, events, online, stop, backoff, options }
    }

    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        let stopped = loop {
            let connected = tokio::select! {
                connected = self.connect() => connected,
                () = stop.cancelled() => break Stopped::Asked,
            };
            let end = match connected {
                Ok(connection) => self.serve(connection).await,
                Err(lost) => End::Lost(lost),
            };
            let (why, wait) = match end {
                _ if stop.is_cancelled() => break Stopped::Asked,
                End::Stopped => break Stopped::Asked,
                End::Moved => ("the server asked to move".to_owned(), Duration::ZERO),
                End::Lost(lost) => match self.judge(&lost) {
                    Ok(wait) => (lost.why, wait),
                    Err(stopped) => break stopped,
                },
            };
            self.tell(Event::Offline { why, retry_in: wait }).await;
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.cancelled() => break Stopped::Asked,
            }
        };
        // The last word waits for nobody: a handle that is joining this task does not drain events.
        let _ = self.events.try_send(Event::Stopped(stopped));
    }

    /// How long to wait, or that waiting is of no use.
    fn judge(&mut self, lost: &Lost) -> Result<Duration, Stopped> {
        let random = Uuid::new_v4().as_u64_pair().0;
        lost.judge(&mut self.backoff, self.options.attempts, self.grant.is_fresh(), random)
    }

    async fn connect(&mut self) -> Result<Connection, Lost> {
        if !self.grant.is_fresh() {
            self.grant = self.link.log_in().await?;
        }
        Ok(self.link.dial(&self.grant.token).await?)
    }

    /// Serves a socket to its end.
    async fn serve(&mut self, mut connection: Connection) -> End {
        let since = Instant::now();
        let stop = self.stop.clone();
        let end = tokio::select! {
            end = self.converse(&mut connection) => end,
            () = stop.cancelled() => End::Stopped,
        };
        self.online.send_replace(None);
        self.shared.outbox().in_doubt();
        // A server that takes us and throws us out at once is not a success.
        if since.elapsed() >= self.options.backoff_cap {
            self.backoff.reset();
        }
        if !matches!(end, End::Lost(_)) {
            connection.close().await;
        }
        end
    }

    async fn converse(&mut self, connection: &mut Connection) -> End {
        let sender = connection.sender();
        let hello = match timeout(HELLO, self.hello(connection)).await {
            Ok(Ok(hello)) => hello,
            Ok(Err(lost)) => return End::Lost(lost),
            Err(_) => return End::Lost(Lost::broken("the server does not greet")),
        };
        let positions = hello.limits.resume_positions;
        let is_another = self.shared.logs().connected(hello.epoch, hello.sync.clone());
        self.tell(Event::Connected(hello)).await;
        if is_another {
            self.tell(Event::Restored).await;
        }
        let mut service = Service {
            connection,
            sender: sender.clone(),
            sending: FuturesUnordered::new(),
            pulling: None,
            holding_since: None,
            pull_not_before: Instant::now(),
            move_at: None,
            renew_at: self.grant.renew_at(),
        };
        if let Err(end) = self.resume(&mut service, positions).await {
            return end;
        }
        let steps = self.shared.logs().complete();
        self.tell_steps(steps).await;
        self.online.send_replace(Some(sender));
        self.tell(Event::Online).await;
        loop {
            if let Err(end) = self.turn(&mut service).await {
                return end;
            }
        }
    }

    async fn hello(&self, connection: &mut Connection) -> Result<Hello, Lost> {
        loop {
            match connection.recv().await {
                Some(Push::Event(v2::Event::Hello(hello))) => return Ok(hello),
                Some(push) => self.tell(Event::Odd(format!("{push:?}"))).await,
                None => return Err(connection.closed().cloned().into()),
            }
        }
    }

    /// Asks what was missed, page by page; what arrives meanwhile is taken.
    async fn resume(&mut self, service: &mut Service<'_>, positions: usize) -> Result<(), End> {
        for _ in 0..RESUMES {
            let Some(request) = self.shared.logs().resume(positions) else { return Ok(()) };
            let sender = service.sender.clone();
            let asked = ask(&sender, &request, &self.options);
            tokio::pin!(asked);
            let answer = loop {
                tokio::select! {
                    answer = &mut asked => break answer,
                    push = service.connection.recv() => self.arrived(service, push).await?,
                }
            };
            let answer = match answer {
                Ok(answer) => answer,
                Err(RequestError::Refused(refusal)) if refusal.retry_after().is_none() => {
                    return Err(End::Lost(Lost::broken(format!("resume was refused: {refusal}"))));
                }
                Err(error) => return Err(End::Lost(error.into())),
            };
            let steps = self.shared.logs().resumed(answer);
            self.tell_steps(steps).await;
        }
        Err(End::Lost(Lost::broken("the server has more to resume than is sensible")))
    }

    /// Waits for the next thing to happen and does it.
    async fn turn(&mut self, service: &mut Service<'_>) -> Result<(), End> {
        self.send_what_may_go(service);
        self.pull_what_is_needed(service);
        let wake = self.next_alarm(service);
        tokio::select! {
            push = service.connection.recv() => self.arrived(service, push).await,
            Some((letter, outcome)) = service.sending.next() => self.settle(letter, outcome).await,
            (need, outcome) = pulled(&mut service.pulling) => self.pulled(service, need, outcome).await,
            () = self.shared.posted.notified() => Ok(()),
            () = sleep_until(wake) => self.alarm(service).await,
            () = self.events.closed() => Err(End::Stopped),
        }
    }

    fn next_alarm(&self, service: &Service<'_>) -> Instant {
        let now = Instant::now();
        let hole = service.holding_since.map(|since| since + self.options.patience);
        // What is past already waits for something else: an answer that is on its way, or another alarm.
        let ahead = [hole, Some(service.pull_not_before)].into_iter().flatten().filter(|at| *at > now);
        let due = self.shared.outbox().due(now);
        ahead.chain(due).chain(service.move_at).fold(service.renew_at, Instant::min)
    }

    async fn alarm(&mut self, service: &mut Service<'_>) -> Result<(), End> {
        let now = Instant::now();
        if service.move_at.is_some_and(|at| at <= now) {
            return Err(End::Moved);
        }
        if service.renew_at <= now {
            self.renew(service).await;
        }
        Ok(())
    }

    /// A fresh token for the open socket. Without one the server closes it in the end, and we come back.
    async fn renew(&mut self, service: &mut Service<'_>) {
        service.renew_at = Instant::now() + self.options.backoff_cap;
        let Ok(grant) = self.link.log_in().await else { return };
        let token = grant.token.expose_secret().to_owned();
        if service.sender.request(&Authenticate { token: &token }).await.is_ok() {
            service.renew_at = grant.renew_at();
        }
        self.grant = grant;
    }

    fn send_what_may_go(&self, service: &Service<'_>) {
        while service.sending.len() < self.options.in_flight {
            let Some(letter) = self.shared.outbox().next(Instant::now()) else { return };
            let sender = service.sender.clone();
            service.sending.push(Box::pin(async move {
                let mut message = SendMessage::new(letter.to, &letter.content, letter.id);
                message.reply_to = letter.reply_to;
                let outcome = sender.request(&message).await;
                (letter, outcome)
            }));
        }
    }

    fn pull_what_is_needed(&self, service: &mut Service<'_>) {
        let (logs, now) = (self.shared.logs(), Instant::now());
        service.holding_since = logs.is_holding().then(|| service.holding_since.unwrap_or(now));
        let patient = service.holding_since.is_none_or(|since| now < since + self.options.patience);
        if service.pulling.is_some() || service.pull_not_before > now {
            return;
        }
        let Some(need) = logs.need(patient) else { return };
        let (sender, limit) = (service.sender.clone(), self.options.page);
        service.pulling = Some(Box::pin(async move {
            let (conversation_id, after) = (need.conversation, Some(need.after));
            let request = GetEntries { conversation_id, after, before: None, limit };
            (need, sender.request(&request).await)
        }));
    }

    async fn pulled(
        &self,
        service: &mut Service<'_>,
        need: Need,
        outcome: Result<Entries, RequestError>,
    ) -> Result<(), End> {
        service.holding_since = None;
        match outcome {
            Ok(answer) => {
                let steps = self.shared.logs().pulled(need, answer);
                if steps.is_empty() {
                    service.pull_not_before = Instant::now() + self.options.patience;
                }
                self.tell_steps(steps).await;
                self.tell(Event::Pulled(need.conversation)).await;
            }
            Err(RequestError::Refused(refusal)) => match refusal.retry_after() {
                Some(wait) => service.pull_not_before = Instant::now() + wait,
                None => self.shared.logs().forget(need.conversation),
            },
            Err(error) => return Err(End::Lost(error.into())),
        }
        Ok(())
    }

    async fn arrived(&self, service: &mut Service<'_>, push: Option<Push>) -> Result<(), End> {
        match push {
            None => return Err(End::Lost(service.connection.closed().cloned().into())),
            Some(Push::Event(v2::Event::Entry(entry))) => {
                let steps = self.shared.logs().entry(*entry);
                self.tell_steps(steps).await;
            }
            Some(Push::Event(v2::Event::Gap(gap))) => self.shared.logs().gap(gap),
            Some(Push::Event(v2::Event::Watermark(watermark))) => {
                self.tell(Event::Watermark(watermark)).await;
            }
            Some(Push::Event(v2::Event::Reconnect { after_ms })) => {
                service.move_at = Some(Instant::now() + Duration::from_millis(after_ms));
            }
            Some(push) => self.tell(Event::Odd(format!("{push:?}"))).await,
        }
        Ok(())
    }

    async fn settle(&self, letter: Letter, outcome: Result<Stored, RequestError>) -> Result<(), End> {
        let id = letter.id;
        let event = match outcome {
            Ok(stored) => {
                self.shared.outbox().taken(self.options.in_flight);
                Event::Sent(letter, stored)
            }
            Err(RequestError::Refused(refusal)) => {
                if let Some(wait) = refusal.retry_after() {
                    let again_at = Instant::now() + wait.min(self.options.backoff_cap);
                    if refusal.is_rate_limit() {
                        self.shared.outbox().slow_down(again_at);
                    }
                    if self.shared.outbox().refused(id, again_at) < self.options.send_attempts {
                        return Ok(());
                    }
                }
                let code = refusal.code.unwrap_or_default();
                Event::Failed(letter, format!("{code}: {}", refusal.message))
            }
            // It was read by the server but its answer was not understood: sending again changes nothing.
            Err(error @ (RequestError::Malformed(_) | RequestError::Unwritable(_))) => {
                Event::Failed(letter, error.to_string())
            }
            Err(error @ (RequestError::Closed(_) | RequestError::TimedOut(_))) => {
                return Err(End::Lost(error.into()));
            }
        };
        let waiting = self.shared.outbox().settle(id);
        self.tell(event).await;
        self.shared.waiting.send_replace(waiting);
        Ok(())
    }

    async fn tell_steps(&self, steps: Vec<Step>) {
        for step in steps {
            self.tell(match step {
                Step::Entry(entry) => Event::Entry(entry),
                Step::Reset(conversation) => Event::Reset(conversation),
            })
            .await;
        }
    }

    async fn tell(&self, event: Event) {
        tokio::select! {
            // Fails when nobody listens any more, which stops the device where it waits next.
            _ = self.events.send(event) => {}
            () = self.stop.cancelled() => {}
        }
    }
}

/// Resolves when what is being pulled is here; never when nothing is. Cancel-safe: the future stays in its place.
async fn pulled(pulling: &mut Pulling) -> (Need, Result<Entries, RequestError>) {
    let Some(pull) = pulling else { return std::future::pending().await };
    let outcome = pull.await;
    *pulling = None;
    outcome
}
