//! A directory in memory, for tests of the rooms above.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, ready};

use super::{Directory, DirectoryError, Profile};
use crate::domain::ids::UserId;

/// Knows the users that it was told of.
#[derive(Debug, Default)]
pub struct StaticDirectory {
    users: Mutex<HashMap<UserId, Arc<Profile>>>,
    out_of_reach: AtomicBool,
}

impl StaticDirectory {
    /// Knows users by id and name; their e-mails are `<name>@example.com`.
    pub fn of(users: &[(i64, &str)]) -> Self {
        let directory = Self::default();
        for (id, name) in users {
            directory.put(Profile {
                id: UserId(*id),
                name: Some((*name).into()),
                email: Some(format!("{name}@example.com").into()),
                removed: false,
            });
        }
        directory
    }

    /// Adds or replaces a user.
    pub fn put(&self, profile: Profile) {
        self.users().insert(profile.id, Arc::new(profile));
    }

    /// From now on every `get` fails (`false`) or succeeds (`true`).
    pub fn set_available(&self, available: bool) {
        self.out_of_reach.store(!available, Ordering::Relaxed);
    }

    fn users(&self) -> MutexGuard<'_, HashMap<UserId, Arc<Profile>>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory for StaticDirectory {
    fn get<'a>(
        &'a self,
        ids: &'a [UserId],
    ) -> BoxFuture<'a, Result<HashMap<UserId, Arc<Profile>>, DirectoryError>> {
        if self.out_of_reach.load(Ordering::Relaxed) {
            return Box::pin(ready(Err(DirectoryError::Unavailable)));
        }
        let users = self.users();
        let found = ids.iter().filter_map(|id| users.get(id).map(|user| (*id, Arc::clone(user)))).collect();
        Box::pin(ready(Ok(found)))
    }

    fn peek(&self, id: UserId) -> Option<Arc<Profile>> {
        self.users().get(&id).cloned()
    }

    /// Nothing to forget: there is no other source.
    fn invalidate(&self, _id: UserId) {}
}
