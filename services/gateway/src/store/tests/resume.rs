use super::*;
use crate::domain::entry::EntryKind;
use crate::domain::reply::ConversationKind;
use crate::domain::sync::Sync;

pub(super) use crate::store::resume::RESUME_HEADS;
pub(super) use crate::store::stretch::STRETCHES;

/// Conversation, from where, up to where, and whether the user is a member.
type Told = (ConversationId, i64, i64, bool);

fn told(heads: &ResumeHeads) -> Vec<Told> {
    heads.heads.iter().map(|head| (head.conversation, head.after.0, head.top.0, head.member)).collect()
}

impl Fixture {
    /// A mark behind all that has been committed.
    async fn sync(&self) -> Sync {
        sync_at(self.horizon().await)
    }

    /// As the store does it, but without telling again what a promoted standby might have lost.
    async fn heads(
        &self,
        user: i64,
        since: Option<Sync>,
        positions: &[(ConversationId, i64)],
    ) -> ResumeHeads {
        let positions: Vec<_> = positions.iter().map(|(it, seq)| (*it, Seq(*seq))).collect();
        let heads = self.store.resume_heads_within(UserId(user), since, &positions, None, 0, MANY).await;
        let heads = heads.unwrap();
        if let (Some(since), []) = (since, &*positions) {
            assert_eq!(self.is_rested(user, since).await, heads.heads.is_empty(), "{user} since {since}");
        }
        heads
    }

    async fn is_rested(&self, user: i64, since: Sync) -> bool {
        let rested = self.store.rested_since_within(&[(UserId(user), since)], 0).await.unwrap();
        rested[0]
    }

    async fn say(&self, conversation: ConversationId, sender: i64, recipient: Option<i64>, count: usize) {
        for _ in 0..count {
            self.send(&[message(conversation, sender, recipient, "x")]).await;
        }
    }
}

#[tokio::test]
async fn named_conversations_are_told_from_their_positions_on() {
    let fixture = fixture().await;
    let (dialog, group, other) =
        (fixture.dialog(1, 2).await, fixture.group(&[3, 1]).await, fixture.dialog(2, 3).await);
    fixture.say(dialog, 2, Some(1), 5).await;
    fixture.say(group, 3, None, 1).await;
    let named = [(dialog, 3), (group, 0), (other, 0), (ConversationId(999), 7)];
    let heads = fixture.heads(1, None, &named).await;
    assert_eq!(told(&heads), [(group, 1, 3, true), (dialog, 3, 5, true)], "not from before the joining");
    let kinds: Vec<_> = heads.heads.iter().map(|head| head.kind).collect();
    assert_eq!(kinds, [ConversationKind::Group, ConversationKind::Dialog]);
    let mut unknown = heads.unknown;
    unknown.sort_unstable();
    let mut expected = [other, ConversationId(999)];
    expected.sort_unstable();
    assert_eq!((unknown.as_slice(), heads.next), (expected.as_slice(), None));

    let restored = fixture.heads(1, None, &[(dialog, 9)]).await;
    assert_eq!(told(&restored), [(dialog, 9, 5, true)], "the log was restored from a backup");
    let silent = fixture.dialog(1, 7).await;
    assert_eq!(told(&fixture.heads(1, None, &[(silent, 0)]).await), [(silent, 0, 0, true)]);
    assert_eq!(fixture.heads(1, None, &[]).await, ResumeHeads::default());
}

#[tokio::test]
async fn of_many_each_is_told_whether_he_has_rested() {
    let fixture = fixture().await;
    let (dialog, group) = (fixture.dialog(1, 2).await, fixture.group(&[3, 4, 5]).await);
    let since = fixture.sync().await;
    fixture.say(dialog, 2, Some(1), 1).await;
    let later = fixture.sync().await;
    fixture.say(group, 3, None, 1).await;
    let (foreign, future) =
        (Sync { epoch: Some(uuid::Uuid::new_v4()), ..later }, sync_at(Xid(later.xid.0 + 1_000_000)));
    let cases = [
        (1, since, false),
        (1, later, true),
        (2, since, false),
        (4, since, false),
        (4, later, false),
        (9, since, true),
        (9, foreign, false),
        (9, future, false),
        (2, later, true),
    ];
    let asked = cases.map(|(user, since, _)| (UserId(user), since));
    let rested = fixture.store.rested_since_within(&asked, 0).await.unwrap();
    assert_eq!(rested, cases.map(|(.., rested)| rested));
    // What a standby that was promoted may have lost is told again.
    assert_eq!(fixture.store.rested_since(&[(UserId(1), later)]).await, Ok(vec![false]));
    assert_eq!(fixture.store.rested_since(&[]).await, Ok(vec![]));
}

