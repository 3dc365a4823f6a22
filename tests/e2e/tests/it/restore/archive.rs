//! A device that keeps every entry which it was handed out, and whose user types his password whenever he is asked for it.

use std::collections::BTreeMap;
use std::time::Duration;

use messenger_client::device::{Device, Event, Options, SecondDialect, State};
use messenger_client::session::{Gateway, Grant, Link, LogInError, Renewal};
use messenger_client::socket::{ConnectError, Connection};
use messenger_client::wire::v2::{Entry, To};
use messenger_support::Cluster;
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::people::{LOOK, Person, SOON};

/// Entries by conversation and place: what a user sees, or should.
pub(super) type View = BTreeMap<(i64, u64), Uuid>;

/// What the log has for a user who is a member everywhere.
const LOG: &str = "SELECT e.conversation_id, e.seq, e.client_id FROM entries e JOIN members m USING (conversation_id) \
     WHERE m.user_id = $1 AND e.seq >= m.joined_seq";

/// The link of an application that keeps no password: its user is asked once his log-in has ended.
struct Asking(SecondDialect);

impl Link for Asking {
    async fn log_in(&self) -> Result<Grant, LogInError> {
        match self.0.log_in().await {
            Err(LogInError::Refused(_)) => self.by_password().await,
            other => other,
        }
    }

    async fn dial(&self, token: &SecretString) -> Result<Connection, ConnectError> {
        match self.0.dial(token).await {
            Err(ConnectError::Refused { status: 401, .. }) => match self.by_password().await {
                Ok(grant) => self.0.dial(&grant.token).await,
                Err(_) => Err(ConnectError::TimedOut(Duration::ZERO)),
            },
            other => other,
        }
    }
}

impl Asking {
    async fn by_password(&self) -> Result<Grant, LogInError> {
        let gateway = Gateway { renewal: Renewal::default(), ..self.0.0.clone() };
        gateway.log_in().await
    }
}

pub(super) struct Archive {
    user: i64,
    pub(super) device: Device,
    events: mpsc::Receiver<Event>,
    pub(super) view: View,
    /// How often it was told that the server was restored.
    pub(super) restored: usize,
    is_online: bool,
}

impl Archive {
    /// A device that goes on from `state`, holding `view`, and is online.
    pub(super) async fn resume(
        person: &Person,
        cluster: &Cluster,
        gateway: usize,
        (state, view): (State, View),
    ) -> Self {
        let (link, grant) = person.link(cluster, gateway);
        let options = Options {
            backoff_base: Duration::from_millis(50),
            backoff_cap: Duration::from_millis(500),
            ..Options::default()
        };
        let (device, events) = Device::start(Asking(SecondDialect(link)), grant, state, options);
        let (user, is_online) = (person.id, false);
        let mut archive = Self { user, device, events, view, restored: 0, is_online };
        while !archive.is_online {
            let event = timeout(SOON, archive.events.recv()).await.unwrap().unwrap();
            archive.take(event);
        }
        archive
    }

    pub(super) async fn start(person: &Person, cluster: &Cluster, gateway: usize) -> Self {
        Self::resume(person, cluster, gateway, Default::default()).await
    }

    /// Switches it off; what it would go on from.
    pub(super) async fn away(mut self) -> (State, View) {
        self.listen();
        let state = self.device.state();
        assert_eq!(self.device.finish(SOON).await, 0);
        (state, self.view)
    }

    pub(super) fn say(&self, to: To, count: usize) {
        for number in 0..count {
            self.device.send(to, format!("{number} of {}", self.user)).unwrap();
        }
    }

    /// Takes what has come so far.
    fn listen(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.take(event);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Entry(entry) => self.keep(&entry),
            Event::Restored => {
                self.restored += 1;
                self.view.clear();
            }
            Event::Online => self.is_online = true,
            Event::Offline { .. } => self.is_online = false,
            Event::Connected(_) | Event::Pulled(_) | Event::Watermark(_) | Event::Sent(..) => {}
            odd @ (Event::Reset(_) | Event::Failed(..) | Event::Odd(_) | Event::Stopped(_)) => {
                panic!("{odd:?}")
            }
        }
    }

    /// Each entry follows the one before it, and none comes a second time.
    fn keep(&mut self, entry: &Entry) {
        let id = entry.conversation_id;
        let last = self.view.range((id, 0)..=(id, u64::MAX)).next_back().map(|((_, seq), _)| *seq);
        assert!(last.is_none_or(|last| entry.seq == last + 1), "after {last:?}: {entry:?}");
        self.view.insert((id, entry.seq), entry.client_message_id.unwrap());
    }

    /// Waits until it holds so many entries.
    pub(super) async fn reaches(&mut self, entries: usize) {
        while self.view.len() < entries {
            let event = self.events.recv().await.unwrap();
            self.take(event);
        }
    }

    /// What it should see.
    pub(super) async fn expected(&self, log: &Client) -> View {
        let rows = log.query(LOG, &[&self.user]).await.unwrap();
        let entry = |row: tokio_postgres::Row| {
            let seq = u64::try_from(row.get::<_, i64>(1)).unwrap();
            ((row.get(0), seq), row.get(2))
        };
        rows.into_iter().map(entry).collect()
    }
}

/// Waits until every device holds exactly the log and nothing waits to be acknowledged.
pub(super) async fn converge(archives: &mut [Archive], log: &Client) {
    let deadline = Instant::now() + SOON;
    for index in 0..archives.len() {
        loop {
            archives.iter_mut().for_each(Archive::listen);
            let unsent: usize = archives.iter().map(|archive| archive.device.unsent()).sum();
            let expected = archives[index].expected(log).await;
            if unsent == 0 && archives[index].view == expected {
                break;
            }
            let (held, log) = (archives[index].view.len(), expected.len());
            assert!(Instant::now() < deadline, "device {index}: {held} of {log} entries, {unsent} unsent");
            sleep(LOOK).await;
        }
    }
}
