//! The links of a bus: one, or one for each node of a cluster that has slots of ours.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use messenger_chassis::redis::Node;
use redis::RedisResult;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Listener;
use super::bundle::Outgoing;
use super::interest::Holder;
use super::partition::{Layout, Partitions};
use super::redis::Shared;
use super::rings::Rings;
use super::subscriptions::Subscriptions;

/// Shortest pause between two looks at the slots.
const SHORTEST: Duration = Duration::from_millis(100);
/// Longest one while a partition is not heard: what one node does not know yet, the next one may.
const IN_DOUBT: Duration = Duration::from_millis(500);

/// By partition where it is to be had, as far as is known.
type Places = Vec<Option<Server>>;

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Server {
    /// Wherever the URL does.
    Any,
    /// A node of the cluster.
    Node(Node),
}

/// Keeps a link to each server that has partitions, until the stop; then their rings leave, until the bus is gone.
pub(super) async fn serve(
    shared: Arc<Shared>,
    listener: Arc<dyn Listener>,
    stop: CancellationToken,
    gone: CancellationToken,
) {
    let nowhere = vec![None; shared.layout.partitions().count()];
    let (places, seen) = (nowhere.clone(), nowhere);
    let (open, running) = (HashMap::new(), JoinSet::new());
    let mut links = Links { shared, listener, stop, gone, places, seen, open, running, count: 0 };
    while let Some(()) = links.stop.clone().run_until_cancelled(links.look()).await {
        if !links.pause().await {
            break;
        }
    }
    // It has handles of the bus.
    drop(links.listener);
    while links.running.join_next().await.is_some() {}
}

#[derive(Debug)]
struct Link {
    wanted: watch::Sender<Partitions>,
    rings: mpsc::Sender<Outgoing>,
    end: CancellationToken,
}

struct Links {
    shared: Arc<Shared>,
    listener: Arc<dyn Listener>,
    stop: CancellationToken,
    gone: CancellationToken,
    /// Where each partition is had.
    places: Places,
    /// Where the last look saw it.
    seen: Places,
    open: HashMap<Server, Link>,
    running: JoinSet<()>,
    count: u64,
}

impl Links {
    /// Looks where the partitions are, and has them there.
    async fn look(&mut self) {
        match look(&self.shared).await {
            Ok(seen) => {
                settle(&mut self.places, &self.seen, &seen, self.shared.heard());
                self.seen = seen;
                self.follow();
            }
            Err(error) => tracing::warn!(%error, "the cluster does not tell its slots"),
        }
    }

    /// Waits for the time of the next look. False: there is none.
    async fn pause(&mut self) -> bool {
        let shared = &self.shared;
        let longest = if shared.is_healthy() { shared.config.slots } else { IN_DOUBT };
        let mut time = pin!(tokio::time::sleep(longest));
        let mut doubt = pin!(async {
            tokio::time::sleep(SHORTEST).await;
            shared.doubt.notified().await;
        });
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = &mut doubt => return true,
                () = &mut time => return true,
                Some(ended) = self.running.join_next() => {
                    // The process goes down with it, as with any essential task.
                    ended.unwrap_or_else(|panicked| resume_unwind(panicked.into_panic()));
                }
            }
        }
    }

    /// Has each partition where its place is, with links to those servers and no others.
    fn follow(&mut self) {
        let mut wanted: HashMap<Server, Partitions> = HashMap::new();
        for (partition, server) in self.shared.layout.partitions().zip(&self.places) {
            if let Some(server) = server {
                wanted.entry(server.clone()).or_default().insert(partition);
            }
        }
        for (server, link) in &self.open {
            let wanted = wanted.get(server).copied().unwrap_or_default();
            // Also when nothing changed: what was refused is tried again.
            let before = link.wanted.send_replace(wanted);
            self.shared.loses(before.without(wanted));
        }
        self.open.retain(|server, link| {
            let stays = wanted.contains_key(server);
            if !stays {
                tracing::info!(?server, "left a node of the cluster");
                link.end.cancel();
            }
            stays
        });
        for (server, wanted) in wanted {
            if !self.open.contains_key(&server) {
                let link = self.open(server.clone(), wanted);
                self.open.insert(server, link);
            }
        }
        self.route();
    }

    fn open(&mut self, server: Server, wanted: Partitions) -> Link {
        if server != Server::Any {
            tracing::info!(?server, "a node of the cluster");
        }
        self.count += 1;
        let (shared, holder) = (&self.shared, Holder(self.count));
        let (rings, queue) = mpsc::channel(shared.config.queue);
        let silences = Arc::new(AtomicU64::new(0));
        let wanted = watch::Sender::new(wanted);
        let end = self.gone.child_token();
        let (to, counted) = (server.clone(), Arc::clone(&silences));
        let outward = Rings { shared: Arc::clone(shared), server: to, queue, silences: counted };
        self.running.spawn(outward.send(end.clone()));
        let inward = Subscriptions {
            shared: Arc::clone(shared),
            server,
            holder,
            wanted: wanted.subscribe(),
            silences,
        };
        let (listener, stop, ended) = (Arc::clone(&self.listener), self.stop.clone(), end.clone());
        self.running.spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = ended.cancelled() => {}
                () = inward.keep(listener) => {}
            }
        });
        Link { wanted, rings, end }
    }

    fn route(&self) {
        let way = |server: &Option<Server>| Some(self.open.get(server.as_ref()?)?.rings.clone());
        *self.shared.routes.write().unwrap_or_else(PoisonError::into_inner) =
            self.places.iter().map(way).collect();
    }
}

