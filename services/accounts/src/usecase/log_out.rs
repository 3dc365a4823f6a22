//! The log-ins of a user, and their end by his own hand.

use uuid::Uuid;

use super::Accounts;
use crate::domain::{Bearer, Device, Error};
use crate::notices::Notice;

impl Accounts {
    /// Ends the bearer's session.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] when it has ended meanwhile.
    pub async fn log_out(&self, bearer: &Bearer) -> Result<(), Error> {
        let ended = self.end_session(bearer, bearer.session_id).await?;
        if ended { Ok(()) } else { Err(Error::Unauthorized) }
    }

    /// The user's sessions, newest first.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn devices(&self, bearer: &Bearer) -> Result<Vec<Device>, Error> {
        self.store.devices(bearer.user_id, self.clock.now()).await
    }

    /// Ends any session of the bearer's user.
    ///
    /// # Errors
    /// [`Error::UnknownSession`] when it is none of his.
    pub async fn revoke(&self, bearer: &Bearer, session: Uuid) -> Result<(), Error> {
        let ended = self.end_session(bearer, session).await?;
        if ended { Ok(()) } else { Err(Error::UnknownSession) }
    }

    async fn end_session(&self, bearer: &Bearer, session: Uuid) -> Result<bool, Error> {
        let ended = self.store.end_session(bearer.user_id, session, self.clock.now()).await?;
        if ended {
            self.notices.send(Notice::SignedOut(bearer.user_id, vec![session]));
        }
        Ok(ended)
    }
}
