//! The task that publishes, on one connection that is made anew when it breaks.

use std::time::Duration;

use messenger_chassis::redis::Servers;
use messenger_proto::accounts::UserChanged;
use messenger_proto::accounts::user_changed::Kind;
use prost::Message as _;
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, cmd};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Notice;

/// The channel, below the prefix, that the contract (`accounts.proto`, `UserChanged`) names.
const CHANNEL: &str = "users";
/// How long a server may take to accept a connection or to answer.
const ANSWER: Duration = Duration::from_secs(1);
/// How long one notice may take, with all servers that are tried.
const NOTICE: Duration = Duration::from_secs(3);

/// Has at most one connection, made on the first notice and again when it breaks.
#[derive(Debug)]
pub(super) struct Publisher {
    servers: Servers,
    channel: String,
    connection: Option<MultiplexedConnection>,
    /// Whether Redis is out of reach, as far as is known.
    broken: bool,
}

impl Publisher {
    pub(super) fn new(servers: Servers, prefix: &str) -> Self {
        Self { servers, channel: format!("{prefix}:{CHANNEL}"), connection: None, broken: false }
    }

    /// Publishes until everybody who could hand in a notice is gone, which at a stop is after the last request.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Notice>, stop: CancellationToken) {
        while let Some(notice) = queue.recv().await {
            self.publish(notice).await;
            if self.broken && stop.is_cancelled() {
                // A stop does not wait for a Redis that does not answer.
                return;
            }
        }
    }

    /// Publishes or drops the notice; logs when that changes, not for every notice.
    async fn publish(&mut self, notice: Notice) {
        let result = timeout(NOTICE, self.deliver(&encode(notice))).await;
        let published = matches!(result, Ok(Ok(())));
        let label = if published { "published" } else { "failed" };
        metrics::counter!("accounts_notices_total", "result" => label).increment(1);
        if published == self.broken {
            if published {
                tracing::info!("change notices reach Redis again");
            } else {
                tracing::warn!(
                    "change notices do not reach Redis: cached users elsewhere live until they expire"
                );
            }
        }
        self.broken = !published;
    }

    /// A connection that broke while nothing was to be said must not cost a notice: it gets a second try on a new one.
    /// One that is published twice does no harm.
    async fn deliver(&mut self, notice: &[u8]) -> RedisResult<()> {
        let mut command = cmd("PUBLISH");
        command.arg(&self.channel).arg(notice);
        if let Some(mut connection) = self.connection.take()
            && command.query_async::<()>(&mut connection).await.is_ok()
        {
            self.connection = Some(connection);
            return Ok(());
        }
        let mut connection = self.servers.connect_any(ANSWER).await?;
        command.query_async::<()>(&mut connection).await?;
        self.connection = Some(connection);
        Ok(())
    }
}

fn encode(notice: Notice) -> Vec<u8> {
    let (id, kind, ended) = match notice {
        Notice::Updated(id) => (id, Kind::Updated, Vec::new()),
        Notice::Removed(id, ended) => (id, Kind::Removed, ended),
        Notice::SignedOut(id, ended) => (id, Kind::SignedOut, ended),
    };
    let ended_session_ids = ended.into_iter().map(|id| id.into_bytes().to_vec()).collect();
    UserChanged { user_id: id.get(), kind: kind.into(), ended_session_ids }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UserId;

    #[test]
    fn notices_have_the_contract_form() {
        let ended = uuid::Uuid::from_u128(9);
        let bytes = encode(Notice::Removed(UserId::new(7).unwrap(), vec![ended]));
        let decoded = UserChanged::decode(bytes.as_slice()).unwrap();
        assert_eq!((decoded.user_id, decoded.kind()), (7, Kind::Removed));
        assert_eq!(decoded.ended_session_ids, [ended.as_bytes()]);
    }
}
