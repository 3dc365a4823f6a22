//! A good history from a seed: a small model of the messenger, with devices that come and go.

use std::collections::{BTreeSet, HashMap, VecDeque};

use fastrand::Rng;
use uuid::Uuid;

use crate::history::{Device, Entry, Event, Kind, Op, Record};

const USERS: i64 = 6;
/// Entries missed beyond which a device is told of a gap first.
const REPLAY: usize = 8;
/// Time of one step, in microseconds.
const STEP: u64 = 5_000;

struct World {
    rng: Rng,
    at: u64,
    records: Vec<Record>,
    logs: Vec<Log>,
    devices: Vec<Model>,
    calls: u64,
    ids: i64,
}

struct Log {
    conversation: i64,
    dialog: Option<(i64, i64)>,
    members: BTreeSet<i64>,
    entries: Vec<Entry>,
}

struct Model {
    device: Device,
    connection: u32,
    online: bool,
    /// What it has not been shown yet, in order.
    queue: VecDeque<Entry>,
}

pub(super) fn simulate(seed: u64, steps: usize) -> Vec<Record> {
    let mut world = World {
        rng: Rng::with_seed(seed),
        at: 0,
        records: Vec::new(),
        logs: Vec::new(),
        devices: Vec::new(),
        calls: 0,
        ids: 100,
    };
    world.begin();
    for _ in 0..steps {
        world.at += STEP;
        world.step();
    }
    world.end();
    world.records
}

impl World {
    fn begin(&mut self) {
        for (number, user) in (1..=USERS).chain([1, 2, 3]).enumerate() {
            let device = Device { user, number: u32::try_from(number).expect("few") };
            self.devices.push(Model { device, connection: 0, online: false, queue: VecDeque::new() });
            self.connect(number);
        }
        self.logs.push(Log {
            conversation: 1,
            dialog: Some((1, 2)),
            members: [1, 2].into(),
            entries: vec![],
        });
        self.logs.push(Log { conversation: 2, dialog: Some((3, 3)), members: [3].into(), entries: vec![] });
        for owner in [1, 4] {
            self.create(owner);
        }
        self.message(0);
        for user in 2..=4 {
            self.change(2, Op::Add, 1, Some(user));
            self.message(2);
        }
    }

    fn step(&mut self) {
        let log = self.rng.usize(0..self.logs.len());
        match self.rng.u32(0..100) {
            0..60 => self.message(log),
            60..70 => self.membership(log),
            70..76 => self.unanswered(log),
            76..78 => self.refused(),
            78..88 => {
                let index = self.rng.usize(0..self.devices.len());
                if self.devices[index].online { self.disconnect(index) } else { self.connect(index) }
            }
            _ => self.pump(),
        }
        if self.rng.bool() {
            self.pump();
        }
    }

    fn end(&mut self) {
        for index in 0..self.devices.len() {
            if !self.devices[index].online {
                self.connect(index);
            }
        }
        self.pump();
        for log in std::mem::take(&mut self.logs) {
            let last_seq = log.entries.len().try_into().expect("few");
            let (conversation, dialog) = (log.conversation, log.dialog);
            self.add(Event::Conversation { conversation, dialog, last_seq });
            for entry in log.entries {
                self.add(Event::Log { entry });
            }
        }
        self.add(Event::End);
    }

    fn add(&mut self, event: Event) {
        self.at += 1;
        self.records.push(Record { at: self.at, event });
    }

    fn connect(&mut self, index: usize) {
        let model = &mut self.devices[index];
        model.online = true;
        model.connection += 1;
        let (device, connection) = (model.device, model.connection);
        self.add(Event::Connect { device, connection, gateway: index % 3 });
        let missed: Vec<Entry> = self.devices[index].queue.iter().cloned().collect();
        let mut by_log: HashMap<i64, Vec<&Entry>> = HashMap::new();
        missed.iter().for_each(|entry| by_log.entry(entry.conversation).or_default().push(entry));
        let mut long: Vec<_> = by_log.into_iter().filter(|(_, entries)| entries.len() > REPLAY).collect();
        long.sort_unstable_by_key(|(conversation, _)| *conversation);
        for (conversation, entries) in long {
            // Told of a gap, shown the newest ones, and then what lies in the gap.
            let (old, new) = entries.split_at(entries.len() - REPLAY / 2);
            let (from, to) = (old[0].seq, old[old.len() - 1].seq);
            self.add(Event::Gap { device, conversation, from, to });
            for entry in new.iter().chain(old) {
                self.add(Event::Receive { device, connection, entry: (*entry).clone() });
            }
            self.devices[index].queue.retain(|entry| entry.conversation != conversation);
        }
        self.show(index, usize::MAX);
        self.add(Event::Resume { device, connection });
    }

    fn disconnect(&mut self, index: usize) {
        self.devices[index].online = false;
        let (device, connection) = (self.devices[index].device, self.devices[index].connection);
        self.add(Event::Disconnect { device, connection, why: "away".to_owned() });
    }

    /// Every device that is online is shown what waits for it.
    fn pump(&mut self) {
        for index in 0..self.devices.len() {
            if self.devices[index].online {
                self.show(index, usize::MAX);
            }
        }
    }

