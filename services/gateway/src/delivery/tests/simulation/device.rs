//! One device: the real `logs` of the client, driven as the client's task drives them.

use std::collections::BTreeMap;

use messenger_client::device::logs::{Logs, Need, Step};
use messenger_client::wire::v2::{self, Entries, GetEntries, Resume, Resumed};
use messenger_client::wire::{Incoming, Push, Reply, Request, decode, encode};

use super::database::Database;
use super::gateway::Gateway;
use super::socket::Socket;
use super::stream::Heads;
use super::world::{Moment, Sabotage};
use crate::domain::ids::{ConversationId, Seq, UserId};

/// Steps that a hole may wait to close by itself, and that an empty pull waits for the next one.
const PATIENCE: u32 = 30;

/// What the device waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Resuming,
    Online(Option<Need>),
}

pub(super) struct Device {
    pub(super) user: UserId,
    number: usize,
    /// What its user has been shown.
    pub(super) heard: BTreeMap<ConversationId, Vec<Seq>>,
    /// How far the logs reached when it was connected for the first time.
    pub(super) begun: Option<Heads>,
    pub(super) socket: Option<Socket>,
    logs: Logs,
    phase: Phase,
    connect_at: u32,
    holding_since: Option<u32>,
    pull_not_before: u32,
}

impl Device {
    pub(super) fn new(number: usize, user: i64, connect_at: u32) -> Self {
        Self {
            user: UserId(user),
            number,
            heard: BTreeMap::new(),
            begun: None,
            socket: None,
            logs: Logs::default(),
            phase: Phase::Greeting,
            connect_at,
            holding_since: None,
            pull_not_before: 0,
        }
    }

    /// Loses its socket, which the server may not know for a while.
    pub(super) fn disconnect(&mut self, at: &mut Moment<'_>) -> Option<Socket> {
        self.connect_at = at.step + at.chance.below(at.manners.away);
        self.phase = Phase::Greeting;
        self.socket.take()
    }

    /// Is shut down and started from what it kept.
    pub(super) fn restart(&mut self) {
        self.logs = Logs::new(self.logs.state());
    }

    pub(super) fn connect(&mut self, gateways: &[Gateway], at: &mut Moment<'_>) {
        if self.socket.is_some() || at.step < self.connect_at {
            return;
        }
        let number = at.chance.below(u32::try_from(gateways.len()).unwrap()) as usize;
        let gateway = &gateways[number];
        if gateway.is_running(at.step) {
            self.socket = Socket::open(number, gateway, self.user, at);
        }
    }

    /// Nothing is under way, and nothing is wanted.
    pub(super) fn is_settled(&self) -> bool {
        let is_quiet = |socket: &Socket| socket.down.is_empty() && !socket.is_over;
        self.socket.as_ref().is_some_and(is_quiet)
            && self.phase == Phase::Online(None)
            && self.logs.need(false).is_none()
    }

    /// Reads what has come, and asks for what is needed.
    ///
    /// # Errors
    /// What the server should not have said.
    pub(super) fn turn(&mut self, at: &mut Moment<'_>) -> Result<(), String> {
        for _ in 0..at.chance.below(at.manners.reading + 1) {
            let frame = self.socket.as_mut().and_then(|socket| socket.down.pop_front());
            let Some(frame) = frame else { break };
            self.take(&frame, at)?;
        }
        self.pull(at);
        Ok(())
    }

    fn take(&mut self, frame: &str, at: &mut Moment<'_>) -> Result<(), String> {
        match (decode(frame), self.phase) {
            (Incoming::Push(Push::Event(v2::Event::Hello(hello))), Phase::Greeting) => {
                at.note(|| {
                    format!("device {} of user {} is greeted with {}", self.number, self.user, hello.sync)
                });
                let greeted = &self.socket.as_ref().unwrap().stream.greeted;
                self.begun.get_or_insert_with(|| greeted.clone());
                self.logs.connected(None, hello.sync);
                self.resume(at)
            }
            (Incoming::Push(Push::Event(v2::Event::Entry(entry))), _) => {
                let seq = place(entry.seq);
                self.told(entry.conversation_id, seq, seq, at)?;
                if at.sabotage == Sabotage::Positions {
                    self.heard.entry(ConversationId(entry.conversation_id)).or_default().push(seq);
                    return Ok(());
                }
                let steps = self.logs.entry(*entry);
                self.hear(steps, at)
            }
            (Incoming::Push(Push::Event(v2::Event::Gap(gap))), _) => {
                self.told(gap.conversation_id, place(gap.from), place(gap.to), at)?;
                self.logs.gap(gap);
                Ok(())
            }
            (Incoming::Reply(_, reply), Phase::Resuming) => {
                let answer: Resumed = self.read::<Resume>(reply)?;
                let steps = self.logs.resumed(answer);
                self.hear(steps, at)?;
                self.resume(at)
            }
            (Incoming::Reply(_, reply), Phase::Online(Some(need))) => {
                let answer: Entries = self.read::<GetEntries>(reply)?;
                (self.phase, self.holding_since) = (Phase::Online(None), None);
                let steps = self.logs.pulled(need, answer);
                if steps.is_empty() {
                    self.pull_not_before = at.step + PATIENCE;
                }
                self.hear(steps, at)
            }
            (incoming, phase) => Err(format!("a device of user {} in {phase:?} got {incoming:?}", self.user)),
        }
    }

