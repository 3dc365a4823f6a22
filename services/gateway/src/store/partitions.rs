//! The table of entries in partitions by the hash of their conversation.

use messenger_chassis::migrate::{MigrateError, apply};
use messenger_chassis::postgres::ConnectionConfig;

const PARTITION: &str = include_str!("partition.sql");

/// What becomes of entries that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// They stay: only an empty table is changed.
    Stay,
    /// They are copied, while nobody reads or writes the log.
    Move,
}

/// Makes the migrated table of entries one of so many partitions, a power of two, unless it is one.
///
/// # Errors
/// The server cannot be reached or refused; there are rows that should stay.
pub async fn partition(config: &ConnectionConfig, count: u16, rows: Rows) -> Result<(), MigrateError> {
    let rows = match rows {
        Rows::Stay => "stay",
        Rows::Move => "move",
    };
    let settings = [("messenger.partitions", &*count.to_string()), ("messenger.rows", rows)];
    apply(config, &settings, &[PARTITION]).await
}
