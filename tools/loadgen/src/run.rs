//! A run from its name to its result.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use crate::options::{Options, Scenario};
use crate::report::Report;
use crate::{files, group, idle, logins, open, private, reads, slow, storm};

/// What every scenario is given.
pub(crate) struct Run<'a> {
    /// Random name of the run; its users carry it.
    pub(crate) name: String,
    pub(crate) options: &'a Options,
    pub(crate) scenario: Scenario,
    progress: &'a dyn Fn(&str),
}

/// Performs a run; `progress` is given a line each second.
///
/// # Errors
/// When the users or conversations cannot be made. Errors while measuring are part of the [`Report`].
pub async fn run(options: &Options, scenario: Scenario, progress: &dyn Fn(&str)) -> Result<Report> {
    let name = Uuid::new_v4().simple().to_string()[..8].to_owned();
    let run = Run { name, options, scenario, progress };
    run.say(&format!("run {}", run.name));
    files::allow_most()?;
    match scenario {
        Scenario::Private(private) => private::run(&run, private).await,
        Scenario::Group(group) => group::run(&run, group).await,
        Scenario::Open(open) => open::run(&run, open).await,
        Scenario::Idle(idle) => idle::run(&run, idle).await,
        Scenario::Storm(storm) => storm::run(&run, storm).await,
        Scenario::Slow(slow) => slow::run(&run, slow).await,
        Scenario::Logins(logins) => logins::run(&run, logins).await,
        Scenario::Reads(reads) => reads::run(&run, reads).await,
    }
}

impl Run<'_> {
    pub(crate) fn say(&self, line: &str) {
        (self.progress)(line);
    }

    /// Does `work` and shows a line each second meanwhile.
    pub(crate) async fn show<T>(&self, mut line: impl FnMut() -> String, work: impl Future<Output = T>) -> T {
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.tick().await;
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = ticks.tick() => self.say(&line()),
            }
        }
    }

    /// The gateway of the user with this index.
    pub(crate) fn gateway(&self, index: usize) -> &str {
        &self.options.gateway[index % self.options.gateway.len()]
    }
}
