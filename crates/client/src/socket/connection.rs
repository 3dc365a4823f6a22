//! The typed level: one task reads and writes the socket, any number of senders ask, one owner takes pushes.
//!
//! Invariant: whatever ends the socket, every waiting request gets an answer and the push queue ends.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::pending::{Pending, Shared};
use super::raw::Stream;
use super::{CLOSE_ECHO, Closed, ConnectError, Handshake, Options, RawConnection, RequestError};
use crate::wire::{Incoming, Push, Request, decode, encode};

/// Frames written between two flushes.
const WRITE_BATCH: usize = 64;

/// A typed socket: the owner of its task and of its pushes.
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    pushes: mpsc::Receiver<Push>,
    task: JoinSet<()>,
    close_timeout: Duration,
}

/// Asks over a socket; cheap to clone. Ends with its [`Connection`].
#[derive(Debug, Clone)]
pub struct Sender {
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Message>,
    request_timeout: Duration,
}

impl Connection {
    /// Connects to `url` and presents `token`, with the default limits.
    ///
    /// # Errors
    /// [`ConnectError`], which tells an HTTP answer from a network failure.
    pub async fn open(url: &str, token: &str) -> Result<Self, ConnectError> {
        Self::open_with(&Handshake::new(url).bearer(token)?, &Options::default()).await
    }

    /// Connects with a handshake and limits of one's own.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub async fn open_with(handshake: &Handshake, options: &Options) -> Result<Self, ConnectError> {
        Ok(Self::start(RawConnection::open(handshake, options).await?, options))
    }

    /// Gives an open raw connection its meaning. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(raw: RawConnection, options: &Options) -> Self {
        let shared = Arc::new(Shared::new(options.in_flight));
        let (outgoing, queue) = mpsc::channel(options.in_flight);
        let (arrived, pushes) = mpsc::channel(options.push_queue);
        let sender =
            Sender { shared: Arc::clone(&shared), outgoing, request_timeout: options.request_timeout };
        let (sink, stream) = raw.stream.split();
        let reader = Reader {
            stream,
            shared,
            arrived,
            outgoing: sender.outgoing.clone(),
            half_silence: options.silence / 2,
        };
        let mut task = JoinSet::new();
        task.spawn(drive(reader, sink, queue));
        Self { sender, pushes, task, close_timeout: options.close_timeout }
    }

    /// A handle that asks over this socket.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Asks and waits for the reply: [`Sender::request`].
    ///
    /// # Errors
    /// As [`Sender::request`].
    pub async fn request<R: Request>(&self, request: &R) -> Result<R::Reply, RequestError> {
        self.sender.request(request).await
    }

    /// The next push; `None` once the socket has closed and all pushes are taken. Cancel safe.
    pub async fn recv(&mut self) -> Option<Push> {
        self.pushes.recv().await
    }

    /// Waits for pushes and moves up to `limit` of them to `pushes`; 0 as [`Connection::recv`]'s `None`.
    /// Cancel safe.
    pub async fn recv_many(&mut self, pushes: &mut Vec<Push>, limit: usize) -> usize {
        self.pushes.recv_many(pushes, limit).await
    }

    /// How the socket ended; `None` while it is open.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        self.sender.shared.closed()
    }

    /// Closes the socket with code 1000 and waits for its task, at most the time of
    /// [`Options::close_timeout`]. Requests still waiting fail; pushes not taken are dropped.
    pub async fn close(mut self) -> Closed {
        self.pushes.close();
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        let farewell = async {
            // Fails when the task has ended, which is what is waited for.
            let _ = self.sender.outgoing.send(Message::Close(Some(frame))).await;
            self.task.join_next().await;
        };
        let in_time = timeout(self.close_timeout, farewell).await.is_ok();
        if !in_time {
            self.task.shutdown().await;
            self.sender.shared.close(Closed::broken("the peer did not answer the close"));
        }
        self.closed().cloned().unwrap_or_else(|| Closed::broken("the connection's task failed"))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Senders may outlive the connection: what they wait for will not come.
        self.sender.shared.close(Closed::broken("the connection was dropped"));
    }
}

