//! Domain values as contract messages, by hand, so that neither follows the other unseen.

use messenger_proto::accounts as wire;

use crate::domain::User;

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
