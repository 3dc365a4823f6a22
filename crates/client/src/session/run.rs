//! The task of a session: connect, serve the socket until it ends, wait, again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::line::{ChatLine, read_page};
use super::lost::Lost;
use super::{Backoff, Chat, Event, Grant, Letter, Link, Options, Shared, Stopped};
use crate::socket::{Connection, RequestError, Sender};
use crate::wire::{MessageInGroup, PrivateMessage, Push, Sent};

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
            let lost = match connected {
                Ok(connection) => self.serve(connection).await,
                Err(lost) => lost,
            };
            if stop.is_cancelled() {
                break Stopped::Asked;
            }
            let wait = match self.judge(&lost) {
                Ok(wait) => wait,
                Err(stopped) => break stopped,
            };
            self.tell(Event::Offline { why: lost.why, retry_in: wait }).await;
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
    async fn serve(&mut self, mut connection: Connection) -> Lost {
        let since = Instant::now();
        let ended = self.converse(&mut connection).await;
        self.online.send_replace(None);
        // A server that takes us and throws us out at once is not a success.
        if since.elapsed() >= self.options.backoff_cap {
            self.backoff.reset();
        }
        match ended {
            Some(lost) => lost,
            None => connection.close().await.into(),
        }
    }

    /// What was left in doubt first, then what was missed, then whatever comes. `None` when told to stop.
    async fn converse(&mut self, connection: &mut Connection) -> Option<Lost> {
        let sender = connection.sender();
        let stop = self.stop.clone();
        let prepared = tokio::select! {
            prepared = self.prepare(&sender) => prepared,
            () = stop.cancelled() => return None,
        };
        if let Err(lost) = prepared {
            return Some(lost);
        }
        self.online.send_replace(Some(sender.clone()));
        self.tell(Event::Online).await;
        self.exchange(connection, &sender).await
    }

    async fn prepare(&self, sender: &Sender) -> Result<(), Lost> {
        self.shared.chats().catch_up();
        let in_doubt = self.shared.outbox().is_in_doubt();
        if in_doubt && let Some(letter) = self.head() {
            let outcome = send(sender, &letter).await;
            // A refusal for now is met again, with its wait, when the message's turn comes.
            let _ = self.settle(letter, outcome).await?;
        }
        let chats = self.shared.chats().list();
        for chat in chats {
            self.read_again(sender, chat).await?;
        }
        self.shared.chats().caught_up();
        Ok(())
    }

    async fn read_again(&self, sender: &Sender, chat: Chat) -> Result<(), Lost> {
        let mut attempts = 0;
        let page = loop {
            match read_page(sender, chat, self.options.page, 1).await {
                Ok(page) => break page,
                Err(RequestError::Refused(refusal)) => {
                    attempts += 1;
                    let wait = refusal.retry_after().filter(|_| attempts < self.options.send_attempts);
                    let Some(wait) = wait else {
                        // Not a member any more, for example: there is nothing to miss.
                        self.shared.chats().close(chat);
                        return Ok(());
                    };
                    sleep(wait.min(self.options.backoff_cap)).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        let news = self.shared.chats().read_again(chat, page, self.options.page);
        if news.gap {
            self.tell(Event::Gap(chat)).await;
        }
        for line in news.lines {
            self.tell(Event::Line(line)).await;
        }
        Ok(())
    }

    /// Pushes in, messages out, one at a time so that their order is kept.
    async fn exchange(&self, connection: &mut Connection, sender: &Sender) -> Option<Lost> {
        let mut not_before = Instant::now();
        loop {
            let Some(letter) = self.head() else {
                match self.take_pushes(connection, self.shared.posted.notified()).await {
                    Ok(()) => continue,
                    Err(ended) => return ended,
                }
            };
            let sending = async {
                sleep_until(not_before).await;
                send(sender, &letter).await
            };
            let outcome = match self.take_pushes(connection, sending).await {
                Ok(outcome) => outcome,
                Err(ended) => return ended,
            };
            match self.settle(letter, outcome).await {
                Ok(wait) => not_before = Instant::now() + wait,
                Err(lost) => return Some(lost),
            }
        }
    }

    /// Takes pushes until `done`; fails with what ended the socket, or with `None` when told to stop.
    async fn take_pushes<T>(
        &self,
        connection: &mut Connection,
        done: impl Future<Output = T>,
    ) -> Result<T, Option<Lost>> {
        tokio::pin!(done);
        loop {
            tokio::select! {
                push = connection.recv() => match push {
                    Some(push) => self.arrived(push).await,
                    None => return Err(Some(connection.closed().cloned().into())),
                },
                done = &mut done => return Ok(done),
                () = self.stop.cancelled() => return Err(None),
                () = self.events.closed() => {
                    self.stop.cancel();
                    return Err(None);
                }
            }
        }
    }

    fn head(&self) -> Option<Letter> {
        self.shared.outbox().head()
    }

    /// Settles the head of the outbox; how long to wait before the next attempt.
    async fn settle(&self, letter: Letter, outcome: Result<Sent, RequestError>) -> Result<Duration, Lost> {
        let event = match outcome {
            Ok(sent) => {
                let Letter { chat, content, .. } = letter.clone();
                let (created_at, id) = (sent.created_at.clone(), sent.message_id);
                let line = ChatLine::own(chat, self.shared.user_id, content, created_at, id);
                self.shared.chats().sent(&line);
                Event::Sent(letter, sent)
            }
            Err(RequestError::Refused(refusal)) => {
                if let Some(wait) = refusal.retry_after()
                    && self.shared.outbox().refused() < self.options.send_attempts
                {
                    return Ok(wait.min(self.options.backoff_cap));
                }
                Event::Failed(letter, refusal.message)
            }
            // It was read by the server but its answer was not understood: sending again changes nothing.
            Err(error @ (RequestError::Malformed(_) | RequestError::Unwritable(_))) => {
                Event::Failed(letter, error.to_string())
            }
            Err(error @ (RequestError::Closed(_) | RequestError::TimedOut(_))) => return Err(error.into()),
        };
        let waiting = self.shared.outbox().settle();
        self.tell(event).await;
        self.shared.waiting.send_replace(waiting);
        Ok(Duration::ZERO)
    }

    async fn arrived(&self, push: Push) {
        match ChatLine::of(push, self.shared.user_id) {
            Ok(line) => {
                let new = self.shared.chats().arrived(&line);
                if new {
                    self.tell(Event::Line(line)).await;
                }
            }
            Err(text) => self.tell(Event::Odd(text)).await,
        }
    }

    async fn tell(&self, event: Event) {
        tokio::select! {
            // Fails when nobody listens any more, which stops the session where it waits next.
            _ = self.events.send(event) => {}
            () = self.stop.cancelled() => {}
        }
    }
}

async fn send(sender: &Sender, letter: &Letter) -> Result<Sent, RequestError> {
    let Letter { id, chat, content } = letter;
    let client_message_id = Some(*id);
    match *chat {
        Chat::Dialog(receiver_id) => {
            sender.request(&PrivateMessage { receiver_id, content, client_message_id }).await
        }
        Chat::Group(group_id) => {
            sender.request(&MessageInGroup { group_id, content, client_message_id }).await
        }
    }
}
