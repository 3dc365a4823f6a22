//! Members who write and listen for as long as the timeline says, and what became of every message.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::ledger::{Breaches, compare};
use crate::measure::{Errors, Live, Meters, Timeline, add_errors};
use crate::population::Member;
use crate::run::Run;
use crate::sink::{Listening, Sink};
use crate::source::{Sending, Source};
use crate::stage::Conversation;

/// Quiet after the last expected delivery, in which a second copy would come.
const QUIET: Duration = Duration::from_millis(500);

/// By index of the member.
type Sent = Vec<(usize, Sending)>;
type AllHeard = Vec<(usize, Listening)>;

/// Traffic under way.
pub(crate) struct Traffic {
    conversations: Vec<Conversation>,
    timeline: Timeline,
    live: Arc<Live>,
    stop: CancellationToken,
    sources: JoinSet<(usize, Sending)>,
    sinks: JoinSet<(usize, Listening)>,
}

/// What became of it.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) acks: Meters,
    pub(crate) deliveries: Meters,
    /// Messages of open loops that were due but found no room in flight before the end.
    pub(crate) unsent: u64,
    pub(crate) breaches: Breaches,
    pub(crate) errors: Errors,
}

/// Turns counts into a progress line.
struct Pulse {
    timeline: Timeline,
    live: Arc<Live>,
    at: Instant,
    acks: u64,
    deliveries: u64,
}

impl Traffic {
    pub(crate) fn start(
        run: &Run<'_>,
        members: Vec<Member>,
        conversations: Vec<Conversation>,
        in_flight: usize,
        timeline: Timeline,
    ) -> Self {
        let (live, stop) = (Arc::<Live>::default(), CancellationToken::new());
        let mut sources = JoinSet::new();
        for role in conversations.iter().flat_map(|conversation| &conversation.roles) {
            let source = Source {
                sender: members[role.member].connection.sender(),
                target: role.target,
                pace: role.pace,
                in_flight,
                bytes: run.options.bytes as usize,
                timeline: timeline.clone(),
                live: Arc::clone(&live),
            };
            let member = role.member;
            sources.spawn(async move { (member, source.run().await) });
        }
        let mut sinks = JoinSet::new();
        for (index, member) in members.into_iter().enumerate() {
            let sink = Sink {
                connection: member.connection,
                timeline: timeline.clone(),
                live: Arc::clone(&live),
                stop: stop.clone(),
            };
            sinks.spawn(async move { (index, sink.run().await) });
        }
        Self { conversations, timeline, live, stop, sources, sinks }
    }

    /// What to show each second.
    pub(crate) fn pulse(&self) -> impl FnMut() -> String + use<> {
        let (timeline, live) = (self.timeline.clone(), Arc::clone(&self.live));
        let mut pulse = Pulse { timeline, live, at: Instant::now(), acks: 0, deliveries: 0 };
        move || pulse.beat()
    }

    /// Waits until the timeline ends and everything has arrived.
    pub(crate) async fn finish(mut self, run: &Run<'_>) -> Result<Outcome> {
        let pulse = self.pulse();
        let sent = async {
            let mut sent = Vec::new();
            while let Some(done) = self.sources.join_next().await {
                sent.push(done.context("a sender failed")?);
            }
            anyhow::Ok(sent)
        };
        let sent = run.show(pulse, sent).await?;
        run.say("waiting for the last deliveries");
        self.settle(expected(&self.conversations, &sent), Duration::from_secs(run.options.settle)).await;
        self.stop.cancel();
        let heard = self.sinks.join_all().await;
        Ok(outcome(&self.conversations, &sent, &heard))
    }

    /// Waits until everything has arrived and no second copy follows, or until the time for it is over.
    async fn settle(&self, expected: u64, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut before = None;
        while Instant::now() < deadline {
            let arrived = Live::read(&self.live.deliveries);
            if arrived >= expected && before == Some(arrived) {
                return;
            }
            before = Some(arrived);
            sleep(QUIET).await;
        }
    }
}

impl Pulse {
    fn beat(&mut self) -> String {
        let (acks, deliveries) = (Live::read(&self.live.acks), Live::read(&self.live.deliveries));
        let millis = self.at.elapsed().as_millis().max(1);
        let a_second = |now: u64, before: u64| u128::from(now - before) * 1000 / millis;
        let line = format!(
            "{:>4} s: {:>7} stored/s {:>8} delivered/s {:>4} errors",
            self.timeline.now() / 1_000_000_000,
            a_second(acks, self.acks),
            a_second(deliveries, self.deliveries),
            Live::read(&self.live.errors),
        );
        (self.acks, self.deliveries, self.at) = (acks, deliveries, Instant::now());
        line
    }
}

fn outcome(conversations: &[Conversation], sent: &Sent, heard: &AllHeard) -> Outcome {
    let mut outcome = Outcome { breaches: breaches(conversations, sent, heard), ..Outcome::default() };
    for (_, sending) in sent {
        outcome.acks.add(&sending.meters);
        outcome.unsent += sending.unsent;
        add_errors(&mut outcome.errors, &sending.errors);
    }
    for (_, listening) in heard {
        outcome.deliveries.add(&listening.meters);
        add_errors(&mut outcome.errors, &listening.errors);
    }
    outcome
}

/// Deliveries that the acknowledged messages must lead to.
fn expected(conversations: &[Conversation], sent: &Sent) -> u64 {
    let of = |conversation: &Conversation| -> u64 {
        let acked = |member: usize| sent.iter().find(|(index, _)| *index == member);
        let deliveries = conversation.roles.iter().map(|role| {
            let listeners =
                conversation.listeners.iter().filter(|listener| **listener != role.member).count();
            acked(role.member).map_or(0, |(_, sending)| sending.acked.len()) * listeners as u64
        });
        deliveries.sum()
    };
    conversations.iter().map(of).sum()
}

fn breaches(conversations: &[Conversation], sent: &Sent, heard: &AllHeard) -> Breaches {
    let mut breaches = Breaches::default();
    for conversation in conversations {
        let sends = |member: &usize| conversation.roles.iter().any(|role| role.member == *member);
        let acked = sent.iter().filter(|(member, _)| sends(member));
        let acked: Vec<_> = acked.map(|(member, sending)| (*member, sending.acked.clone())).collect();
        let listeners = heard.iter().filter(|(member, _)| conversation.listeners.contains(member));
        let listeners: Vec<_> = listeners.map(|(member, heard)| (*member, heard.heard.clone())).collect();
        breaches.add(compare(&acked, &listeners));
    }
    breaches
}
