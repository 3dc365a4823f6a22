//! Every cell of the table of who may do what, on a real log: what is refused has changed nothing and told nobody.

use super::*;
use crate::domain::authority::{Action, Standing, Verdict, verdict};
use crate::domain::command::{Mark, MarkKind, Range};
use crate::domain::page::Page;
use crate::domain::reply::Role;

/// One user for each part in a cell, so that cells do not touch.
#[derive(Debug, Clone, Copy)]
struct Cast {
    actor: i64,
    owner: i64,
    admin: i64,
    member: i64,
    /// The other one of the dialog.
    peer: i64,
    former: i64,
    free: i64,
    blocker: i64,
    blocked: i64,
}

impl Cast {
    fn of_cell(number: usize, directory: &StaticDirectory) -> Self {
        let first = 1_000 + 10 * i64::try_from(number).unwrap();
        for id in first..first + 8 {
            directory.put(Profile { id: UserId(id), name: None, email: None, removed: false });
        }
        let [actor, owner, admin, member, former, free, blocker, blocked] =
            std::array::from_fn(|index| first + i64::try_from(index).unwrap());
        Self { actor, owner, admin, member, peer: member, former, free, blocker, blocked }
    }
}

/// A conversation, and what of it the actor may see.
struct Stage {
    conversation: ConversationId,
    visible: Vec<i64>,
}

impl Fixture {
    async fn stage(&self, standing: Standing, cast: Cast) -> Stage {
        let visible = |from: i64, to: i64| (from..=to).collect();
        self.block(cast.blocker, cast.actor).await;
        self.block(cast.actor, cast.blocked).await;
        let dialog = async |user, peer| self.dialog(user, peer, 2, "x").await;
        let (conversation, visible) = match standing {
            Standing::Peer => (dialog(cast.actor, cast.member).await, visible(1, 2)),
            Standing::Oneself => (dialog(cast.actor, cast.actor).await, visible(1, 2)),
            Standing::Outsider => (dialog(cast.owner, cast.member).await, Vec::new()),
            Standing::Blocked | Standing::Blocker => {
                let conversation = dialog(cast.actor, cast.member).await;
                let (user, other) = match standing {
                    Standing::Blocked => (cast.member, cast.actor),
                    _ => (cast.actor, cast.member),
                };
                self.block(user, other).await;
                (conversation, visible(1, 2))
            }
            Standing::Nowhere => (ConversationId(i64::MAX), Vec::new()),
            _ => return self.group_stage(standing, cast).await,
        };
        Stage { conversation, visible }
    }

    /// Messages before the actor came, meanwhile, and after he has gone.
    async fn group_stage(&self, standing: Standing, cast: Cast) -> Stage {
        let owner = if standing == Standing::Owner { cast.actor } else { cast.owner };
        let group = self.group(&[owner, cast.admin, cast.member, cast.former]).await;
        self.ask(owner, set_role(group, cast.admin, Role::Admin)).await.unwrap();
        self.ask(cast.former, Command::LeaveGroup { group }).await.unwrap();
        let say = async || self.send(owner, Destination::Group(group), "x").await.unwrap().seq.0;
        let (first, mut last) = match standing {
            Standing::Owner => (1, say().await),
            Standing::Stranger => (1, 0),
            _ => {
                let came = say().await + 1;
                self.ask(owner, Command::AddMember { group, user: UserId(cast.actor) }).await.unwrap();
                (came, say().await)
            }
        };
        match standing {
            Standing::Admin => {
                self.ask(owner, set_role(group, cast.actor, Role::Admin)).await.unwrap();
                last += 1;
            }
            Standing::Former => {
                let remove = Command::RemoveMember { group, user: UserId(cast.actor) };
                self.ask(owner, remove).await.unwrap();
                last += 1;
                say().await;
            }
            _ => {}
        }
        Stage { conversation: group, visible: (first..=last).collect() }
    }

    async fn block(&self, user: i64, other: i64) {
        self.ask(user, Command::BlockUser { user: UserId(other) }).await.unwrap();
    }

    /// Everything that is stored, and how often the bus was rung.
    async fn state(&self, client: &tokio_postgres::Client) -> (String, usize, usize) {
        let sql = "SELECT md5(concat( \
            (SELECT string_agg(c::text, ' ' ORDER BY c.id) FROM conversations c), \
            (SELECT string_agg(m::text, ' ' ORDER BY m.conversation_id, m.user_id) FROM members m), \
            (SELECT string_agg(e::text, ' ' ORDER BY e.conversation_id, e.seq) FROM entries e), \
            (SELECT string_agg(b::text, ' ' ORDER BY b.user_id, b.blocked_id) FROM blocks b)))";
        let stored = client.query_one(sql, &[]).await.unwrap().get(0);
        (stored, self.rung(), self.bus.watermarks.lock().unwrap().len())
    }

