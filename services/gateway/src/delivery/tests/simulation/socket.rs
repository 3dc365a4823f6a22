//! One connection: the handshake as `Delivery::attach` does it, a session that writes as fast as its client reads, and
//! requests that are answered from the database.

use std::collections::VecDeque;

use jiff::Timestamp;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::gateway::{DESKS, Gateway, event};
use super::stream::{Stream, heads};
use super::world::Moment;
use crate::delivery::worker::Input;
use crate::delivery::worker_of;
use crate::dialect::{Dialect, Limits, Request};
use crate::domain::command::{Command, Range};
use crate::domain::error::GatewayError;
use crate::domain::greeting::Greeting;
use crate::domain::ids::{ConversationId, Seq, SessionId, UserId, Xid};
use crate::domain::page::Limit;
use crate::domain::reply::{Place, Reply, Resumed};
use crate::domain::sync::{Bookmark, Epoch, Sync};
use crate::fanout::{Bus as _, Channel};
use crate::hub::{Drained, Frame, Registration};
use crate::store::{LogRow, Membership};
use crate::usecase::resume::cut::{self, Missed};

/// How far the handshake is.
enum Stage {
    /// Workers are told of the user.
    Telling,
    /// The memberships were read; the answer comes then.
    Reading(u32, Vec<Membership>),
    /// Workers are told of the groups, one after the other.
    Grouping(usize, Vec<Membership>, Option<oneshot::Receiver<()>>),
    Open,
}

pub(super) struct Socket {
    pub(super) gateway: usize,
    /// The gateway's life that it belongs to.
    pub(super) life: u32,
    /// The server will write nothing more.
    pub(super) is_over: bool,
    /// On the way to the client.
    pub(super) down: VecDeque<String>,
    pub(super) stream: Stream,
    user: UserId,
    registration: Registration,
    since: Xid,
    told: usize,
    stage: Stage,
    /// On the way to the server.
    up: VecDeque<(u32, String)>,
    /// Answers, and when they are there.
    replies: VecDeque<(u32, String)>,
}

impl Socket {
    /// Begins a handshake; `None` when the gateway cannot take anybody.
    pub(super) fn open(number: usize, gateway: &Gateway, user: UserId, at: &Moment<'_>) -> Option<Self> {
        let since = gateway.swept?;
        let stream = Stream::new(user, since, at.database);
        let registration =
            gateway.hub.register(user, SessionId(Uuid::nil()), Dialect::V2).expect("it goes on");
        gateway.wire.join(Channel::User(user));
        Some(Self {
            gateway: number,
            life: gateway.life,
            is_over: false,
            down: VecDeque::new(),
            stream,
            user,
            registration,
            since,
            told: 0,
            stage: Stage::Telling,
            up: VecDeque::new(),
            replies: VecDeque::new(),
        })
    }

    /// The server has noticed that it is over.
    pub(super) fn end(self, gateway: &Gateway) {
        if self.life == gateway.life {
            gateway.departed(self.user, self.told);
        }
    }

    pub(super) fn send(&mut self, frame: String, at: &mut Moment<'_>) {
        let earliest = self.up.back().map_or(0, |(due, _)| *due);
        self.up.push_back((earliest.max(at.step + at.delay()), frame));
    }

    /// The server's side goes on for a step.
    pub(super) fn turn(&mut self, gateway: &mut Gateway, at: &mut Moment<'_>) {
        if self.life != gateway.life {
            self.is_over = true;
            return;
        }
        match &self.stage {
            Stage::Open => self.serve(at),
            _ if at.chance.percent(at.manners.idle) => {}
            _ => self.shake_hands(gateway, at),
        }
    }

    fn shake_hands(&mut self, gateway: &mut Gateway, at: &mut Moment<'_>) {
        if let Stage::Grouping(_, _, Some(applied)) = &mut self.stage
            && applied.try_recv().is_err()
        {
            return;
        }
        match &mut self.stage {
            Stage::Telling if self.told < DESKS => {
                gateway.tell(self.told, Input::Present(self.user));
                self.told += 1;
            }
            Stage::Telling if at.fails() => self.is_over = true,
            Stage::Telling => {
                let memberships = at.database.conversations_of(self.user, self.since);
                self.stage = Stage::Reading(at.step + at.delay(), memberships);
            }
            Stage::Reading(due, memberships) if *due <= at.step => {
                let recent = memberships.iter().filter(|membership| membership.is_recent);
                let floors = recent.map(|recent| (recent.conversation, recent.last_seq));
                self.registration.outbox().open_after(floors);
                memberships.retain(|membership| membership.is_group);
                self.stage = Stage::Grouping(0, std::mem::take(memberships), None);
            }
            Stage::Reading(..) => {}
            Stage::Grouping(DESKS, ..) => self.greet(at),
            Stage::Grouping(desk, groups, waiting) => {
                let (done, applied) = oneshot::channel();
                let part = groups.iter().filter(|group| worker_of(group.conversation, DESKS) == *desk);
                gateway.tell(*desk, Input::Groups(self.user, part.copied().collect(), done));
                *desk += 1;
                *waiting = Some(applied);
            }
            Stage::Open => {}
        }
    }

