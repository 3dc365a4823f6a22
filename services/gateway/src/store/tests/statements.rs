//! Every statement of the store, and of the stores before it, fits the newest schema.

use std::path::Path;

use messenger_support::hold_statements;

use super::*;
use crate::store::{epoch, log, removal, standby};

/// Names and texts.
macro_rules! statements {
    ($($path:path),* $(,)?) => { &[$((stringify!($path), $path)),*] };
}

const STATEMENTS: &[(&str, &str)] = statements![
    send::SEND_MESSAGES,
    groups::FIND_DIALOG,
    groups::OPEN_DIALOG,
    groups::CREATE_GROUP,
    membership::CREATE_GROUP_ONCE,
    membership::REMOVE_MEMBER,
    membership::RENAME_GROUP,
    membership::SET_ROLE,
    groups::ADD_MEMBER,
    groups::LEAVE_GROUP,
    groups::CONVERSATIONS_OF,
    marks::MARK,
    resume::RESUME_HEADS,
    resume::STRETCHES,
    conversations::STRETCH,
    conversations::CONVERSATIONS,
    conversations::ADDRESS,
    conversations::WINDOW,
    blocks::BLOCK_USER,
    blocks::UNBLOCK_USER,
    blocks::BLOCKED,
    chats::CHATS,
    chats::HISTORY,
    chats::GROUP_JOINED,
    chats::LAST_SEQ,
    standby::SIGHTING,
    records::RECORD,
    records::ID_OF_UUID,
    records::MEMBERS,
    records::MEMBERSHIPS,
    records::COUNTS,
    records::ENTRIES_OF,
    epoch::PRESENT,
    log::ENTRIES_BETWEEN,
    log::OLDEST_UNSWEPT,
    log::POSITION_BEFORE,
    log::SWEEP,
    log::HORIZON,
];

/// What only the owner of the schema does, from the command line: no program that serves sends it during a deploy.
const OF_THE_OWNER: &[(&str, &str)] = statements![
    removal::REMOVE_OLD,
    removal::SET_CLEARED,
    removal::REMOVE_OWN,
    removal::FORGET_MARKS,
    epoch::BEGIN,
    epoch::MEND_ENTRIES,
    epoch::MEND_CONVERSATIONS,
    epoch::MENDED,
];

/// Those of this version, and those of the versions before it.
#[tokio::test]
async fn every_statement_fits_the_schema() {
    let fixture = fixture().await;
    let client = fixture.database.connect_as(&fixture.role, "messaging").await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/messaging/statements");
    let newest = migrations::runner().get_migrations().iter().map(|known| known.version()).max().unwrap();
    hold_statements(&client, &folder, newest, STATEMENTS).await;
    let owner = fixture.database.connect("messaging").await;
    for (name, sql) in OF_THE_OWNER {
        owner.prepare(sql).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