    /// Does it; the places that were read, where something is read, or why not.
    async fn perform(
        &self,
        action: Action,
        conversation: ConversationId,
        cast: Cast,
    ) -> Result<Option<Vec<i64>>, GatewayError> {
        let sent = self.ask(cast.actor, command(action, conversation, cast)).await;
        match sent.map_err(|error| if action.is_of_seed() { error } else { error.veiled() })? {
            Reply::MembersAdded(mut outcomes) => outcomes.remove(0).1.map(|_| None),
            Reply::Entries { entries, .. } => Ok(Some(seqs(&entries))),
            Reply::GroupHistory(messages) => Ok(Some(messages.iter().map(|message| message.seq.0).collect())),
            Reply::DialogHistory(messages) => {
                Ok(Some(messages.iter().map(|message| message.seq.0).collect()))
            }
            Reply::Resumed { conversations, .. } => match &conversations[..] {
                [] => Err(GatewayError::NotFound),
                [resumed] => Ok(Some(seqs(&resumed.entries))),
                more => panic!("{more:?}"),
            },
            Reply::Conversations { rows, .. } => {
                let listed = rows.iter().any(|row| row.conversation == conversation);
                if listed { Ok(None) } else { Err(GatewayError::NotFound) }
            }
            _ => Ok(None),
        }
    }
}

fn set_role(group: ConversationId, user: i64, role: Role) -> Command {
    Command::SetRole { group, user: UserId(user), role }
}

fn write(to: Destination) -> Command {
    let content = Content::parse("x", 9).unwrap();
    Command::Send(Send { to, content, client_id: None, reply_to: None })
}

fn command(action: Action, group: ConversationId, cast: Cast) -> Command {
    use Action as A;
    let add = |user| Command::AddMembers { group, users: vec![UserId(user)] };
    let remove = |user| Command::RemoveMember { group, user: UserId(user) };
    let page = || Page::new(100, 1).unwrap();
    match action {
        A::Read => Command::GetEntries { conversation: group, range: Range::Newest, limit: limit(100) },
        A::Resume => Command::Resume { since: None, positions: vec![(group, Seq(0))], after: None },
        A::List => Command::ListConversations { limit: limit(100), after: None },
        A::Write => write(Destination::Conversation(group)),
        A::Mark => Command::Mark(Mark { conversation: group, kind: MarkKind::Read, seq: Seq(2) }),
        A::Add => add(cast.free),
        A::AddMember => add(cast.member),
        A::AddBlocker => add(cast.blocker),
        A::AddBlocked => add(cast.blocked),
        A::RemoveMember => remove(cast.member),
        A::RemoveAdmin => remove(cast.admin),
        A::RemoveOwner => remove(cast.owner),
        A::RemoveFormer => remove(cast.former),
        A::RemoveOneself => remove(cast.actor),
        A::Rename => Command::RenameGroup { group, name: name("h") },
        A::Promote => set_role(group, cast.member, Role::Admin),
        A::Demote => set_role(group, cast.admin, Role::Member),
        A::HandOver => set_role(group, cast.member, Role::Owner),
        A::PromoteFormer => set_role(group, cast.former, Role::Admin),
        A::PromoteOneself => set_role(group, cast.actor, Role::Owner),
        A::Leave | A::SeedLeave => Command::LeaveGroup { group },
        A::SeedWrite => write(Destination::Group(group)),
        A::SeedRead => Command::GroupHistory { group, page: page() },
        A::SeedAdd => Command::AddMember { group, user: UserId(cast.free) },
        A::SeedWritePrivately => write(Destination::User(UserId(cast.peer))),
        A::SeedReadPrivately => Command::DialogHistory { peer: UserId(cast.peer), page: page() },
    }
}

/// Whether an action that is done leaves a trace.
fn changes(action: Action) -> bool {
    use Action as A;
    !matches!(action, A::Read | A::Resume | A::List | A::SeedRead | A::SeedReadPrivately)
}

#[tokio::test]
async fn every_cell_of_the_table_is_what_happens() {
    let fixture = fixture().await;
    let client = fixture._database.connect("messaging").await;
    let (mut done, mut refused) = (0, 0);
    let cells = Standing::ALL.iter().flat_map(|standing| Action::ALL.map(|action| (*standing, action)));
    for (number, (standing, action)) in cells.enumerate() {
        let mut cast = Cast::of_cell(number, &fixture.directory);
        let Stage { conversation, visible } = fixture.stage(standing, cast).await;
        if standing == Standing::Oneself {
            cast.peer = cast.actor;
        }
        let cell = format!("{standing:?} {action:?}");
        let before = fixture.state(&client).await;
        let outcome = fixture.perform(action, conversation, cast).await;
        let after = fixture.state(&client).await;
        match verdict(standing, action) {
            Verdict::Moot => {}
            Verdict::Refused(expected) => {
                let error = outcome.expect_err(&cell);
                let same = std::mem::discriminant(&error) == std::mem::discriminant(&expected);
                assert!(same, "{cell}: {error:?}, not {expected:?}");
                assert_eq!(before, after, "{cell}");
                refused += 1;
            }
            Verdict::Allowed | Verdict::Past => {
                let read = outcome.unwrap_or_else(|error| panic!("{cell}: {error:?}"));
                if let Some(read) = read {
                    check_read(&cell, action, &read, &visible);
                }
                assert_eq!(before != after, changes(action), "{cell}");
                done += 1;
            }
        }
    }
    assert!(done > 60 && refused > 150, "{done} done, {refused} refused");
}

/// Of a history in the older dialect only messages are told, the newest first.
fn check_read(cell: &str, action: Action, read: &[i64], visible: &[i64]) {
    if action.is_of_seed() {
        assert!(!read.is_empty() && read.iter().all(|seq| visible.contains(seq)), "{cell}: {read:?}");
    } else {
        assert_eq!(read, visible, "{cell}");
    }
}
