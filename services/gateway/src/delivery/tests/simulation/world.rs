//! One run: a database, gateways, devices, and what befalls them. Time goes in steps.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::chance::Chance;
use super::database::{Change, Database, USERS};
use super::device::Device;
use super::gateway::Gateway;
use super::manners::Manners;
use super::network::Network;
use super::socket::Socket;
use crate::domain::entry::Entry;
use crate::domain::ids::{ConversationId, UserId, Xid};

const GATEWAYS: usize = 3;
/// Whose the devices are.
const DEVICES: [i64; 6] = [1, 1, 2, 2, 3, 4];
/// What a step lasts.
const STEP: Duration = Duration::from_millis(10);
/// A night in which nothing happens: longer than an idle conversation is remembered.
const NIGHT: Duration = Duration::from_secs(700);
/// Steps after which everything must have come, once nothing goes wrong any more.
const HEALING: u32 = 800;

/// What is left out of the run, to see that it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sabotage {
    Nothing,
    /// Rings and own commits go to the sockets as they come.
    Gate,
    /// Nobody is told what the sweep has found.
    Sweep,
    /// The sweep goes on after the last transaction that it has seen.
    Cursor,
    /// A device shows what it is pushed as it comes.
    Positions,
}

/// What everybody sees of a step.
pub(super) struct Moment<'a> {
    pub(super) step: u32,
    pub(super) now: Instant,
    pub(super) database: &'a Database,
    pub(super) chance: &'a mut Chance,
    pub(super) manners: &'a Manners,
    pub(super) sabotage: Sabotage,
    is_told: bool,
}

impl Moment<'_> {
    /// Steps that an answer takes.
    pub(super) fn delay(&mut self) -> u32 {
        self.chance.below(self.manners.latency + 1)
    }

    pub(super) fn fails(&mut self) -> bool {
        self.chance.one_in(self.manners.failures)
    }

    /// Tells whoever replays the run.
    pub(super) fn note(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            eprintln!("{:4} {}", self.step, what());
        }
    }
}

/// A commit whose answer is on its way: when, to which gateway in which of its lives.
type Answer = (u32, usize, u32, Vec<Entry>);

pub(super) struct World {
    step: u32,
    now: Instant,
    database: Database,
    chance: Chance,
    manners: Manners,
    sabotage: Sabotage,
    is_told: bool,
    network: Network,
    gateways: Vec<Gateway>,
    devices: Vec<Device>,
    answers: Vec<Answer>,
    /// Sockets that their clients have left, and when the server notices.
    left: Vec<(u32, Socket)>,
}

/// What a run has seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) entries: usize,
    pub(super) heard: usize,
    pub(super) steps: u32,
}

/// The moment, as a value that leaves the rest of the world free.
macro_rules! moment {
    ($world:ident) => {
        Moment {
            step: $world.step,
            now: $world.now,
            database: &$world.database,
            chance: &mut $world.chance,
            manners: &$world.manners,
            sabotage: $world.sabotage,
            is_told: $world.is_told,
        }
    };
}

impl World {
    pub(super) fn new(seed: u64, sabotage: Sabotage, is_told: bool) -> Self {
        let mut chance = Chance::new(seed);
        let manners = Manners::draw(&mut chance);
        let late = |(number, user), chance: &mut Chance| {
            Device::new(number, user, if chance.one_in(3) { chance.below(60) } else { 0 })
        };
        let devices = DEVICES.into_iter().enumerate().map(|device| late(device, &mut chance)).collect();
        let mut world = Self {
            step: 0,
            now: Instant::now(),
            database: Database::new(),
            chance,
            manners,
            sabotage,
            is_told,
            network: Network::default(),
            gateways: Vec::new(),
            devices,
            answers: Vec::new(),
            left: Vec::new(),
        };
        let at = moment!(world);
        at.note(|| format!("{:?}", at.manners));
        world.gateways = (0..GATEWAYS).map(|_| Gateway::start(at.manners.limits, 0, &at)).collect();
        world
    }