    fn greet(&mut self, at: &Moment<'_>) {
        let greeting = Greeting {
            connection: String::new(),
            node: self.gateway.to_string(),
            user: self.user,
            heartbeat_ms: 0,
            epoch: Epoch { id: Uuid::nil(), tag: None },
            sync: Sync { xid: self.since, epoch: None },
            server_time: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
            content_bytes: 0,
            frame_bytes: 0,
            in_flight: 0,
        };
        self.stream.greeted = heads(at.database);
        self.down.push_back(Dialect::V2.hello(&greeting).unwrap());
        self.stage = Stage::Open;
    }

    /// Writes what there is room for, and answers.
    fn serve(&mut self, at: &mut Moment<'_>) {
        if self.up.front().is_some_and(|(due, _)| *due <= at.step)
            && let Some((_, frame)) = self.up.pop_front()
        {
            let Request { tag, command } = Dialect::V2.decode(&frame, Limits { content_bytes: 1 });
            let outcome = command.and_then(|command| answer(self.user, command, at));
            self.replies.push_back((at.step + at.delay(), Dialect::V2.reply(&tag, &outcome)));
        }
        if self.down.len() >= at.manners.wire || self.is_over {
            return;
        }
        let events_first = at.chance.one_in(2);
        if events_first {
            self.write_events();
        }
        while let Some((_, reply)) = self.replies.pop_front_if(|(due, _)| *due <= at.step) {
            self.down.push_back(reply);
        }
        if !events_first {
            self.write_events();
        }
    }

    fn write_events(&mut self) {
        let mut frames: Vec<Frame> = Vec::new();
        self.is_over = self.registration.outbox().drain(&mut frames) != Drained::Open;
        let text = |frame: Frame| String::from_utf8(frame.text.to_vec()).unwrap();
        self.down.extend(frames.into_iter().map(text));
    }
}

fn answer(user: UserId, command: Command, at: &mut Moment<'_>) -> Result<Reply, GatewayError> {
    match command {
        Command::Resume { since, positions, after } => Ok(resume(user, since, &positions, after, at)),
        Command::GetEntries { conversation, range: Range::After(after), limit } => {
            entries(user, conversation, after, limit, at).ok_or(GatewayError::NotFound)
        }
        other => panic!("a device does not ask for {other:?}"),
    }
}

fn resume(
    user: UserId,
    since: Option<Sync>,
    positions: &[(ConversationId, Seq)],
    after: Option<Bookmark>,
    at: &mut Moment<'_>,
) -> Reply {
    let found = at.database.resume_heads(user, since, positions, after, at.manners.resume_conversations);
    let (stretches, _) = cut::stretches(&found.heads);
    let chance = &mut *at.chance;
    let rows = at.database.stretches(&stretches, || !chance.one_in(10));
    let resumed = |missed: Missed| Resumed {
        conversation: missed.head.conversation,
        kind: missed.head.kind,
        last_seq: missed.head.top,
        own: missed.head.own,
        member: missed.head.member,
        limited: missed.limited,
        entries: missed.rows.into_iter().filter_map(place).collect(),
    };
    let conversations = cut::missed(found.heads, rows).into_iter().map(resumed).collect();
    Reply::Resumed { conversations, unknown: found.unknown, next: found.next }
}

/// A page, cut short at times as by its bytes.
fn entries(
    user: UserId,
    conversation: ConversationId,
    after: Seq,
    limit: Limit,
    at: &mut Moment<'_>,
) -> Option<Reply> {
    let (joined, top) = at.database.window(user, conversation)?;
    let after = after.max(Seq((joined.0 - 1).max(0)));
    let rows = 1 + at.chance.below(u32::try_from(limit.rows()).unwrap()) as usize;
    let rows = at.database.entries_between(conversation, after, top, rows);
    let has_more = rows.last().is_some_and(|entry| entry.seq < top);
    let entries = rows.into_iter().map(|entry| Place::Event(Box::new(event(entry)))).collect();
    Some(Reply::Entries { conversation, last_seq: top, entries, has_more })
}

fn place(row: LogRow) -> Option<Place> {
    Some(Place::Event(Box::new(event(row.entry?))))
}
