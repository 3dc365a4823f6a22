//! What the clients do while things break: messages in dialogs and groups, and members who come and go.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use messenger_client::socket::RequestError;
use messenger_client::wire::Request;
use messenger_client::wire::v2::{AddMembers, CreateGroup, LeaveConversation, RemoveMember, To};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::history::{Event, Op, Writer};
use crate::observer::Observer;
use crate::recorder::{Calls, Recorded};

/// How often a member comes or goes.
const CHURN: Duration = Duration::from_millis(300);
/// How often it is looked whether all was sent.
const LOOK: Duration = Duration::from_millis(20);
/// Messages that a device may have waiting before the load passes it over.
const WAITING: usize = 200;

/// The clients, and what they talk in.
#[derive(Debug)]
pub(crate) struct Crowd {
    /// All devices; those of one user stand together.
    pub(crate) devices: Vec<Arc<Recorded>>,
    /// One bare socket of each user.
    pub(crate) observers: Vec<Observer>,
    /// Groups with their owners' devices.
    pub(crate) groups: Vec<(i64, Arc<Recorded>)>,
    /// Numbers the requests.
    pub(crate) calls: Calls,
    /// Where it is written down.
    pub(crate) writer: Writer,
}

impl Crowd {
    /// Makes a group of the first `members` users, owned by the user of device `owner`.
    ///
    /// # Errors
    /// When it is refused: nothing is broken yet.
    pub(crate) async fn found(&mut self, owner: usize, members: usize) -> Result<()> {
        let founder = Arc::clone(&self.devices[owner]);
        let call = self.invoke(&founder, Op::Create, None, None).await;
        let request = CreateGroup { name: "crew", client_group_id: Some(Uuid::now_v7()) };
        let created =
            founder.device().request(&request).await.map_err(|error| anyhow!("found a group: {error}"))?;
        self.ok(call, created.conversation_id, created.seq).await;
        self.groups.push((created.conversation_id, Arc::clone(&founder)));
        let mut users: Vec<_> = self.devices.iter().map(|device| device.who.user).collect();
        users.dedup();
        users.truncate(members);
        for user in users.into_iter().filter(|user| *user != founder.who.user) {
            self.add(created.conversation_id, &founder, user).await;
        }
        Ok(())
    }

    /// Sends `rate` messages a second until told to stop; members come and go meanwhile.
    pub(crate) async fn run(&self, rate: u32, seed: u64, hush: &CancellationToken) {
        tokio::join!(self.talk(rate, seed, hush), self.come_and_go(seed, hush));
    }

    async fn talk(&self, rate: u32, seed: u64, hush: &CancellationToken) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut pace = interval(Duration::from_secs(1) / rate);
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut number: u64 = 0;
        while hush.run_until_cancelled(pace.tick()).await.is_some() {
            number += 1;
            let sender = &self.devices[rng.usize(..self.devices.len())];
            if sender.unsent() > WAITING {
                continue;
            }
            let to = if rng.bool() || self.groups.is_empty() {
                To::User(self.devices[rng.usize(..self.devices.len())].who.user)
            } else {
                To::Conversation(self.groups[rng.usize(..self.groups.len())].0)
            };
            sender.send(to, format!("{number} of {}", sender.who.user), &self.calls).await;
        }
    }

    async fn come_and_go(&self, seed: u64, hush: &CancellationToken) {
        let mut rng = fastrand::Rng::with_seed(seed ^ 1);
        let mut pace = interval(CHURN);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.groups.is_empty() && hush.run_until_cancelled(pace.tick()).await.is_some() {
            self.churn(&mut rng).await;
        }
    }

    /// Somebody is added, removed or leaves. A group's owner stays.
    async fn churn(&self, rng: &mut fastrand::Rng) {
        let (group, owner) = &self.groups[rng.usize(..self.groups.len())];
        let other = &self.devices[rng.usize(..self.devices.len())];
        if other.who.user == owner.who.user {
            return;
        }
        match rng.u32(..4) {
            0 => {
                let call = self.invoke(owner, Op::Remove, Some(*group), Some(other.who.user)).await;
                let request = RemoveMember { conversation_id: *group, user_id: other.who.user };
                self.ask(call, *group, owner, &request).await;
            }
            1 => {
                let call = self.invoke(other, Op::Leave, Some(*group), None).await;
                self.ask(call, *group, other, &LeaveConversation { conversation_id: *group }).await;
            }
            _ => self.add(*group, owner, other.who.user).await,
        }
    }

    async fn add(&self, group: i64, owner: &Recorded, user: i64) {
        let call = self.invoke(owner, Op::Add, Some(group), Some(user)).await;
        let request = AddMembers { conversation_id: group, user_ids: &[user] };
        match owner.device().request(&request).await {
            Ok(added) => match added.members.first() {
                Some(member) if member.seq.is_some() => {
                    self.ok(call, group, member.seq.unwrap_or_default()).await;
                }
                Some(member) if member.code.as_deref() != Some("unavailable") => {
                    let code = member.code.clone().unwrap_or_default();
                    self.writer.add(Event::Fail { call, code }).await;
                }
                _ => self.writer.add(Event::Info { call, why: "unavailable".to_owned() }).await,
            },
            Err(error) => self.failed(call, &error).await,
        }
    }

    async fn ask<R>(&self, call: u64, group: i64, device: &Recorded, request: &R)
    where
        R: Request<Reply = messenger_client::wire::v2::Changed>,
    {
        match device.device().request(request).await {
            Ok(changed) => self.ok(call, group, changed.seq).await,
            Err(error) => self.failed(call, &error).await,
        }
    }

    async fn invoke(&self, device: &Recorded, op: Op, conversation: Option<i64>, user: Option<i64>) -> u64 {
        let call = self.calls.next();
        let device = device.who;
        self.writer
            .add(Event::Invoke { call, device, op, conversation, message: None, digest: None, user })
            .await;
        call
    }

    async fn ok(&self, call: u64, conversation: i64, seq: u64) {
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        self.writer.add(Event::Ok { call, conversation, seq, id: None }).await;
    }

    async fn failed(&self, call: u64, error: &RequestError) {
        let event = match error {
            RequestError::Refused(refusal) if refusal.code.as_deref() != Some("unavailable") => {
                Event::Fail { call, code: refusal.code.clone().unwrap_or_default() }
            }
            error => Event::Info { call, why: error.to_string() },
        };
        self.writer.add(event).await;
    }

    /// Waits until nobody has anything left to send; how many messages are left at the deadline.
    pub(crate) async fn sent(&self, deadline: Instant) -> usize {
        loop {
            let unsent: usize = self.devices.iter().map(|device| device.unsent()).sum();
            if unsent == 0 || Instant::now() >= deadline {
                return unsent;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
