//! A user who reads.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use messenger_client::rest::Accounts;
use messenger_client::socket::{self, Connection, Handshake, RequestError};
use messenger_client::wire::v2::{Conversation, GetEntries, ListConversations};
use messenger_client::wire::{LatestMessageDialog, LatestMessageGroup, ListLastMessage};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::sleep;

use super::{Reads, Window};
use crate::measure::{Errors, Meter, nanos};
use crate::run::Run;

/// Wait after a refusal that does not tell one: a server that refuses all must not be asked in a busy loop.
const AFTER_REFUSAL: Duration = Duration::from_millis(10);
const V2: &str = "messenger.v2";
/// Rows of a page while the chats are found out.
const MANY: u32 = 100;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// The first page of the chats.
    Chats,
    /// A page of one of them.
    Page,
}

/// What one loop was answered.
pub(super) struct Tally {
    /// Of answers in the measured time.
    pub(super) meter: Meter,
    pub(super) errors: Errors,
}

/// A user with an open socket.
pub(super) struct Reader {
    connection: Connection,
    chats: Vec<Chat>,
    reads: Reads,
}

/// A conversation of the reader's.
#[derive(Debug, Clone, Copy)]
struct Chat {
    conversation: i64,
    /// The other user of a dialog.
    peer: Option<i64>,
    last_seq: u64,
}

impl Reader {
    /// Logs in, finds out the chats, and connects in the dialect that is measured.
    pub(super) async fn enter(
        run: &Run<'_>,
        reads: Reads,
        index: usize,
        email: &str,
        password: &SecretString,
    ) -> Result<Self> {
        let login = Accounts::new(&run.options.accounts)?.log_in(email, password).await.context("log in")?;
        let handshake = Handshake::new(run.gateway(index)).bearer(login.token.expose_secret())?;
        let limits = socket::Options { in_flight: reads.in_flight as usize, ..socket::Options::default() };
        let v2 = handshake.clone().subprotocols(&[V2])?;
        let lister = Connection::open_with(&v2, &limits).await.context("connect")?;
        let chats = list(&lister).await.context("list the chats")?;
        ensure!(!chats.is_empty(), "{email} has no chats");
        if reads.v2 {
            return Ok(Self { connection: lister, chats, reads });
        }
        lister.close().await;
        let connection = Connection::open_with(&handshake, &limits).await.context("connect")?;
        Ok(Self { connection, chats, reads })
    }

    pub(super) fn chats(&self) -> usize {
        self.chats.len()
    }

    /// Asks until the window is over, or the socket.
    pub(super) async fn ask(&self, question: Question, window: Window, seed: usize) -> Tally {
        let mut tally = Tally { meter: Meter::new(), errors: Errors::new() };
        let mut random = Rng::with_seed(seed as u64);
        loop {
            let asked = Instant::now();
            let result = match question {
                Question::Chats => self.list().await,
                Question::Page => self.page(self.chats[random.usize(..self.chats.len())], &mut random).await,
            };
            let now = Instant::now();
            if now >= window.end {
                return tally;
            }
            let Err(error) = result else {
                if now >= window.begin {
                    tally.meter.took(nanos(now - asked));
                }
                continue;
            };
            *tally.errors.entry(error.to_string()).or_default() += 1;
            match error {
                RequestError::Closed(_) => return tally,
                RequestError::Refused(refusal) => sleep(refusal.retry_after().unwrap_or(AFTER_REFUSAL)).await,
                _ => {}
            }
        }
    }

    async fn list(&self) -> Result<(), RequestError> {
        let limit = self.reads.limit;
        if self.reads.v2 {
            return self.connection.request(&ListConversations { limit, cursor: None }).await.map(drop);
        }
        self.connection.request(&ListLastMessage { limit, page: 1 }).await.map(drop)
    }

    /// A page at any depth.
    async fn page(&self, chat: Chat, random: &mut Rng) -> Result<(), RequestError> {
        let limit = self.reads.limit;
        if self.reads.v2 {
            let before = Some(random.u64(2..=chat.last_seq.max(1) + 1));
            let part = GetEntries { conversation_id: chat.conversation, after: None, before, limit };
            return self.connection.request(&part).await.map(drop);
        }
        let pages = chat.last_seq.div_ceil(limit.into()).max(1);
        let page = u32::try_from(random.u64(1..=pages)).unwrap_or(1);
        match chat.peer {
            Some(receiver_id) => {
                self.connection.request(&LatestMessageDialog { receiver_id, limit, page }).await.map(drop)
            }
            None => {
                let history = LatestMessageGroup { group_id: chat.conversation, limit, page };
                self.connection.request(&history).await.map(drop)
            }
        }
    }
}

/// All conversations of the user.
async fn list(connection: &Connection) -> Result<Vec<Chat>> {
    let mut chats = Vec::new();
    let mut cursor = None;
    loop {
        let page = connection.request(&ListConversations { limit: MANY, cursor }).await?;
        chats.extend(page.conversations.iter().map(Chat::of));
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(chats);
        }
    }
}

impl Chat {
    fn of(conversation: &Conversation) -> Self {
        Self {
            conversation: conversation.conversation_id,
            peer: conversation.peer_id,
            last_seq: conversation.last_seq,
        }
    }
}
