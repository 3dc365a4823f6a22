//! Rows turned into domain values, by the names of their columns.

use tokio_postgres::Row;

use super::error::StoreError;
use crate::domain::{Credentials, Device, EndedSession, Profile, User, UserId};

/// A row that holds the columns `id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at`.
pub(super) fn user(row: &Row) -> Result<User, StoreError> {
    let deleted_at: Option<jiff::Timestamp> = row.try_get("deleted_at")?;
    Ok(User {
        id: user_id(row.try_get("id")?)?,
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

/// As [`user`], with the columns `password_hash, email_unverified, locked`.
pub(super) fn credentials(row: &Row) -> Result<Credentials, StoreError> {
    Ok(Credentials {
        user: user(row)?,
        password_hash: row.try_get("password_hash")?,
        email_unverified: row.try_get("email_unverified")?,
        locked: row.try_get("locked")?,
    })
}

/// All rows as users.
pub(super) fn users(rows: &[Row]) -> Result<Vec<User>, StoreError> {
    rows.iter().map(user).collect()
}

/// A row that holds the columns `id, user_agent, created_at, last_seen_at` of a session.
pub(super) fn device(row: &Row) -> Result<Device, StoreError> {
    Ok(Device {
        id: row.try_get("id")?,
        user_agent: row.try_get("user_agent")?,
        created_at: row.try_get("created_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
    })
}

/// A row that holds the columns `session_id, user_id, ended_at`, or nothing in all of them.
pub(super) fn ended_session(row: &Row) -> Result<Option<EndedSession>, StoreError> {
    let Some(session_id) = row.try_get("session_id")? else { return Ok(None) };
    let user_id = user_id(row.try_get("user_id")?)?;
    Ok(Some(EndedSession { session_id, user_id, ended_at: row.try_get("ended_at")? }))
}

fn user_id(id: i64) -> Result<UserId, StoreError> {
    UserId::new(id).map_err(|_| StoreError::Inconsistent("user id is not positive"))
}
