//! Users who read the history of one long conversation, page by page, over and over.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::future::{join_all, try_join_all};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use messenger_client::socket::{Handshake, LeanConnection, Options, RequestError};
use messenger_client::wire::{AddUserInGroup, LatestMessageGroup, MessageInGroup, NewGroup};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use tokio::time::sleep;

use crate::figures::{Latency, Rate};
use crate::measure::{Errors, Meters, Phase, Timeline, add_errors};
use crate::population::{self, Person};
use crate::run::Run;

/// Entries of a page.
const PAGE: u32 = 50;
/// Messages that are under way at once while the conversation is filled.
const FILLING: usize = 64;
/// Wait after a failure: a server that refuses all must not be asked in a busy loop.
const AFTER_FAILURE: Duration = Duration::from_millis(10);

/// Users who read.
pub(crate) struct Readers {
    sockets: Vec<LeanConnection>,
    group_id: i64,
    pages: u32,
}

/// Pages that were read in the measured time.
#[derive(Debug, Serialize)]
pub(crate) struct Reads {
    pub(crate) rate: Rate,
    pub(crate) latency: Latency,
}

impl Readers {
    /// Makes `count` users and a group of theirs, and fills it with `entries` messages.
    pub(crate) async fn gather(run: &Run<'_>, count: u32, entries: u32) -> Result<Self> {
        let people = population::sign_up(run, "reader", count).await?;
        let group_id = fill(run, &people, entries).await.context("fill the conversation that is read")?;
        let sockets = try_join_all(people.iter().enumerate().map(|(index, person)| open(run, index, person)));
        Ok(Self { sockets: sockets.await?, group_id, pages: entries.div_ceil(PAGE) })
    }

    /// Reads to the end of the timeline.
    pub(crate) async fn read(self, timeline: &Timeline, seconds: u64) -> (Reads, Errors) {
        let Self { sockets, group_id, pages } = self;
        let readers = sockets.into_iter().zip(0..).map(async |(socket, index)| {
            // Each begins elsewhere.
            read(socket, group_id, pages, index % pages, timeline).await
        });
        let (mut meters, mut errors) = (Meters::default(), Errors::new());
        for (read, failed) in join_all(readers).await {
            meters.add(&read);
            add_errors(&mut errors, &failed);
        }
        let meter = meters.of(Phase::Calm);
        #[expect(clippy::cast_precision_loss, reason = "a number of seconds below a thousand")]
        let rate = Rate::of(meter.in_phase, seconds as f64);
        (Reads { rate, latency: Latency::of(&meter.latency) }, errors)
    }
}

async fn read(
    mut socket: LeanConnection,
    group_id: i64,
    pages: u32,
    skipped: u32,
    timeline: &Timeline,
) -> (Meters, Errors) {
    let (mut meters, mut errors) = (Meters::default(), Errors::new());
    for page in (1..=pages).cycle().skip(skipped as usize) {
        let started = timeline.now();
        if started >= timeline.end() {
            break;
        }
        match socket.request(&LatestMessageGroup { group_id, limit: PAGE, page }).await {
            Ok(rows) if rows.is_empty() => *errors.entry("an empty page".to_owned()).or_default() += 1,
            Ok(_) => meters.note(timeline, started, timeline.now()),
            Err(error) => {
                *errors.entry(format!("read a page: {error}")).or_default() += 1;
                if let RequestError::Closed(_) = error {
                    break;
                }
                sleep(AFTER_FAILURE).await;
            }
        }
    }
    (meters, errors)
}

/// Makes a group of all these people in which the first has written `entries` messages.
async fn fill(run: &Run<'_>, people: &[Person], entries: u32) -> Result<i64> {
    let writer = population::connect(run, &people[..1], FILLING).await?.remove(0).connection;
    let group_id = writer.request(&NewGroup { group_name: "history" }).await?.group_id;
    for person in &people[1..] {
        writer.request(&AddUserInGroup { group_id, user_id: person.user_id }).await?;
    }
    let content = "x".repeat(run.options.bytes as usize);
    let message = MessageInGroup { group_id, content: &content, client_message_id: None };
    let written = stream::iter(0..entries).map(|_| writer.request(&message)).buffer_unordered(FILLING);
    written.try_for_each(async |_| Ok(())).await?;
    writer.close().await;
    Ok(group_id)
}

async fn open(run: &Run<'_>, index: usize, person: &Person) -> Result<LeanConnection> {
    let handshake = Handshake::new(run.gateway(index)).bearer(person.token.expose_secret())?;
    LeanConnection::open(&handshake, &Options::default()).await.context("connect a reader")
}
