//! Domain values as contract messages, by hand, so that neither follows the other unseen.

use messenger_proto::accounts as wire;

use crate::domain::{EndedPage, EndedSession, User};

pub(super) fn users(users: Vec<User>) -> Vec<wire::User> {
    users.into_iter().map(user).collect()
}

fn user(user: User) -> wire::User {
    wire::User {
        id: user.id.get(),
        uuid: user.uuid.to_string(),
        email: user.profile.email,
        first_name: user.profile.first_name,
        last_name: user.profile.last_name,
        removed: user.removed,
    }
}

pub(super) fn ended_sessions(page: EndedPage) -> wire::GetEndedSessionsResponse {
    let session = |session: EndedSession| wire::EndedSession {
        session_id: session.session_id.into_bytes().to_vec(),
        user_id: session.user_id.get(),
        ended_at_us: session.ended_at.as_microsecond(),
    };
    wire::GetEndedSessionsResponse {
        sessions: page.sessions.into_iter().map(session).collect(),
        cursor: page.cursor.to_string(),
        has_more: page.has_more,
    }
}
