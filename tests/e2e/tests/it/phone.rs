//! A device of somebody in `messenger.v2`, with what it heard sorted by kind. It never lets an odd thing pass.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use messenger_client::device::{Device, Event, Options, SecondDialect, State};
use messenger_client::socket::RequestError;
use messenger_client::wire::Request;
use messenger_client::wire::v2::{
    AddMembers, CreateGroup, Entry, EntryKind, Stored, To, Watermark, WatermarkKind,
};
use messenger_support::Cluster;
use tokio::sync::mpsc;
use tokio::time::timeout;
use uuid::Uuid;

use crate::people::{Person, SOON};

pub(crate) struct Phone {
    pub(crate) device: Device,
    events: mpsc::Receiver<Event>,
    /// What came and was not looked at yet.
    pub(crate) entries: VecDeque<Entry>,
    marks: VecDeque<Watermark>,
    stored: HashMap<Uuid, Stored>,
    pub(crate) offline: u32,
}

impl Phone {
    /// A device that goes on from `state` and is online; what it missed is in `entries`.
    pub(crate) async fn resume(person: &Person, cluster: &Cluster, gateway: usize, state: State) -> Self {
        let (link, grant) = person.link(cluster, gateway);
        let options = Options {
            backoff_base: Duration::from_millis(50),
            backoff_cap: Duration::from_millis(500),
            ..Options::default()
        };
        let (device, events) = Device::start(SecondDialect(link), grant, state, options);
        let (entries, marks, stored) = (VecDeque::new(), VecDeque::new(), HashMap::new());
        let mut phone = Self { device, events, entries, marks, stored, offline: 0 };
        while phone.hear().await != Event::Online {}
        phone
    }

    /// A new device that is online.
    pub(crate) async fn start(person: &Person, cluster: &Cluster, gateway: usize) -> Self {
        Self::resume(person, cluster, gateway, State::default()).await
    }

    /// Switches it off; what it would go on from. Everything that it has heard must have been looked at.
    pub(crate) async fn away(self) -> State {
        assert!(self.entries.is_empty(), "not looked at: {:?}", self.entries);
        let state = self.device.state();
        assert_eq!(self.device.finish(SOON).await, 0);
        state
    }

    /// Takes the next event in.
    pub(crate) async fn hear(&mut self) -> Event {
        let event = timeout(SOON, self.events.recv()).await.unwrap().unwrap();
        match event.clone() {
            Event::Entry(entry) => self.entries.push_back(*entry),
            Event::Watermark(mark) => self.marks.push_back(mark),
            Event::Sent(letter, stored) => {
                let twice = self.stored.insert(letter.id, stored);
                assert!(twice.is_none(), "acknowledged twice: {letter:?}");
            }
            Event::Offline { .. } => self.offline += 1,
            Event::Connected(_) | Event::Online | Event::Pulled(_) => {}
            odd @ (Event::Restored
            | Event::Reset(_)
            | Event::Failed(..)
            | Event::Odd(_)
            | Event::Stopped(_)) => {
                panic!("{odd:?}")
            }
        }
        event
    }

    /// The next entry, of whichever conversation.
    pub(crate) async fn entry(&mut self) -> Entry {
        loop {
            match self.entries.pop_front() {
                Some(entry) => return entry,
                None => self.hear().await,
            };
        }
    }

    /// The next entry, which must be this message.
    pub(crate) async fn reads(&mut self, content: &str) -> Entry {
        let entry = self.entry().await;
        assert_eq!((entry.kind, entry.content.as_deref()), (EntryKind::Message, Some(content)), "{entry:?}");
        entry
    }

    /// The next entry, which must be of this kind.
    pub(crate) async fn sees(&mut self, kind: EntryKind) -> Entry {
        let entry = self.entry().await;
        assert_eq!(entry.kind, kind, "{entry:?}");
        entry
    }

    /// The next watermark of this kind.
    pub(crate) async fn mark(&mut self, kind: WatermarkKind) -> Watermark {
        loop {
            match self.marks.pop_front() {
                Some(mark) if mark.kind == kind => return mark,
                Some(_) => {}
                None => drop(self.hear().await),
            }
        }
    }

    /// Writes and waits for the acknowledgement.
    pub(crate) async fn say(&mut self, to: To, content: &str) -> Stored {
        let id = self.device.send(to, content).unwrap();
        self.acknowledged(id).await
    }

    pub(crate) async fn acknowledged(&mut self, id: Uuid) -> Stored {
        loop {
            match self.stored.get(&id) {
                Some(stored) => return stored.clone(),
                None => drop(self.hear().await),
            }
        }
    }

    pub(crate) fn acknowledgements(&self) -> usize {
        self.stored.len()
    }

    /// Asks for what must succeed.
    pub(crate) async fn ask<R: Request>(&self, request: &R) -> R::Reply {
        self.device.request(request).await.unwrap()
    }

    /// Asks for what must be refused: the code.
    pub(crate) async fn refused<R: Request>(&self, request: &R) -> String
    where
        R::Reply: std::fmt::Debug,
    {
        match self.device.request(request).await {
            Err(RequestError::Refused(refusal)) => refusal.code.unwrap(),
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Makes a group with these others in it.
    pub(crate) async fn found(&self, name: &str, others: &[&Person]) -> i64 {
        let created = self.ask(&CreateGroup { name, client_group_id: None }).await;
        assert_eq!(created.seq, 1);
        let conversation_id = created.conversation_id;
        if !others.is_empty() {
            let user_ids: Vec<i64> = others.iter().map(|other| other.id).collect();
            let added = self.ask(&AddMembers { conversation_id, user_ids: &user_ids }).await;
            let seqs: Vec<_> = added.members.iter().map(|member| member.seq).collect();
            assert!(seqs.iter().all(Option::is_some), "{added:?}");
        }
        conversation_id
    }
}
