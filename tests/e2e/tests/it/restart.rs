//! A gateway that ends under load, killed or told to stop: what was acknowledged is stored, once, and everybody has
//! it in the end.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use messenger_client::session::{Chat, Event, LineKind, Options, Session};
use messenger_client::wire::{AddUserInGroup, NewGroup};
use messenger_support::{Cluster, ClusterOptions};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::people::{LOOK, People, SOON};

/// Members of the group, spread over the gateways.
const MEMBERS: usize = 6;
/// Messages acknowledged before the gateway ends, and again after it is back.
const LOAD: usize = 150;
/// The gateway that ends.
const VICTIM: usize = 1;
/// How long an ordered stop may take, drain time included.
const STOP: Duration = Duration::from_secs(10);
const PAGE: u32 = 100;

/// A member who writes one message after the other until told to stop.
struct Writer {
    name: String,
    session: Session,
    events: mpsc::Receiver<Event>,
    group: Chat,
    written: usize,
    acknowledged: Vec<i64>,
    /// What came by itself.
    heard: HashSet<String>,
    /// What is known, from wherever.
    known: HashSet<String>,
    reconnects: u32,
    /// More was written while offline than the session has read.
    behind: bool,
}

/// What all writers share.
#[derive(Default)]
struct Load {
    acknowledged: AtomicUsize,
    enough: AtomicBool,
    /// Writers who will write no more.
    done: AtomicUsize,
}

impl Writer {
    fn write(&mut self) {
        self.session.send(self.group, format!("{} {}", self.name, self.written)).unwrap();
        self.written += 1;
    }

    /// Writes and hears until everybody has stopped, then until this member knows all that was written.
    async fn run(mut self, load: Arc<Load>) -> Self {
        self.write();
        let mut waiting = true;
        while waiting {
            let event = timeout(SOON, self.events.recv()).await.unwrap().unwrap();
            if self.hear(event, &load).await {
                waiting = !load.enough.load(Ordering::Relaxed);
                if waiting {
                    self.write();
                }
            }
        }
        load.done.fetch_add(1, Ordering::Relaxed);
        let deadline = Instant::now() + SOON;
        while load.done.load(Ordering::Relaxed) < MEMBERS
            || self.known.len() < load.acknowledged.load(Ordering::Relaxed)
        {
            let (known, all) = (self.known.len(), load.acknowledged.load(Ordering::Relaxed));
            assert!(Instant::now() < deadline, "{} knows {known} of {all}", self.name);
            if let Ok(event) = timeout(LOOK, self.events.recv()).await {
                self.hear(event.unwrap(), &load).await;
            }
        }
        self
    }

    /// Takes an event in; whether it acknowledges the own message.
    async fn hear(&mut self, event: Event, load: &Load) -> bool {
        match event {
            Event::Line(line) if line.kind == LineKind::Message => {
                assert!(self.heard.insert(line.text.clone()), "{} heard {} twice", self.name, line.text);
                self.known.insert(line.text);
            }
            Event::Sent(letter, sent) => {
                self.known.insert(letter.content);
                self.acknowledged.push(sent.message_id);
                load.acknowledged.fetch_add(1, Ordering::Relaxed);
                return true;
            }
            Event::Offline { .. } => self.reconnects += 1,
            Event::Gap(_) => self.behind = true,
            Event::Online if self.behind => self.behind = !self.read_back().await,
            Event::Line(_) | Event::Online => {}
            odd @ (Event::Failed(..) | Event::Odd(_) | Event::Stopped(_)) => panic!("{}: {odd:?}", self.name),
        }
        false
    }

