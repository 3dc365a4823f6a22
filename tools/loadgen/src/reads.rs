//! `reads`: users with many chats in a large log; each asks for the list of its chats, over and over, then for pages of
//! their histories.

mod reader;

use std::fmt;
use std::io::Read as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use futures_util::future::{join_all, try_join_all};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::figures::{Footer, Latencies, Latency, Rate, RateLine};
use crate::measure::{Errors, Meter, add_errors};
use crate::options::Scenario;
use crate::processes::{self, Usage};
use crate::report::Report;
use crate::run::Run;
use reader::{Question, Reader, Tally};

/// Chat lists and pages of histories. Standard input is what `bare seed` has printed: who the readers are.
#[derive(Debug, Clone, Copy, Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reads {
    /// Users who read, spread over the gateways.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub readers: u32,
    /// Requests of each that wait for their answer at once.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub in_flight: u32,
    /// Rows of a page.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub limit: u32,
    /// Ask in `messenger.v2`, and not in the documented dialect.
    #[arg(long)]
    pub v2: bool,
}

/// What `bare seed` has made.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seeded {
    entries: u64,
    conversations: u64,
    readers: Vec<String>,
    password: String,
}

/// The result.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    run: String,
    scenario: Scenario,
    gateways: usize,
    seconds: u64,
    entries: u64,
    conversations: u64,
    /// Of the reader who has the fewest.
    chats_of_user: usize,
    /// Lists of chats: the first page.
    chats: Answers,
    /// Pages of histories, of any conversation and at any depth.
    page: Answers,
    errors: Errors,
    /// In both parts together.
    processes: Vec<Usage>,
}

/// What was answered in the measured time.
#[derive(Debug, Serialize)]
struct Answers {
    rate: Rate,
    latency: Latency,
}

/// The time that is measured.
#[derive(Debug, Clone, Copy)]
struct Window {
    begin: Instant,
    end: Instant,
}

pub(crate) async fn run(run: &Run<'_>, reads: Reads) -> Result<Report> {
    let seeded = Seeded::read()?;
    let emails = seeded.readers.get(..reads.readers as usize).context("there are fewer readers")?;
    let password = SecretString::from(seeded.password);
    run.say("logging in, listing the chats");
    let readers =
        emails.iter().enumerate().map(|(index, email)| Reader::enter(run, reads, index, email, &password));
    let readers = try_join_all(readers).await?;
    let before = processes::processes();
    let mut errors = Errors::new();
    run.say("reading lists of chats");
    let chats = ask(run, &readers, reads, Question::Chats, &mut errors).await?;
    run.say("reading pages of histories");
    let page = ask(run, &readers, reads, Question::Page, &mut errors).await?;
    let found = Found {
        run: run.name.clone(),
        scenario: run.scenario,
        gateways: run.options.gateway.len(),
        seconds: run.options.seconds,
        entries: seeded.entries,
        conversations: seeded.conversations,
        chats_of_user: readers.iter().map(Reader::chats).min().unwrap_or(0),
        chats,
        page,
        errors,
        processes: processes::used_since(&before, &run.options.watch),
    };
    Report::of(&found, found.errors.is_empty())
}

/// All readers ask the same, as fast as they are answered.
async fn ask(
    run: &Run<'_>,
    readers: &[Reader],
    reads: Reads,
    question: Question,
    errors: &mut Errors,
) -> Result<Answers> {
    let window = Window::open(run.options.warm_up, run.options.seconds);
    let askers = readers.iter().enumerate().flat_map(|(index, reader)| {
        (0..reads.in_flight).map(move |turn| reader.ask(question, window, index * 1_000 + turn as usize))
    });
    let mut sum = Meter::new();
    for Tally { meter, errors: failed } in join_all(askers).await {
        sum.add(&meter);
        add_errors(errors, &failed);
    }
    ensure!(!sum.latency.is_empty(), "nothing was answered: {errors:?}");
    #[expect(clippy::cast_precision_loss, reason = "at most 600")]
    let rate = Rate::of(sum.latency.len(), run.options.seconds as f64);
    Ok(Answers { rate, latency: Latency::of(&sum.latency) })
}

impl Seeded {
    fn read() -> Result<Self> {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("read standard input")?;
        serde_json::from_str(&text).context("standard input must be what `bare seed` has printed")
    }
}

impl Window {
    fn open(warm_up: u64, seconds: u64) -> Self {
        let begin = Instant::now() + Duration::from_secs(warm_up);
        Self { begin, end: begin + Duration::from_secs(seconds) }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entries, conversations, chats_of_user, gateways, seconds, .. } = self;
        writeln!(f, "{:?}, {gateways} gateway(s), {seconds} s measured of each", self.scenario)?;
        writeln!(
            f,
            "  {entries} entries, {conversations} conversations, {chats_of_user} chats of each reader"
        )?;
        RateLine("lists of chats", self.chats.rate, "answers/s").fmt(f)?;
        RateLine("pages", self.page.rate, "answers/s").fmt(f)?;
        Latencies(&[("list of chats", &self.chats.latency), ("page", &self.page.latency)]).fmt(f)?;
        Footer { breaches: None, processes: &self.processes, errors: &self.errors }.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_seed_printed_is_understood() {
        let printed = r#"{"entries": 9, "conversations": 3, "chatsOfUser": 2, "readers": ["a@x"], "password": "p",
            "seconds": 0.5}"#;
        let seeded: Seeded = serde_json::from_str(printed).expect("the seed's JSON");
        assert_eq!(
            (seeded.entries, seeded.conversations, &seeded.readers[..]),
            (9, 3, &["a@x".to_owned()][..])
        );
    }
}
