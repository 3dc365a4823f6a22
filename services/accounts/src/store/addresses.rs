//! Addresses from which users have logged in.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use super::Store;
use super::statement::Statement;
use crate::domain::{Email, Error, UserId};

/// How long an address is remembered after its last log-in.
const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);
/// Addresses of a user that are remembered; the oldest give way.
const ADDRESSES_MAX: i64 = 20;
/// How old the memory of an address may be before a log-in refreshes it: most log-ins write nothing.
const STALE: Duration = Duration::from_secs(86_400);

const KNOWN: Statement = Statement::new(
    "known_addresses.known",
    "SELECT FROM users u JOIN known_addresses k ON k.user_id = u.id \
     WHERE u.email = ANY ($1) AND k.address = $2 AND k.seen_at >= $3",
);

const REMEMBER: Statement = Statement::new(
    "known_addresses.remember",
    "WITH present AS ( \
         SELECT id FROM users WHERE id = $1 AND deleted_at IS NULL FOR SHARE \
     ), old AS ( \
         DELETE FROM known_addresses WHERE user_id = $1 AND address IN ( \
             SELECT address FROM known_addresses WHERE user_id = $1 AND address <> $2 \
             ORDER BY seen_at DESC, address OFFSET $5 \
         ) \
     ) \
     INSERT INTO known_addresses AS known (user_id, address, seen_at) SELECT id, $2, $3 FROM present \
     ON CONFLICT (user_id, address) DO UPDATE SET seen_at = excluded.seen_at WHERE known.seen_at < $4",
);

const FORGET: Statement = Statement::new(
    "known_addresses.forget",
    "WITH old AS ( \
         SELECT user_id, address FROM known_addresses WHERE seen_at < $1 ORDER BY seen_at LIMIT $2 \
         FOR UPDATE SKIP LOCKED \
     ), gone AS ( \
         DELETE FROM known_addresses k USING old WHERE k.user_id = old.user_id AND k.address = old.address RETURNING 1 \
     ) SELECT count(*) FROM gone",
);

#[cfg(test)]
pub(super) const STATEMENTS: &[Statement] = &[KNOWN, REMEMBER, FORGET];

impl Store {
    /// Whether the owner of the e-mail has logged in from this address in the last 30 days.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn knows_address(&self, email: &Email, address: IpAddr, now: Timestamp) -> Result<bool, Error> {
        let since = now.saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
        Ok(self.row(&KNOWN, &[&email.forms(), &address, &since]).await?.is_some())
    }

    /// Deletes addresses that count for nothing any more, at most `limit`, and says how many.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_addresses(&self, now: Timestamp, limit: u16) -> Result<u64, Error> {
        let since = now.saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
        self.count(&FORGET, &[&since, &i64::from(limit)]).await
    }

    /// Remembers the address of a log-in, the latest 20 of a user. No log-in fails because this does.
    pub async fn remember_address(&self, user: UserId, address: IpAddr, now: Timestamp) {
        let stale = now.saturating_sub(STALE).unwrap_or(Timestamp::MIN);
        let stored = self.rows(&REMEMBER, &[&user.get(), &address, &now, &stale, &(ADDRESSES_MAX - 1)]).await;
        if let Err(error) = stored {
            tracing::warn!(%error, "the address of a log-in is not remembered");
        }
    }
}