impl Sender {
    /// Asks and waits for the reply, at most [`Options::request_timeout`].
    ///
    /// # Errors
    /// [`RequestError`]: refused, or without an answer.
    pub async fn request<R: Request>(&self, request: &R) -> Result<R::Reply, RequestError> {
        let asked = async { self.submit(request).await?.await };
        timeout(self.request_timeout, asked)
            .await
            .unwrap_or(Err(RequestError::TimedOut(self.request_timeout)))
    }

    /// Hands a request to the socket and returns without waiting for the reply: requests submitted one after
    /// another go out in that order. Waits while [`Options::in_flight`] requests are unanswered. Cancel safe:
    /// a cancelled call has sent nothing.
    ///
    /// # Errors
    /// [`RequestError::Closed`] or [`RequestError::Unwritable`].
    pub async fn submit<R: Request>(&self, request: &R) -> Result<Pending<R>, RequestError> {
        let turn = self.shared.turn().await?;
        let slot = self.outgoing.reserve().await.map_err(|_| self.shared.gone())?;
        let pending = self.shared.expect(turn);
        slot.send(Message::text(encode(pending.id(), request)?));
        Ok(pending)
    }
}

/// Reads and writes in one task, so that a peer that reads nothing cannot stop our reading.
async fn drive(reader: Reader, sink: SplitSink<Stream, Message>, queue: mpsc::Receiver<Message>) {
    let shared = Arc::clone(&reader.shared);
    let writing = async {
        write(sink, queue).await;
        // What broke the writing ends the reading too, and the reader knows the reason.
        std::future::pending::<Closed>().await
    };
    let closed = tokio::select! {
        closed = reader.run() => closed,
        closed = writing => closed,
    };
    shared.close(closed);
}

async fn write(mut sink: SplitSink<Stream, Message>, mut queue: mpsc::Receiver<Message>) {
    let mut batch = Vec::with_capacity(WRITE_BATCH);
    while queue.recv_many(&mut batch, WRITE_BATCH).await > 0 {
        for message in batch.drain(..) {
            if sink.feed(message).await.is_err() {
                return;
            }
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
}

struct Reader {
    stream: SplitStream<Stream>,
    shared: Arc<Shared>,
    arrived: mpsc::Sender<Push>,
    outgoing: mpsc::Sender<Message>,
    half_silence: Duration,
}

impl Reader {
    async fn run(mut self) -> Closed {
        let mut heard = Instant::now();
        let mut pinged = false;
        let alarm = sleep_until(heard + self.half_silence);
        tokio::pin!(alarm);
        loop {
            let next = tokio::select! {
                next = self.stream.next() => next,
                () = &mut alarm => {
                    // The alarm is not moved for each frame, so it may ring long after one was heard.
                    let quiet = heard.elapsed();
                    if quiet < self.half_silence {
                        alarm.as_mut().reset(heard + self.half_silence);
                    } else if pinged {
                        return Closed::broken("the peer fell silent");
                    } else {
                        pinged = true;
                        // A full queue means that writing is stuck: the next alarm finds the same silence.
                        let _ = self.outgoing.try_send(Message::Ping(Vec::new().into()));
                        alarm.as_mut().reset(Instant::now() + self.half_silence);
                    }
                    continue;
                }
            };
            heard = Instant::now();
            pinged = false;
            match next {
                Some(Ok(Message::Text(text))) => self.sort(&text).await,
                Some(Ok(Message::Close(frame))) => {
                    // Reading on answers the close; the stream ends when the peer has heard it.
                    let _ = timeout(CLOSE_ECHO, self.stream.next()).await;
                    return Closed::by_peer(frame);
                }
                Some(Ok(Message::Binary(bytes))) => {
                    self.push(Push::Unknown(String::from_utf8_lossy(&bytes).into_owned())).await;
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Closed::broken(error),
                None => return Closed::broken("the connection ended"),
            }
        }
    }

    async fn sort(&self, text: &str) {
        let asked = match decode(text) {
            Incoming::Push(push) => return self.push(push).await,
            Incoming::Reply(id, reply) => self.shared.answer(id, Ok(reply)),
            Incoming::Refusal(id, refusal) => self.shared.answer(id, Err(refusal)),
        };
        if !asked {
            self.push(Push::Unknown(text.to_owned())).await;
        }
    }

    async fn push(&self, push: Push) {
        // Fails when the owner closed the queue to take no more.
        let _ = self.arrived.send(push).await;
    }
}
