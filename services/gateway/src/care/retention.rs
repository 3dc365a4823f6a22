//! Messages that are too old are removed, in short statements with pauses in between.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use messenger_chassis::command::Failure;

use super::told::Retained;
use super::{Care, pause};
use crate::cli::Pace;
use crate::store::{Portion, Position};

/// Conversations that one statement looks at, at most.
const CONVERSATIONS: i64 = 500;
const DAY: Duration = Duration::from_secs(86_400);

impl<W: Write> Care<W> {
    /// May be stopped anywhere and repeated: each log remembers how far it is cleared.
    pub(super) async fn retain(&mut self, days: u32, dry_run: bool, pace: Pace) -> Result<(), Failure> {
        self.report.audit(if dry_run { "retention run --dry-run" } else { "retention run" }, None);
        let before = self.clock.now().saturating_sub(DAY * days).unwrap_or(Timestamp::MIN);
        let portion = Portion { conversations: CONVERSATIONS, entries: pace.batch };
        let mut retained = Retained { before, dry_run, messages: 0, conversations: 0, statements: 0 };
        let mut from = Some(Position::default());
        let mut counted = None;
        while let Some(position) = from {
            let done = self.store.remove_old(position, before, portion, dry_run).await?;
            retained.statements += 1;
            retained.messages += done.messages;
            // One that takes several statements is one.
            let again = done.touched.first().is_some_and(|first| Some(*first) == counted);
            retained.conversations += done.touched.len() as u64 - u64::from(again);
            counted = done.touched.last().copied().or(counted);
            from = done.next;
            pause(pace).await;
        }
        Ok(self.report.one(&retained)?)
    }
}