    /// # Errors
    /// What has gone wrong.
    pub(super) fn run(mut self) -> Result<Outcome, String> {
        for _ in 0..self.manners.steps {
            self.advance()?;
        }
        self.manners.heal();
        for _ in 0..HEALING {
            self.advance()?;
            let is_quiet = self.database.is_idle() && self.answers.is_empty() && self.network.is_idle();
            if is_quiet && self.step.is_multiple_of(8) && self.devices.iter().all(Device::is_settled) {
                let missing = self.devices.iter().find_map(|device| device.compare(&self.database).err());
                if missing.is_none() {
                    break;
                }
            }
        }
        // What is still on its way must change nothing.
        for _ in 0..2 * self.manners.sweep_interval {
            self.advance()?;
        }
        self.devices.iter().try_for_each(|device| device.compare(&self.database))?;
        let heard = self.devices.iter().flat_map(|device| device.heard.values()).map(Vec::len).sum();
        let entries = self.database.conversations.values().map(|conversation| conversation.log.len()).sum();
        Ok(Outcome { entries, heard, steps: self.step })
    }

    fn advance(&mut self) -> Result<(), String> {
        self.step += 1;
        self.now += STEP;
        if self.chance.one_in(10) && self.is_asleep() {
            moment!(self).note(|| "a night passes".to_owned());
            self.now += NIGHT;
        }
        if self.chance.percent(self.manners.busy) {
            self.begin();
        }
        if self.chance.one_in(self.manners.trouble) {
            self.make_trouble();
        }
        self.commit();
        self.ring();
        self.serve();
        for number in 0..self.devices.len() {
            let mut at = moment!(self);
            self.devices[number].connect(&self.gateways, &mut at);
            self.devices[number].turn(&mut at)?;
            if self.devices[number]
                .socket
                .as_ref()
                .is_some_and(|socket| socket.is_over && socket.down.is_empty())
            {
                self.disconnect(number);
            }
        }
        Ok(())
    }

    /// Nothing runs, and every gateway knows that.
    fn is_asleep(&self) -> bool {
        let (end, step) = (Some(Xid(self.database.next_xid)), self.step);
        let knows = |gateway: &Gateway| gateway.is_running(step) && gateway.swept == end && gateway.is_idle();
        let is_quiet = self.database.is_idle() && self.answers.is_empty() && self.network.is_idle();
        is_quiet && self.gateways.iter().all(knows)
    }

    fn begin(&mut self) {
        let gateway = self.chance.below(u32::try_from(GATEWAYS).unwrap()) as usize;
        if !self.gateways[gateway].is_running(self.step) {
            return;
        }
        let groups: Vec<_> =
            self.database.conversations.iter().filter(|(_, it)| it.users.is_none()).collect();
        let groups: Vec<_> = groups.into_iter().map(|(id, _)| *id).collect();
        let all: Vec<_> = self.database.conversations.keys().copied().collect();
        let chance = &mut self.chance;
        let users: Vec<_> = (1..=USERS).map(UserId).collect();
        let (actor, user) = (chance.pick(&users), chance.pick(&users));
        let burst = 1 + chance.below(self.manners.burst);
        let write = |conversation: ConversationId, count| {
            let dialog = self.database.conversations[&conversation].users;
            let sender = dialog.map_or(actor, |(low, high)| if actor.0 % 2 == 0 { low } else { high });
            Change::Write { conversation, sender, count }
        };
        let changes = match chance.below(20) {
            0 if groups.len() < 4 => vec![Change::Found { creator: actor }],
            // Something else runs on the same server.
            1 => Vec::new(),
            2..=5 if !groups.is_empty() => vec![Change::Add { group: chance.pick(&groups), actor, user }],
            6 | 7 if !groups.is_empty() => vec![Change::Remove { group: chance.pick(&groups), actor, user }],
            8 if !groups.is_empty() => {
                vec![Change::Remove { group: chance.pick(&groups), actor, user: actor }]
            }
            9 if !groups.is_empty() => vec![Change::Rename { group: chance.pick(&groups), actor }],
            10..=14 if !groups.is_empty() => vec![write(chance.pick(&groups), burst)],
            15 => vec![write(chance.pick(&all), burst), write(chance.pick(&all), 1)],
            _ => vec![write(chance.pick(&all), burst)],
        };
        self.database.begin(gateway, changes, self.step, &mut self.chance);
    }

