//! A run from the first sign-up to the result.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::ledger::{Breaches, compare};
use crate::measure::{Errors, Live, Meter, Timeline};
use crate::options::Options;
use crate::population::{Member, gather};
use crate::processes::{self, Usage};
use crate::report::{Latency, Rate, Report};
use crate::sink::{Listening, Sink};
use crate::source::{Sending, Source};
use crate::stage::{self, Conversation};

/// Quiet after the last expected delivery, in which a second copy would come.
const QUIET: Duration = Duration::from_millis(500);

/// Performs a run; `progress` is given a line each second.
///
/// # Errors
/// When the users or conversations cannot be made. Errors while measuring are part of the [`Report`].
pub async fn run(options: &Options, progress: impl Fn(&str)) -> Result<Report> {
    let run = Uuid::new_v4().simple().to_string()[..8].to_owned();
    let users = options.scenario.users();
    progress(&format!("run {run}: signing up {users} users"));
    let members = gather(options, &run, users).await?;
    let conversations = stage::set(options, &members).await?;
    let warm_up = Duration::from_secs(options.warm_up);
    let play = Play {
        options,
        timeline: Timeline::start(warm_up, options.measured()),
        live: Arc::default(),
        stop: CancellationToken::new(),
    };
    let (sources, sinks) = play.start(members, &conversations);
    let used = processes::measure(&options.watch, &play.timeline);
    let (sent, processes) = tokio::join!(play.watch(sources, &progress), used);
    let sent = sent?;
    progress("waiting for the last deliveries");
    play.settle(expected(&conversations, &sent)).await;
    let heard = play.stop(sinks).await?;
    play.report(run, &conversations, &sent, &heard, processes)
}

/// By index of the member.
type Sent = Vec<(usize, Sending)>;
type AllHeard = Vec<(usize, Listening)>;
type Sources = JoinSet<Result<(usize, Sending)>>;
type Sinks = JoinSet<Result<(usize, Listening)>>;

/// What all tasks of a run share.
struct Play<'a> {
    options: &'a Options,
    timeline: Timeline,
    live: Arc<Live>,
    stop: CancellationToken,
}

impl Play<'_> {
    fn start(&self, members: Vec<Member>, conversations: &[Conversation]) -> (Sources, Sinks) {
        let mut sources = JoinSet::new();
        for role in conversations.iter().flat_map(|conversation| &conversation.roles) {
            let source = Source {
                sender: members[role.member].connection.sender(),
                target: role.target,
                pace: role.pace,
                in_flight: self.options.scenario.in_flight(),
                bytes: self.options.bytes as usize,
                timeline: self.timeline.clone(),
                live: Arc::clone(&self.live),
            };
            let member = role.member;
            sources.spawn(async move { Ok((member, source.run().await?)) });
        }
        let mut sinks = JoinSet::new();
        for (index, member) in members.into_iter().enumerate() {
            let sink = Sink {
                connection: member.connection,
                timeline: self.timeline.clone(),
                live: Arc::clone(&self.live),
                stop: self.stop.clone(),
            };
            sinks.spawn(async move { Ok((index, sink.run().await?)) });
        }
        (sources, sinks)
    }

    /// Waits for all sources and shows how they do.
    async fn watch(&self, mut sources: Sources, progress: &impl Fn(&str)) -> Result<Sent> {
        let mut sent = Vec::new();
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.tick().await;
        let mut before = (0, 0);
        let mut at = Instant::now();
        loop {
            tokio::select! {
                done = sources.join_next() => match done {
                    Some(done) => sent.push(done.context("a sender failed")??),
                    None => return Ok(sent),
                },
                _ = ticks.tick() => {
                    let counts = (Live::read(&self.live.acks), Live::read(&self.live.deliveries));
                    let millis = at.elapsed().as_millis().max(1);
                    let a_second = |now: u64, before: u64| u128::from(now - before) * 1000 / millis;
                    progress(&format!(
                        "{:>4} s: {:>7} stored/s {:>8} delivered/s {:>4} errors",
                        self.timeline.now() / 1_000_000_000,
                        a_second(counts.0, before.0),
                        a_second(counts.1, before.1),
                        Live::read(&self.live.errors),
                    ));
                    before = counts;
                    at = Instant::now();
                }
            }
        }
    }

    /// Waits until everything has arrived and no second copy follows, or until the time for it is over.
    async fn settle(&self, expected: u64) {
        let deadline = Instant::now() + Duration::from_secs(self.options.settle);
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

    async fn stop(&self, sinks: Sinks) -> Result<AllHeard> {
        self.stop.cancel();
        sinks.join_all().await.into_iter().collect()
    }

    fn report(
        &self,
        run: String,
        conversations: &[Conversation],
        sent: &Sent,
        heard: &AllHeard,
        processes: Vec<Usage>,
    ) -> Result<Report> {
        let (mut acks, mut deliveries) = (Meter::new()?, Meter::new()?);
        let mut errors = Errors::new();
        let mut unsent = 0;
        for (_, sending) in sent {
            acks.add(&sending.meter)?;
            unsent += sending.unsent;
            sending.errors.iter().for_each(|(error, n)| *errors.entry(error.clone()).or_default() += n);
        }
        for (_, listening) in heard {
            deliveries.add(&listening.meter)?;
            listening.errors.iter().for_each(|(error, n)| *errors.entry(error.clone()).or_default() += n);
        }
        Ok(Report {
            run,
            scenario: self.options.scenario,
            gateways: self.options.gateway.len(),
            seconds: self.options.seconds,
            stored: Rate::of(&acks, self.options.seconds),
            delivered: Rate::of(&deliveries, self.options.seconds),
            send_to_ack: Latency::of(&acks),
            send_to_delivery: Latency::of(&deliveries),
            unsent,
            breaches: breaches(conversations, sent, heard),
            errors,
            processes,
        })
    }
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