#[tokio::test]
async fn what_has_grown_since_the_mark_is_told_from_where_it_stood() {
    let fixture = fixture().await;
    let (old, quiet) = (fixture.dialog(1, 2).await, fixture.dialog(1, 3).await);
    fixture.say(old, 2, Some(1), 4).await;
    fixture.say(quiet, 3, Some(1), 4).await;
    let group = fixture.group(&[3, 1]).await;
    let since = Some(fixture.sync().await);
    assert_eq!(fixture.heads(1, since, &[]).await, ResumeHeads::default());

    fixture.say(old, 2, Some(1), 3).await;
    let begun = fixture.dialog(5, 1).await;
    fixture.say(begun, 5, Some(1), 2).await;
    let late = fixture.group(&[3]).await;
    fixture.say(late, 3, None, 4).await;
    fixture.store.add_member(late, UserId(3), UserId(1), MANY, MANY).await.unwrap().unwrap();
    fixture.say(group, 3, None, 1).await;
    let heads = fixture.heads(1, since, &[]).await;
    let expected = [(group, 2, 3, true), (late, 5, 6, true), (begun, 0, 2, true), (old, 4, 7, true)];
    assert_eq!(told(&heads), expected);
    // A position counts more than the mark, and names what has not grown.
    let heads = fixture.heads(1, since, &[(old, 6), (quiet, 4)]).await;
    let expected = [
        (group, 2, 3, true),
        (late, 5, 6, true),
        (begun, 0, 2, true),
        (old, 6, 7, true),
        (quiet, 4, 4, true),
    ];
    assert_eq!(told(&heads), expected);
    let now = Some(fixture.sync().await);
    assert_eq!(fixture.heads(1, now, &[]).await, ResumeHeads::default());
}

#[tokio::test]
async fn who_was_removed_is_told_up_to_that() {
    let fixture = fixture().await;
    let (group, left_before) = (fixture.group(&[1, 2, 3]).await, fixture.group(&[1, 2]).await);
    fixture.store.leave_group(left_before, UserId(2)).await.unwrap().unwrap();
    let since = Some(fixture.sync().await);
    fixture.say(left_before, 1, None, 2).await;
    fixture.say(group, 1, None, 2).await;
    let removed = fixture.store.remove_member(group, UserId(1), UserId(2)).await.unwrap().unwrap();
    fixture.say(group, 1, None, 3).await;
    assert_eq!(told(&fixture.heads(2, since, &[]).await), [(group, 3, removed.seq.0, false)]);
    let heads = fixture.heads(2, None, &[(left_before, 0), (group, 4)]).await;
    assert_eq!(told(&heads), [(group, 4, 6, false), (left_before, 1, 3, false)]);
    let after = Some(fixture.sync().await);
    fixture.say(group, 1, None, 1).await;
    assert_eq!(fixture.heads(2, after, &[]).await, ResumeHeads::default(), "what comes later is not his");

    let stretch = Stretch { conversation: group, after: Seq(3), top: removed.seq };
    let rows = fixture.store.stretches(&[stretch], GENEROUS).await.unwrap();
    assert_eq!(rows.last().and_then(|(_, row)| row.entry.clone()), Some(removed));
}

#[tokio::test]
async fn who_was_removed_and_came_back_is_told_from_the_new_joining_on() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2]).await;
    let since = Some(fixture.sync().await);
    fixture.store.remove_member(group, UserId(1), UserId(2)).await.unwrap().unwrap();
    fixture.say(group, 1, None, 5).await;
    let added = fixture.store.add_member(group, UserId(1), UserId(2), MANY, MANY).await.unwrap().unwrap();
    fixture.say(group, 1, None, 1).await;
    for heads in [fixture.heads(2, since, &[]).await, fixture.heads(2, None, &[(group, 2)]).await] {
        assert_eq!(told(&heads), [(group, added.seq.0 - 1, added.seq.0 + 1, true)]);
    }
}

#[tokio::test]
async fn a_mark_from_the_future_counts_as_none_and_the_latest_transactions_are_told_again() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    fixture.say(dialog, 2, Some(1), 3).await;
    let Sync { xid: now, .. } = fixture.sync().await;
    let future = Some(sync_at(Xid(now.0 + 1_000_000_000)));
    assert_eq!(told(&fixture.heads(1, future, &[]).await), [(dialog, 0, 3, true)]);
    let again = fixture.store.resume_heads(UserId(1), Some(sync_at(now)), &[], None).await.unwrap();
    assert_eq!(told(&again), [(dialog, 0, 3, true)], "a thousand transactions before the mark");
    let first = fixture.store.resume_heads(UserId(1), Some(sync_at(Xid(0))), &[], None).await.unwrap();
    assert_eq!(told(&first), [(dialog, 0, 3, true)]);
}