    fn commit(&mut self) {
        for (gateway, entries) in self.database.advance(self.step, &mut self.chance) {
            let mut at = moment!(self);
            for entry in &entries {
                at.note(|| {
                    format!("{}:{} {:?} by {}", entry.conversation, entry.seq, entry.kind, entry.sender)
                });
            }
            let due = at.step + at.delay();
            self.answers.push((due, gateway, self.gateways[gateway].life, entries));
        }
        let gateways = &self.gateways;
        let step = self.step;
        let is_due = |answer: &mut Answer| answer.0 <= step && gateways[answer.1].is_running(step);
        let due: Vec<_> = self.answers.extract_if(.., is_due).collect();
        for (_, gateway, life, entries) in due {
            let gateway = &mut self.gateways[gateway];
            if gateway.life == life {
                entries.into_iter().for_each(|entry| gateway.committed(entry, &moment!(self)));
            }
        }
    }

    fn ring(&mut self) {
        let wires: Vec<_> = self.gateways.iter().map(|gateway| Arc::clone(&gateway.wire)).collect();
        self.network.post(&wires, self.step, self.manners.weather, &mut self.chance);
        for (to, rung) in self.network.arrivals(self.step, &mut self.chance) {
            let gateway = &mut self.gateways[to];
            if gateway.is_up(self.step) {
                gateway.rang(rung, &moment!(self));
            }
        }
    }

    /// Gateways and their sockets go on.
    fn serve(&mut self) {
        for gateway in self.gateways.iter_mut().filter(|gateway| gateway.is_running(self.step)) {
            gateway.turn(&mut moment!(self));
        }
        let own = self.devices.iter_mut().filter_map(|device| device.socket.as_mut());
        for socket in own.chain(self.left.iter_mut().map(|(_, socket)| socket)) {
            let gateway = &mut self.gateways[socket.gateway];
            if gateway.is_running(self.step) || socket.life != gateway.life {
                socket.turn(gateway, &mut moment!(self));
            }
        }
        let step = self.step;
        let noticed = |(due, socket): &mut (u32, Socket)| *due <= step || socket.is_over;
        for (_, socket) in self.left.extract_if(.., noticed) {
            let gateway = &self.gateways[socket.gateway];
            socket.end(gateway);
        }
    }

    fn disconnect(&mut self, device: usize) {
        let mut at = moment!(self);
        let noticed_at = at.step + at.chance.pick(&[0, 5, 40]);
        self.left.extend(self.devices[device].disconnect(&mut at).map(|socket| (noticed_at, socket)));
    }

    fn make_trouble(&mut self) {
        let gateway = self.chance.below(u32::try_from(GATEWAYS).unwrap()) as usize;
        let device = self.chance.below(u32::try_from(DEVICES.len()).unwrap()) as usize;
        let at = moment!(self);
        match at.chance.below(8) {
            0 => {
                at.note(|| format!("gateway {gateway} dies"));
                let life = self.gateways[gateway].life + 1;
                let down_until = at.step + at.chance.below(30);
                self.gateways[gateway] = Gateway::start(at.manners.limits, life, &at);
                self.gateways[gateway].down_until = down_until;
            }
            1 | 2 => {
                self.gateways[gateway].paused_until = at.step + at.chance.pick(&[5, 20, 60]);
                at.note(|| format!("gateway {gateway} pauses"));
            }
            3 | 4 => {
                at.note(|| format!("device {device} starts anew"));
                self.devices[device].restart();
                self.disconnect(device);
            }
            _ => {
                at.note(|| format!("device {device} loses its socket"));
                self.disconnect(device);
            }
        }
    }
}
