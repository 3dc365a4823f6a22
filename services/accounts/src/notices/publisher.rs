//! The task that publishes, on one connection that heals itself.

use std::time::Duration;

use messenger_proto::accounts::UserChanged;
use messenger_proto::accounts::user_changed::Kind;
use prost::Message as _;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo as _, cmd};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Notice;

/// The channel, below the prefix, that the contract (`accounts.proto`, `UserChanged`) names.
const CHANNEL: &str = "users";
/// How long Redis may take to accept a connection or to answer.
const ANSWER: Duration = Duration::from_secs(1);
/// Longest pause between two attempts to connect.
const RECONNECT_MAX: Duration = Duration::from_secs(1);

/// The Redis URL cannot be read. Its text is not repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("the Redis URL cannot be read")]
pub struct BadRedisUrl;

/// A connection that is made on the first publish, and again whenever it breaks.
pub(super) fn connect(url: &str) -> Result<ConnectionManager, BadRedisUrl> {
    let info = url.into_connection_info().map_err(|_| BadRedisUrl)?;
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let client = Client::open(info).map_err(|_| BadRedisUrl)?;
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(ANSWER))
        .set_response_timeout(Some(ANSWER))
        .set_number_of_retries(1)
        .set_max_delay(RECONNECT_MAX);
    ConnectionManager::new_lazy_with_config(client, config).map_err(|_| BadRedisUrl)
}

/// Publishes until everybody who could hand in a notice is gone, which at a stop is after the last request.
pub(super) async fn run(
    mut connection: ConnectionManager,
    prefix: String,
    mut queue: mpsc::Receiver<Notice>,
    stop: CancellationToken,
) {
    let channel = format!("{prefix}:{CHANNEL}");
    let mut broken = false;
    while let Some(notice) = queue.recv().await {
        broken = publish(&mut connection, &channel, notice, broken).await;
        if broken && stop.is_cancelled() {
            // A stop does not wait for a Redis that does not answer.
            return;
        }
    }
}

/// Whether Redis is out of reach now; logged when that changes, not for every notice.
async fn publish(
    connection: &mut ConnectionManager,
    channel: &str,
    notice: Notice,
    was_broken: bool,
) -> bool {
    let mut command = cmd("PUBLISH");
    command.arg(channel).arg(encode(notice));
    let result = tokio::time::timeout(2 * ANSWER, command.query_async::<()>(connection)).await;
    let published = matches!(result, Ok(Ok(())));
    let label = if published { "published" } else { "failed" };
    metrics::counter!("accounts_notices_total", "result" => label).increment(1);
    if published == was_broken {
        if published {
            tracing::info!("change notices reach Redis again");
        } else {
            tracing::warn!(
                "change notices do not reach Redis: cached users elsewhere live until they expire"
            );
        }
    }
    !published
}

fn encode(notice: Notice) -> Vec<u8> {
    let (id, kind) = match notice {
        Notice::Updated(id) => (id, Kind::Updated),
        Notice::Removed(id) => (id, Kind::Removed),
        Notice::SignedOut(id) => (id, Kind::SignedOut),
    };
    UserChanged { user_id: id.get(), kind: kind.into() }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UserId;

    #[test]
    fn notices_have_the_contract_form() {
        let bytes = encode(Notice::Removed(UserId::new(7).unwrap()));
        let decoded = UserChanged::decode(bytes.as_slice()).unwrap();
        assert_eq!((decoded.user_id, decoded.kind()), (7, Kind::Removed));
    }

    #[tokio::test]
    async fn a_bad_url_does_not_print() {
        let error = connect("redis://:hunter2@[").unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