/// A log that was restored into a younger server has labels that its transactions will not reach for long.
#[tokio::test]
async fn labels_of_another_server_are_old() {
    let fixture = fixture().await;
    let (restored, grown) = (fixture.dialog(1, 2).await, fixture.dialog(1, 3).await);
    let left = fixture.group(&[4, 1]).await;
    fixture.say(restored, 2, Some(1), 5).await;
    fixture.say(grown, 3, Some(1), 5).await;
    fixture.store.leave_group(left, UserId(1)).await.unwrap().unwrap();
    let client = fixture.database.connect("messaging").await;
    let restore =
        "UPDATE conversations SET last_xid = '1000000000000'; UPDATE entries SET xid = '1000000000000'";
    client.batch_execute(restore).await.unwrap();
    let since = fixture.sync().await;
    fixture.say(grown, 3, Some(1), 2).await;
    fixture.say(left, 4, None, 1).await;
    assert_eq!(told(&fixture.heads(1, Some(since), &[]).await), [(grown, 5, 7, true)]);
    let future = Some(sync_at(Xid(1_000_000_000_001)));
    let mut all = told(&fixture.heads(1, future, &[]).await);
    all.sort_unstable();
    let mut expected = [(restored, 0, 5, true), (grown, 0, 7, true), (left, 1, 3, false)];
    expected.sort_unstable();
    assert_eq!(all, expected, "a mark of that server is of no use here");
}

/// Halving finds the same place as walking does, for every mark and every beginning.
#[tokio::test]
async fn a_position_is_found_in_few_steps() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    for count in [1, 3, 1, 1, 7, 2, 1] {
        let drafts: Vec<_> = (0..count).map(|_| message(dialog, 1, Some(2), "x")).collect();
        fixture.send(&drafts).await;
    }
    let client = fixture.database.connect("messaging").await;
    let wrong = "SELECT count(*) FROM (
            SELECT DISTINCT unnest(ARRAY[xid::text::bigint - 1, xid::text::bigint, xid::text::bigint + 1]) AS x FROM entries
        ) marks, generate_series(0, 16) low, generate_series(0, 16) top
        WHERE low <= top AND position_since($1, low, top, x::text::xid8, '1000000000000') <> greatest(low, (
            SELECT coalesce(max(e.seq), 0) FROM entries e
            WHERE e.conversation_id = $1 AND e.seq <= top AND e.xid < x::text::xid8))";
    assert_eq!(client.query_one(wrong, &[&dialog.0]).await.unwrap().get::<_, i64>(0), 0);
    // The last eight places of a log have a way of their own.
    let told = "SELECT count(*), count(*) FILTER (WHERE h.after <> (
            SELECT coalesce(max(e.seq), 0) FROM entries e WHERE e.conversation_id = $1 AND e.xid < x::text::xid8))
        FROM (SELECT DISTINCT xid::text::bigint AS x FROM entries) marks,
            resume_heads(1, x, NULL, NULL, '{}', '{}', 0, 1000) h";
    let row = client.query_one(told, &[&dialog.0]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (7, 0), "marks, wrong places");
}

const GENEROUS: Budget = Budget { bytes: 1 << 20, entry_bytes: 0 };

#[tokio::test]
async fn stretches_are_read_whole_and_in_order_as_far_as_the_bytes_go() {
    let fixture = fixture().await;
    let mut stretches = Vec::new();
    for (peer, bytes) in [(2, 10), (3, 500), (4, 30), (5, 60), (6, 1)] {
        let conversation = fixture.dialog(1, peer).await;
        let draft = || message(conversation, 1, Some(peer), &"x".repeat(bytes));
        fixture.send(&[draft(), draft(), draft()]).await;
        stretches.push(Stretch { conversation, after: Seq(1), top: Seq(3) });
    }
    let read = async |bytes, entry_bytes| {
        let rows = fixture.store.stretches(&stretches, Budget { bytes, entry_bytes }).await.unwrap();
        let place = |conversation| stretches.iter().position(|it| it.conversation == conversation).unwrap();
        rows.iter().map(|(conversation, row)| (place(*conversation), row.seq.0)).collect::<Vec<_>>()
    };
    let both = |stretch: usize| [(stretch, 2), (stretch, 3)];
    assert_eq!(read(1 << 20, 0).await, [both(0), both(1), both(2), both(3), both(4)].concat());
    // 20 bytes, then 1,000 that alone are too many, then 60, then 120 with which it is too much.
    assert_eq!(read(199, 0).await, [both(0), both(2)].concat());
    assert_eq!(read(200, 0).await, [both(0), both(2), both(3)].concat());
    assert_eq!(read(120, 10).await, [both(0), both(2)].concat());
    assert_eq!(read(19, 0).await, both(4).to_vec());
    assert!(read(0, 0).await.is_empty());
    assert!(fixture.store.stretches(&[], GENEROUS).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_entry_of_a_newer_kind_is_in_its_stretch() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2).await;
    fixture.say(dialog, 1, Some(2), 3).await;
    let client = fixture.database.connect("messaging").await;
    client.execute("UPDATE entries SET kind = 99 WHERE seq = 2", &[]).await.unwrap();
    let stretch = Stretch { conversation: dialog, after: Seq(0), top: Seq(3) };
    let rows = fixture.store.stretches(&[stretch], GENEROUS).await.unwrap();
    let kinds: Vec<_> = rows.iter().map(|(_, row)| row.entry.as_ref().map(|entry| entry.kind)).collect();
    assert_eq!(kinds, [Some(EntryKind::Message), None, Some(EntryKind::Message)]);
}