    /// Reads the whole history, since more was written meanwhile than one page holds; false when there is no
    /// connection again.
    async fn read_back(&mut self) -> bool {
        for page in 1.. {
            let Ok(lines) = self.session.history(self.group, PAGE, page).await else { return false };
            let is_last = lines.len() < PAGE as usize;
            self.known.extend(lines.into_iter().map(|line| line.text));
            if is_last {
                return true;
            }
        }
        false
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_gateway_loses_no_acknowledged_message() {
    let mut cluster = cluster().await;
    let (load, writers) = begin(&cluster).await;
    reach(&load, LOAD).await;
    cluster.kill(VICTIM).await;
    cluster.restart(VICTIM).await;
    finish(&cluster, &load, writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_told_to_stop_says_so_and_loses_nothing() {
    let mut cluster = cluster().await;
    let onlooker = People::of(&cluster).join("Onlooker").await;
    let mut socket = onlooker.socket(&cluster, VICTIM).await;
    let (load, writers) = begin(&cluster).await;
    reach(&load, LOAD).await;
    let (status, code) = tokio::join!(cluster.terminate(VICTIM, STOP), socket.close_code());
    assert_eq!((status.code(), code), (Some(0), Some(1012)));
    cluster.restart(VICTIM).await;
    finish(&cluster, &load, writers).await;
}

/// With a log in partitions, which has to keep the same promise.
async fn cluster() -> Cluster {
    let settings = [("GATEWAY_DRAIN_MS", "500"), ("GATEWAY_ENTRIES_PARTITIONS", "4")];
    Cluster::start(ClusterOptions { gateways: 3, settings: &settings, ..ClusterOptions::default() }).await
}

/// Everybody in one group, writing.
async fn begin(cluster: &Cluster) -> (Arc<Load>, JoinSet<Writer>) {
    let people = People::of(cluster);
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        members.push(people.join(&format!("Writer{number}")).await);
    }
    let owner = members[0].connect(cluster, 0).await;
    let group_id = owner.request(&NewGroup { group_name: "Load" }).await.unwrap().group_id;
    for member in &members[1..] {
        owner.request(&AddUserInGroup { group_id, user_id: member.id }).await.unwrap();
    }
    let load = Arc::new(Load::default());
    let mut writers = Vec::new();
    for (number, member) in members.into_iter().enumerate() {
        let (link, grant) = member.link(cluster, number % 3);
        let options = Options {
            backoff_base: Duration::from_millis(50),
            backoff_cap: Duration::from_millis(500),
            page: PAGE,
            ..Options::default()
        };
        let (session, mut events) = Session::start(link, grant, options);
        while timeout(SOON, events.recv()).await.unwrap().unwrap() != Event::Online {}
        let group = Chat::Group(group_id);
        session.open(group).await.unwrap();
        let writer = Writer {
            name: member.name,
            session,
            events,
            group,
            written: 0,
            acknowledged: Vec::new(),
            heard: HashSet::new(),
            known: HashSet::new(),
            reconnects: 0,
            behind: false,
        };
        writers.push(writer);
    }
    // Nobody writes before everybody listens.
    let running = writers.into_iter().map(|writer| writer.run(Arc::clone(&load))).collect();
    (load, running)
}

async fn reach(load: &Load, acknowledged: usize) {
    let deadline = Instant::now() + SOON;
    while load.acknowledged.load(Ordering::Relaxed) < acknowledged {
        assert!(Instant::now() < deadline, "no load");
        sleep(LOOK).await;
    }
}

/// Some more load, then the end, then the reckoning: with the members and with the table.
async fn finish(cluster: &Cluster, load: &Load, writers: JoinSet<Writer>) {
    reach(load, load.acknowledged.load(Ordering::Relaxed) + LOAD).await;
    load.enough.store(true, Ordering::Relaxed);
    let writers = timeout(2 * SOON, writers.join_all()).await.unwrap();
    assert_eq!(writers.iter().filter(|writer| writer.reconnects > 0).count(), MEMBERS / 3);
    let written: usize = writers.iter().map(|writer| writer.written).sum();
    let acknowledged: Vec<i64> = writers.iter().flat_map(|writer| writer.acknowledged.clone()).collect();
    assert_eq!(acknowledged.len(), written);
    assert!(writers.iter().all(|writer| writer.known == writers[0].known));

    let log = cluster.messages().await;
    let stored = "SELECT count(*), count(DISTINCT body) FROM entries WHERE kind = 0 AND id = ANY ($1)";
    let count = i64::try_from(written).unwrap();
    let row = log.query_one(stored, &[&acknowledged]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (count, count));
    let all = log.query_one("SELECT count(*) FROM entries WHERE kind = 0", &[]).await.unwrap();
    assert_eq!(all.get::<_, i64>(0), count, "a message was stored twice");
    let gaps = "SELECT count(*) FROM (SELECT c.id FROM conversations c JOIN entries e ON e.conversation_id = c.id \
        GROUP BY c.id, c.last_seq HAVING count(*) <> c.last_seq OR max(e.seq) <> c.last_seq OR min(e.seq) <> 1) broken";
    assert_eq!(log.query_one(gaps, &[]).await.unwrap().get::<_, i64>(0), 0);
}
