//! Rows turned into domain values, by the names of their columns.

use tokio_postgres::Row;

use super::error::StoreError;
use crate::domain::{Credentials, Profile, User, UserId};

/// A row that holds the columns `id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at`.
pub(super) fn user(row: &Row) -> Result<User, StoreError> {
    let deleted_at: Option<jiff::Timestamp> = row.try_get("deleted_at")?;
    Ok(User {
        id: UserId::new(row.try_get("id")?)
            .map_err(|_| StoreError::Inconsistent("user id is not positive"))?,
        uuid: row.try_get("uuid")?,
        profile: Profile {
            email: row.try_get::<_, Option<String>>("email_as_typed")?.unwrap_or_default(),
            first_name: row.try_get("first_name")?,
            last_name: row.try_get("last_name")?,
        },
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        removed: deleted_at.is_some(),
    })
}

/// As [`user`], with the column `password_hash`.
pub(super) fn credentials(row: &Row) -> Result<Credentials, StoreError> {
    Ok(Credentials { user: user(row)?, password_hash: row.try_get("password_hash")? })
}

/// All rows as users.
pub(super) fn users(rows: &[Row]) -> Result<Vec<User>, StoreError> {
    rows.iter().map(user).collect()
}
