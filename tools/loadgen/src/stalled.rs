//! Users who open a socket and read nothing, in groups that somebody writes to; before that they read, to compare.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::future::{join_all, try_join_all};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use messenger_client::socket::{Handshake, LeanConnection, Options};
use messenger_client::wire::v2::{Event, SUBPROTOCOL};
use messenger_client::wire::{AddUserInGroup, MessageInGroup, NewGroup, Push};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout};

use crate::measure::{Errors, add_errors};
use crate::population::{self, Member, Person};
use crate::run::Run;
use crate::squad::{Dialect, Squad};

/// Readers of one group: few enough for any server, and for its writer to come round quickly.
const GROUP: usize = 100;
/// Bytes of a message that a group is flooded with.
const FLOOD_BYTES: usize = 8 * 1024;
/// Sockets that open, or are read in the end, at once.
const AT_ONCE: u32 = 64;
/// Silence after which an open socket has got all that it will get.
const SILENCE: Duration = Duration::from_secs(3);

/// Groups with readers who are not there yet.
pub(crate) struct Audience {
    groups: Vec<Group>,
    readers: Vec<Person>,
    dialect: Dialect,
}

struct Group {
    writer: Member,
    group_id: i64,
}

/// Sockets that do not read.
pub(crate) struct Stalled(Vec<LeanConnection>);

/// What became of those who did not read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Found {
    pub(crate) stalled: u64,
    /// Closed by the server.
    pub(crate) closed: u64,
    /// Told that entries had been left out.
    pub(crate) told: u64,
    /// Got all that was written to them.
    pub(crate) kept_up: u64,
}

enum End {
    Closed,
    Told,
    KeptUp,
}

impl Audience {
    /// Makes `count` readers, and groups of them with a writer each.
    pub(crate) async fn gather(run: &Run<'_>, count: u32, dialect: Dialect) -> Result<Self> {
        let readers = population::sign_up(run, "stalled", count).await?;
        let writers = u32::try_from(readers.len().div_ceil(GROUP))?;
        let writers = population::sign_up(run, "writer", writers).await?;
        let writers = population::connect(run, &writers, 1).await?;
        let groups =
            writers.into_iter().zip(readers.chunks(GROUP)).map(|(writer, readers)| found(writer, readers));
        let groups = try_join_all(groups).await.context("make the groups of the stalled readers")?;
        Ok(Self { groups, readers, dialect })
    }

    /// The readers' sockets, held by processes of their own that read whatever comes. None is open yet.
    pub(crate) async fn reading(&self, run: &Run<'_>) -> Result<Squad> {
        Squad::gather(run, &self.readers, self.dialect, AT_ONCE).await
    }

    /// Opens the readers' sockets, for each of which the kernel holds about `receive_buffer` bytes.
    pub(crate) async fn stalling(&self, run: &Run<'_>, receive_buffer: u32) -> Result<Stalled> {
        let options = Options {
            receive_buffer: Some(receive_buffer),
            read_buffer: LeanConnection::READ_BUFFER,
            reset: true,
            ..Options::default()
        };
        let open = async |index: usize, person: &Person| -> Result<LeanConnection> {
            let handshake = Handshake::new(run.gateway(index)).bearer(person.token.expose_secret())?;
            let handshake = match self.dialect {
                Dialect::Documented => handshake,
                Dialect::V2 => handshake.subprotocols(&[SUBPROTOCOL])?,
            };
            LeanConnection::open(&handshake, &options).await.context("open a socket that will stall")
        };
        let sockets =
            stream::iter(self.readers.iter().enumerate()).map(|(index, person)| open(index, person));
        Ok(Stalled(sockets.buffer_unordered(AT_ONCE as usize).try_collect().await?))
    }

    /// Writes so many bytes to every reader, evenly over `time`; what went wrong.
    pub(crate) async fn flood(&mut self, bytes: u64, time: Duration) -> Errors {
        let messages = u32::try_from(bytes.div_ceil(FLOOD_BYTES as u64)).unwrap_or(u32::MAX);
        let content = "x".repeat(FLOOD_BYTES);
        let start = Instant::now();
        let writing = self.groups.iter().map(async |Group { writer, group_id }| {
            let message = MessageInGroup { group_id: *group_id, content: &content, client_message_id: None };
            let mut errors = Errors::new();
            for number in 0..messages {
                sleep_until(start + time * number / messages).await;
                if let Err(error) = writer.connection.request(&message).await {
                    *errors.entry(format!("write to the readers: {error}")).or_default() += 1;
                }
            }
            errors
        });
        let mut errors = Errors::new();
        let written = join_all(writing).await;
        written.iter().for_each(|more| add_errors(&mut errors, more));
        sleep_until(start + time).await;
        errors
    }
}

impl Stalled {
    /// Reads on, each socket to its end or to what was left out, or until nothing more comes.
    pub(crate) async fn wake(self) -> Found {
        let ends = stream::iter(self.0).map(end).buffer_unordered(AT_ONCE as usize);
        ends.fold(Found::default(), async |found, end| found.and(&end)).await
    }
}

impl Found {
    fn and(mut self, end: &End) -> Self {
        self.stalled += 1;
        match end {
            End::Closed => self.closed += 1,
            End::Told => self.told += 1,
            End::KeptUp => self.kept_up += 1,
        }
        self
    }
}

async fn end(mut socket: LeanConnection) -> End {
    loop {
        match timeout(SILENCE, socket.recv()).await {
            Ok(Ok(Push::Event(Event::Gap(_)))) => return End::Told,
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return End::Closed,
            Err(_) => return End::KeptUp,
        }
    }
}

async fn found(writer: Member, readers: &[Person]) -> Result<Group> {
    let group_id = writer.connection.request(&NewGroup { group_name: "stalled" }).await?.group_id;
    for reader in readers {
        writer.connection.request(&AddUserInGroup { group_id, user_id: reader.user_id }).await?;
    }
    Ok(Group { writer, group_id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_is_counted() {
        let ends = [End::Closed, End::Told, End::KeptUp, End::Closed];
        let found = ends.iter().fold(Found::default(), Found::and);
        assert_eq!(found, Found { stalled: 4, closed: 2, told: 1, kept_up: 1 });
    }
}