    fn show(&mut self, index: usize, limit: usize) {
        for _ in 0..limit {
            let model = &mut self.devices[index];
            let Some(entry) = model.queue.pop_front() else { return };
            let (device, connection) = (model.device, model.connection);
            self.add(Event::Receive { device, connection, entry });
        }
    }

    fn device_of(&mut self, user: i64) -> Device {
        let own: Vec<Device> =
            self.devices.iter().map(|model| model.device).filter(|device| device.user == user).collect();
        self.rng.choice(own).expect("every user has a device")
    }

    fn any_member(&mut self, log: usize) -> Option<i64> {
        let members: Vec<i64> = self.logs[log].members.iter().copied().collect();
        self.rng.choice(members)
    }

    fn message(&mut self, log: usize) {
        if let Some(sender) = self.any_member(log) {
            let call = self.send(log, sender);
            self.acknowledge(call, log);
        }
    }

    /// A message of which the sender never hears, stored or not.
    fn unanswered(&mut self, log: usize) {
        let Some(sender) = self.any_member(log) else { return };
        let call = if self.rng.bool() { self.send(log, sender) } else { self.invoke(log, sender).0 };
        self.add(Event::Info { call, why: "the socket was lost".to_owned() });
    }

    fn refused(&mut self) {
        let call = self.invoke(0, 1).0;
        self.add(Event::Fail { call, code: "unavailable".to_owned() });
    }

    fn invoke(&mut self, log: usize, sender: i64) -> (u64, Uuid, u64) {
        self.calls += 1;
        let (call, message, digest) =
            (self.calls, Uuid::from_u128(self.rng.u128(..)), self.rng.u64(..1 << 53));
        let device = self.device_of(sender);
        let conversation = Some(self.logs[log].conversation);
        self.add(Event::Invoke {
            call,
            device,
            op: Op::Send,
            conversation,
            message: Some(message),
            digest: Some(digest),
            user: None,
        });
        (call, message, digest)
    }

    fn send(&mut self, log: usize, sender: i64) -> u64 {
        let (call, message, digest) = self.invoke(log, sender);
        self.append(log, Kind::Message, sender, message, None, Some(digest));
        call
    }

    fn acknowledge(&mut self, call: u64, log: usize) {
        let last = self.logs[log].entries.last().expect("an entry");
        let (conversation, seq, id) = (last.conversation, last.seq, Some(last.id));
        self.add(Event::Ok { call, conversation, seq, id });
    }

    fn append(
        &mut self,
        log: usize,
        kind: Kind,
        sender: i64,
        message: Uuid,
        subject: Option<i64>,
        digest: Option<u64>,
    ) {
        self.ids += 1;
        let target = &mut self.logs[log];
        let seq = i64::try_from(target.entries.len()).expect("few") + 1;
        let conversation = target.conversation;
        let entry = Entry { conversation, seq, id: self.ids, kind, sender, message, subject, digest };
        target.entries.push(entry.clone());
        let readers = &target.members;
        for model in self.devices.iter_mut().filter(|model| readers.contains(&model.device.user)) {
            model.queue.push_back(entry.clone());
        }
    }

    fn create(&mut self, owner: i64) {
        let conversation = i64::try_from(self.logs.len()).expect("few") + 1;
        self.logs.push(Log { conversation, dialog: None, members: [owner].into(), entries: Vec::new() });
        self.change(self.logs.len() - 1, Op::Create, owner, None);
    }

    fn membership(&mut self, log: usize) {
        if self.logs[log].dialog.is_some() {
            return self.create_another();
        }
        let Some(actor) = self.any_member(log) else { return };
        let user = self.rng.i64(1..=USERS);
        if !self.logs[log].members.contains(&user) {
            self.change(log, Op::Add, actor, Some(user));
        } else if user == actor {
            self.change(log, Op::Leave, actor, None);
        } else {
            self.change(log, Op::Remove, actor, Some(user));
        }
    }

    fn create_another(&mut self) {
        if self.logs.len() < 6 {
            let owner = self.rng.i64(1..=USERS);
            self.create(owner);
        }
    }

    fn change(&mut self, log: usize, op: Op, actor: i64, user: Option<i64>) {
        self.calls += 1;
        let (call, device) = (self.calls, self.device_of(actor));
        let conversation = Some(self.logs[log].conversation);
        self.add(Event::Invoke { call, device, op, conversation, message: None, digest: None, user });
        let message = Uuid::from_u128(self.rng.u128(..));
        let (kind, subject) = match op {
            Op::Add => (Kind::MemberAdded, user),
            Op::Remove => (Kind::MemberRemoved, user),
            Op::Leave => (Kind::MemberLeft, Some(actor)),
            _ => (Kind::GroupCreated, Some(actor)),
        };
        // Who is added sees his own coming, who goes his own going.
        if op == Op::Add {
            self.logs[log].members.extend(user);
        }
        self.append(log, kind, actor, message, subject, None);
        if matches!(op, Op::Remove | Op::Leave) {
            let gone = user.unwrap_or(actor);
            self.logs[log].members.remove(&gone);
        }
        self.acknowledge(call, log);
    }
}
