//! Several users: pages, searches, batches.

use super::statement::Statement;
use super::{Store, rows};
use crate::domain::{Email, Error, Page, SearchLimit, SearchText, User, UserId};

/// What lies before the page is skipped in the index alone, and only its own rows are read.
const PAGE: Statement = Statement::new(
    "users.page",
    "SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at \
     FROM users WHERE deleted_at IS NULL \
       AND id >= (SELECT id FROM users WHERE deleted_at IS NULL ORDER BY id LIMIT 1 OFFSET $2) \
     ORDER BY id LIMIT $1",
);

const PRESENT: Statement = Statement::new(
    "users.present",
    "SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at \
     FROM users WHERE id = $1 AND deleted_at IS NULL",
);

const BY_IDS: Statement = Statement::new(
    "users.by_ids",
    "SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at \
     FROM users WHERE id = ANY($1) ORDER BY id",
);

/// A prefix is a range of the keys, which are compared by bytes: `%` and `_` have no meaning, and the index is used
/// whatever the text. Each branch is cut before the union, so a common prefix costs no more than a rare one.
const SEARCH: Statement = Statement::new(
    "users.search",
    "SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at FROM users \
     WHERE id IN ( \
         (SELECT id FROM users WHERE name_key >= $1 AND name_key < $2 ORDER BY name_key, id LIMIT $4) \
         UNION \
         (SELECT id FROM users WHERE last_name_key >= $1 AND last_name_key < $2 ORDER BY last_name_key, id LIMIT $4) \
         UNION \
         (SELECT id FROM users WHERE email = $3) \
     ) ORDER BY name_key, id LIMIT $4",
);

#[cfg(test)]
pub(super) const STATEMENTS: &[Statement] = &[PAGE, PRESENT, BY_IDS, SEARCH];

impl Store {
    /// The users of a page by id, and whether more follow.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn list_users(&self, page: Page) -> Result<(Vec<User>, bool), Error> {
        let found = self.rows(&PAGE, &[&(page.limit() + 1), &page.offset()]).await?;
        let mut users = rows::users(&found)?;
        let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
        let has_more = users.len() > limit;
        users.truncate(limit);
        Ok((users, has_more))
    }

    /// A present user.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, Error> {
        let row = self.row(&PRESENT, &[&id.get()]).await?;
        Ok(row.as_ref().map(rows::user).transpose()?)
    }

    /// The users with these ids, removed ones included, unknown ids left out; by id.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn users_by_ids(&self, ids: &[UserId]) -> Result<Vec<User>, Error> {
        let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
        Ok(rows::users(&self.rows(&BY_IDS, &[&ids]).await?)?)
    }

    /// Present users whose full or last name starts with the text, or whose e-mail it is; by name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn search_users(&self, text: &SearchText, limit: SearchLimit) -> Result<Vec<User>, Error> {
        let from = text.as_str();
        let below = format!("{from}{}", char::MAX);
        let email = Email::parse(from).ok();
        let email = email.as_ref().map(Email::canonical);
        Ok(rows::users(&self.rows(&SEARCH, &[&from, &below, &email, &limit.get()]).await?)?)
    }
}
