//! A device of the client library whose life is written into the history.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use messenger_client::device::{self, Letter, SecondDialect, State};
use messenger_client::session::{Gateway, Grant, Link, LogInError};
use messenger_client::socket::{ConnectError, Connection};
use messenger_client::wire::v2::{Entry, EntryKind, Hello, To};
use secrecy::SecretString;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::dump::{self, Head};
use crate::history::{self, Device, Event, Kind, Op, Writer, digest};

/// Numbers requests over the whole run.
#[derive(Debug, Default)]
pub(crate) struct Calls(AtomicU64);

impl Calls {
    /// A number that no other request has.
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Dials the gateways in turn, as a load balancer that knows nothing of them would.
#[derive(Debug)]
pub(crate) struct Roaming {
    /// Everything but the address.
    pub(crate) gateway: Gateway,
    /// The gateways.
    pub(crate) urls: Vec<String>,
    /// Which one is next.
    pub(crate) next: AtomicUsize,
}

impl Link for Roaming {
    async fn log_in(&self) -> Result<Grant, LogInError> {
        self.gateway.log_in().await
    }

    async fn dial(&self, token: &SecretString) -> Result<Connection, ConnectError> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let url = self.urls[turn % self.urls.len()].clone();
        SecondDialect(Gateway { url, ..self.gateway.clone() }).dial(token).await
    }
}

/// A device whose life is written down.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// Who it is.
    pub(crate) who: Device,
    device: device::Device,
    seen: Arc<Seen>,
    writer: Writer,
    online: watch::Receiver<bool>,
    task: JoinSet<()>,
}

/// What the device has been shown, and which request a message belongs to.
#[derive(Debug, Default)]
struct Seen {
    places: Mutex<HashMap<i64, u64>>,
    calls: Mutex<HashMap<Uuid, u64>>,
    /// Logs that the server is said to have restored, which it never does here.
    resets: AtomicU64,
}

/// How quickly a device comes back: as quick as a test can wait for.
fn options() -> device::Options {
    device::Options {
        backoff_base: Duration::from_millis(200),
        backoff_cap: Duration::from_secs(2),
        attempts: 10_000,
        outbox: 10_000,
        ..device::Options::default()
    }
}

impl Recorded {
    /// Starts a device that hears everything from now on.
    pub(crate) fn start(who: Device, link: Roaming, grant: Grant, writer: Writer) -> Self {
        let (device, events) = device::Device::start(link, grant, State::default(), options());
        let seen = Arc::new(Seen::default());
        let (online, is_online) = watch::channel(false);
        let mut task = JoinSet::new();
        let scribe = Scribe { who, writer: writer.clone(), seen: Arc::clone(&seen), online, connection: 0 };
        task.spawn(scribe.run(events));
        Self { who, device, seen, writer, online: is_online, task }
    }

    /// Waits until it is online.
    pub(crate) async fn is_online(&self) {
        let mut online = self.online.clone();
        // It ends with the device, which outlives this call.
        let _ = online.wait_for(|online| *online).await;
    }

    /// The device, for requests that its task does not repeat.
    pub(crate) fn device(&self) -> &device::Device {
        &self.device
    }

    /// Sends a message and writes that down. False when the outbox is full.
    pub(crate) async fn send(&self, to: To, content: String, calls: &Calls) -> bool {
        let (call, id) = (calls.next(), Uuid::now_v7());
        let (conversation, user) = match to {
            To::Conversation(conversation) => (Some(conversation), None),
            To::User(user) => (None, Some(user)),
        };
        lock(&self.seen.calls).insert(id, call);
        let (message, digest) = (Some(id), Some(digest(&content)));
        let invoke =
            Event::Invoke { call, device: self.who, op: Op::Send, conversation, message, digest, user };
        self.writer.add(invoke).await;
        let posted = self.device.post(Letter { id, to, content, reply_to: None }).is_ok();
        if !posted {
            self.writer.add(Event::Fail { call, code: "outbox full".to_owned() }).await;
        }
        posted
    }

    /// Messages that wait to be acknowledged.
    pub(crate) fn unsent(&self) -> usize {
        self.device.unsent()
    }

