//! A connection on loan from the pool.

use std::ops::Deref;

use deadpool_postgres::{ClientWrapper, Object};

/// Closes its connection when dropped, unless it was given back: whatever an abandoned or failed call still does there,
/// and whatever server it led to, must not be met by the next caller. That a call is abandoned by dropping it is usual:
/// its client went away.
pub(super) struct Lease(Option<Object>);

impl Lease {
    pub(super) fn new(connection: Object) -> Self {
        Self(Some(connection))
    }

    /// Returns the connection to the pool.
    pub(super) fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Deref for Lease {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        match &self.0 {
            Some(connection) => connection,
            None => unreachable!("giving back takes the lease itself"),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}