async fn look(shared: &Shared) -> RedisResult<Places> {
    if !shared.servers.is_sharded() {
        return Ok(shared.layout.partitions().map(|_| Some(Server::Any)).collect());
    }
    Ok(place(&shared.layout, &shared.servers.slots(shared.config.timeout).await?))
}

fn place(layout: &Layout, slots: &[(RangeInclusive<u16>, Node)]) -> Places {
    let at = |slot| slots.iter().find(|(range, _)| range.contains(&slot));
    let place = |partition| at(layout.slot(partition)).map(|(_, node)| Server::Node(node.clone()));
    layout.partitions().map(place).collect()
}

/// Moves partitions to where they were seen. One that is heard moves only when two looks after each other agree: a node
/// that the others have given up may still believe in its slots. One that was not seen stays: a node that is new, or was
/// reset, knows of none.
fn settle(places: &mut Places, before: &Places, seen: &Places, heard: Partitions) {
    for (index, place) in places.iter_mut().enumerate() {
        if seen[index].is_some() && (seen[index] == before[index] || !heard.has(index)) {
            place.clone_from(&seen[index]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(port: u16) -> Option<Server> {
        Some(Server::Node(Node { host: "h".to_owned(), port }))
    }

    #[test]
    fn partitions_are_seen_where_their_slots_are_and_those_without_nowhere() {
        let at = |port| Node { host: "h".to_owned(), port };
        let layout = Layout::sharded("m", "n");
        let places = place(&layout, &[(0..=8_191, at(1)), (8_192..=16_255, at(2))]);
        let count = |place: Option<Server>| places.iter().filter(|it| **it == place).count();
        assert_eq!((places.len(), count(node(1)), count(node(2)), count(None)), (128, 64, 63, 1));
    }

    #[test]
    fn what_is_heard_moves_when_two_looks_agree_and_what_is_not_at_once() {
        let layout = Layout::whole("m", "n");
        let (silent, heard) = (Partitions::default(), layout.partitions().collect());
        let mut places = vec![node(1)];
        let mut after = |before: Option<Server>, seen: Option<Server>, heard: Partitions| {
            settle(&mut places, &vec![before], &vec![seen], heard);
            places[0].clone()
        };
        assert_eq!(after(node(1), node(2), heard), node(1), "one node alone may be wrong");
        assert_eq!(after(node(2), node(2), heard), node(2));
        assert_eq!(after(node(2), node(3), silent), node(3));
        assert_eq!(after(node(3), None, silent), node(3), "who knows of no slots says nothing");
    }
}
