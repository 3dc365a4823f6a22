//! A bare socket in `messenger.v2` whose stream is written down as it comes, for what the library would put in order.
//!
//! Every connection is a device of its own in the history: on one socket the entries of a conversation come in order,
//! once each, without a hole. The first connection is there before any conversation, and must be told everything as long
//! as it lasts; a later one begins somewhere.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use messenger_client::session::{Grant, Link as _};
use messenger_client::socket::Connection;
use messenger_client::wire::Push;
use messenger_client::wire::v2;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::dump::{self, Head};
use crate::history::{Device, Event, Writer};
use crate::recorder::{Roaming, gateway_of, lock, shown};

/// Between two attempts to connect.
const AGAIN: Duration = Duration::from_millis(200);
/// Numbers of devices that are sockets begin here.
const NUMBERS: u32 = 1_000_000;

/// Somebody who watches what comes over the wire.
#[derive(Debug)]
pub(crate) struct Observer {
    user: i64,
    first: Arc<First>,
    is_there: watch::Receiver<bool>,
    task: JoinSet<()>,
}

/// The first connection, as long as it lasts.
#[derive(Debug, Default)]
struct First(Mutex<Option<HashMap<i64, u64>>>);

impl First {
    fn with(&self, act: impl FnOnce(&mut HashMap<i64, u64>)) {
        if let Some(places) = lock(&self.0).as_mut() {
            act(places);
        }
    }

    fn set(&self, places: Option<HashMap<i64, u64>>) {
        *lock(&self.0) = places;
    }
}

impl Observer {
    /// Watches from now on, until it is stopped.
    pub(crate) fn start(link: Roaming, grant: Grant, writer: Writer) -> Self {
        let first = Arc::new(First::default());
        let (there, is_there) = watch::channel(false);
        let mut task = JoinSet::new();
        let user = grant.user_id;
        let shared = Arc::clone(&first);
        task.spawn(async move {
            let mut is_first = true;
            loop {
                if let Ok(connection) = link.dial(&grant.token).await {
                    watch_one(connection, user, is_first, &shared, &writer, &there).await;
                    is_first = false;
                }
                sleep(AGAIN).await;
            }
        });
        Self { user, first, is_there, task }
    }

    /// Waits until its first socket is open.
    pub(crate) async fn is_there(&self) {
        let mut is_there = self.is_there.clone();
        // It ends with the observer, which outlives this call.
        let _ = is_there.wait_for(|is_there| *is_there).await;
    }

    /// What its first socket, if that still is open, has not been told of the user's conversations, in words.
    pub(crate) fn behind(&self, heads: &[Head]) -> Vec<String> {
        let mut behind = Vec::new();
        self.first.with(|places| {
            let told = |conversation| places.get(&conversation).copied().unwrap_or_default();
            behind = dump::behind(heads, self.user, "the first socket", told);
        });
        behind
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) {
        self.task.shutdown().await;
    }
}

/// Writes down one socket.
async fn watch_one(
    mut connection: Connection,
    user: i64,
    is_first: bool,
    first: &First,
    writer: &Writer,
    there: &watch::Sender<bool>,
) {
    static NEXT: AtomicU32 = AtomicU32::new(NUMBERS);
    let device = Device { user, number: NEXT.fetch_add(1, Ordering::Relaxed) };
    if is_first {
        first.set(Some(HashMap::new()));
    } else {
        writer.add(Event::Retire { device }).await;
    }
    let mut known = HashSet::new();
    while let Some(push) = connection.recv().await {
        match push {
            Push::Event(v2::Event::Hello(hello)) => {
                writer.add(Event::Connect { device, connection: 1, gateway: gateway_of(&hello) }).await;
                there.send_replace(true);
            }
            Push::Event(v2::Event::Entry(entry)) => {
                let (conversation, entry) = (entry.conversation_id, shown(&entry));
                if !is_first && known.insert(conversation) {
                    writer.add(Event::Follow { device, conversation, after: entry.seq - 1 }).await;
                }
                let seq = entry.seq.unsigned_abs();
                writer.add(Event::Receive { device, connection: 1, entry }).await;
                first.with(|places| places.extend([(conversation, seq)]));
            }
            Push::Event(v2::Event::Gap(gap)) => {
                let place = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
                let (from, to) = (place(gap.from), place(gap.to));
                writer.add(Event::Gap { device, conversation: gap.conversation_id, from, to }).await;
            }
            _ => {}
        }
    }
    if is_first {
        first.set(None);
        writer.add(Event::Retire { device }).await;
    }
    let why = connection.closed().map(ToString::to_string).unwrap_or_default();
    writer.add(Event::Disconnect { device, connection: 1, why }).await;
}