    fn read<R: Request>(&self, reply: Reply) -> Result<R::Reply, String> {
        R::read(reply).map_err(|malformed| format!("a device of user {} cannot read: {malformed}", self.user))
    }

    fn told(&mut self, conversation: i64, from: Seq, to: Seq, at: &Moment<'_>) -> Result<(), String> {
        let number = self.number;
        let Socket { gateway, stream, .. } = self.socket.as_mut().unwrap();
        at.note(|| format!("gateway {gateway} tells device {number} {conversation}:{from}-{to}"));
        stream.take(at.database, ConversationId(conversation), from, to)
    }

    /// Asks for the next page, if there is one.
    fn resume(&mut self, at: &mut Moment<'_>) -> Result<(), String> {
        let Some(request) = self.logs.resume(at.manners.resume_positions) else { return self.complete(at) };
        self.phase = Phase::Resuming;
        at.note(|| format!("device {} asks {request:?}", self.number));
        self.ask(&request, at);
        Ok(())
    }

    fn complete(&mut self, at: &Moment<'_>) -> Result<(), String> {
        (self.phase, self.holding_since, self.pull_not_before) = (Phase::Online(None), None, 0);
        let steps = self.logs.complete();
        self.hear(steps, at)
    }

    fn ask<R: Request>(&mut self, request: &R, at: &mut Moment<'_>) {
        self.socket.as_mut().unwrap().send(encode(1, request).unwrap(), at);
    }

    fn pull(&mut self, at: &mut Moment<'_>) {
        self.holding_since = self.logs.is_holding().then(|| self.holding_since.unwrap_or(at.step));
        let patient = self.holding_since.is_none_or(|since| at.step < since + PATIENCE);
        if self.phase != Phase::Online(None) || self.pull_not_before > at.step {
            return;
        }
        let Some(need) = self.logs.need(patient) else { return };
        self.phase = Phase::Online(Some(need));
        at.note(|| format!("device {} asks {need:?}", self.number));
        let Need { conversation, after, .. } = need;
        let request = GetEntries {
            conversation_id: conversation,
            after: Some(after),
            before: None,
            limit: at.manners.page,
        };
        self.ask(&request, at);
    }

    /// Shows what came out.
    fn hear(&mut self, steps: Vec<Step>, at: &Moment<'_>) -> Result<(), String> {
        for step in steps {
            match step {
                Step::Entry(entry) => {
                    let (conversation, seq) = (ConversationId(entry.conversation_id), place(entry.seq));
                    at.note(|| format!("device {} hears {conversation}:{seq}", self.number));
                    self.heard.entry(conversation).or_default().push(seq);
                }
                Step::Reset(conversation) => {
                    return Err(format!("a device of user {} was reset in {conversation}", self.user));
                }
            }
        }
        Ok(())
    }

    /// Compares what was shown with what there is: no place twice or out of order, none that the user could not see, and
    /// of each part everything from the first connection or the part's beginning on. Of a part that has ended and was
    /// followed by another one the end may be missing: the server only knows the latest.
    ///
    /// # Errors
    /// The first difference.
    pub(super) fn compare(&self, database: &Database) -> Result<(), String> {
        let Some(begun) = &self.begun else { return Err(format!("user {} was never connected", self.user)) };
        for (id, conversation) in &database.conversations {
            let wrong = |what: String| Err(format!("a device of user {} holds of {id}: {what}", self.user));
            let heard = self.heard.get(id).map_or(&[][..], Vec::as_slice);
            let begun = begun.get(id).copied().unwrap_or(Seq::ZERO);
            let mut last = Seq::ZERO;
            for seq in heard {
                let Some(part) = conversation.part_around(self.user, *seq) else {
                    return wrong(format!("{seq}, which is not for that user"));
                };
                if *seq <= last {
                    return wrong(format!("{seq} after {last}"));
                }
                let before = seq.0 - 1;
                let is_first = last == Seq::ZERO && before <= begun.0;
                if before >= part.joined.0.max(1) && before != last.0 && !is_first {
                    return wrong(format!("{seq} but not {before}"));
                }
                last = *seq;
            }
            let Some(part) = conversation.members.get(&self.user) else { continue };
            let top = part.left.unwrap_or(conversation.last());
            if last < top && top > begun {
                return wrong(format!("nothing after {last}, of {top}"));
            }
        }
        Ok(())
    }
}

fn place(seq: u64) -> Seq {
    Seq(i64::try_from(seq).unwrap())
}