    /// What the device has not been shown of its user's conversations, in words.
    pub(crate) fn behind(&self, heads: &[Head]) -> Vec<String> {
        let places = lock(&self.seen.places);
        let who = format!("device {}", self.who.number);
        dump::behind(heads, self.who.user, &who, |conversation| {
            places.get(&conversation).copied().unwrap_or_default()
        })
    }

    /// Ends it; what it had taken is in the history.
    pub(crate) async fn stop(mut self) {
        // Nothing is waited for: what was not acknowledged by now was told by `unsent`.
        self.device.finish(Duration::ZERO).await;
        self.task.join_next().await;
    }

    /// Logs that were restored under the device.
    pub(crate) fn resets(&self) -> u64 {
        self.seen.resets.load(Ordering::Relaxed)
    }
}

/// Writes what happens to a device.
struct Scribe {
    who: Device,
    writer: Writer,
    seen: Arc<Seen>,
    online: watch::Sender<bool>,
    connection: u32,
}

impl Scribe {
    async fn run(mut self, mut events: mpsc::Receiver<device::Event>) {
        while let Some(event) = events.recv().await {
            if let Some(event) = self.record(event) {
                self.writer.add(event).await;
            }
        }
    }

    fn record(&mut self, event: device::Event) -> Option<Event> {
        let device = self.who;
        Some(match event {
            device::Event::Connected(hello) => {
                self.connection += 1;
                Event::Connect { device, connection: self.connection, gateway: gateway_of(&hello) }
            }
            device::Event::Online => {
                self.online.send_replace(true);
                Event::Resume { device, connection: self.connection }
            }
            device::Event::Offline { why, .. } => {
                self.online.send_replace(false);
                Event::Disconnect { device, connection: self.connection, why }
            }
            device::Event::Entry(entry) => {
                lock(&self.seen.places).insert(entry.conversation_id, entry.seq);
                Event::Receive { device, connection: self.connection, entry: shown(&entry) }
            }
            device::Event::Sent(letter, stored) => Event::Ok {
                call: lock(&self.seen.calls).remove(&letter.id)?,
                conversation: stored.conversation_id,
                seq: i64::try_from(stored.seq).ok()?,
                id: Some(stored.message_id),
            },
            device::Event::Failed(letter, code) => {
                let call = lock(&self.seen.calls).remove(&letter.id)?;
                // Refused too often for now: an earlier attempt may have been stored.
                let unknown = code.starts_with("unavailable");
                if unknown { Event::Info { call, why: code } } else { Event::Fail { call, code } }
            }
            device::Event::Reset(_) | device::Event::Restored => {
                self.seen.resets.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            device::Event::Stopped(stopped) => {
                self.online.send_replace(false);
                Event::Disconnect { device, connection: self.connection, why: format!("{stopped:?}") }
            }
            device::Event::Pulled(_) | device::Event::Watermark(_) | device::Event::Odd(_) => return None,
        })
    }
}

/// The cluster names its gateways by their index.
pub(crate) fn gateway_of(hello: &Hello) -> usize {
    hello.node.rsplit('-').next().and_then(|index| index.parse().ok()).unwrap_or(usize::MAX)
}

pub(crate) fn shown(entry: &Entry) -> history::Entry {
    let kind = match entry.kind {
        EntryKind::Message => Kind::Message,
        EntryKind::GroupCreated => Kind::GroupCreated,
        EntryKind::MemberAdded => Kind::MemberAdded,
        EntryKind::MemberRemoved => Kind::MemberRemoved,
        EntryKind::MemberLeft => Kind::MemberLeft,
        EntryKind::GroupRenamed => Kind::GroupRenamed,
        EntryKind::RoleChanged => Kind::RoleChanged,
        EntryKind::Unsupported => Kind::Unsupported,
    };
    history::Entry {
        conversation: entry.conversation_id,
        seq: i64::try_from(entry.seq).unwrap_or(i64::MAX),
        id: entry.id.unwrap_or_default(),
        kind,
        sender: entry.sender_id.unwrap_or_default(),
        message: entry.client_message_id.unwrap_or_default(),
        subject: entry.user_id.or(entry.receiver_id),
        digest: entry.content.as_deref().filter(|_| kind == Kind::Message).map(digest),
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Held for single calls that leave the map whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
