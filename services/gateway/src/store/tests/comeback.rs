//! A client that comes and goes while things happen at random, against what a look into the tables says.

use std::collections::BTreeMap;

use super::*;

const ME: i64 = 1;
const ROUNDS: usize = 25;

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

impl Fixture {
    /// One thing happens in one of the conversations. That some are refused is part of it.
    async fn happen(&self, dice: &mut Dice, groups: &[ConversationId]) {
        let group = groups[usize::try_from(dice.roll(groups.len() as u64)).unwrap()];
        let (owner, store) = (UserId(2), &self.store);
        match dice.roll(8) {
            0 => drop(store.add_member(group, owner, UserId(ME), MANY, MANY).await.unwrap()),
            1 => drop(store.remove_member(group, owner, UserId(ME)).await.unwrap()),
            2 => drop(store.leave_group(group, UserId(ME)).await.unwrap()),
            3 => drop(store.rename_group(group, owner, &GroupName::parse("g").unwrap()).await.unwrap()),
            4 => drop(self.send(&[message(group, ME, None, "mine")]).await),
            5 => {
                let peer = 3 + i64::try_from(dice.roll(3)).unwrap();
                let dialog = self.dialog(ME, peer).await;
                self.send(&[message(dialog, peer, Some(ME), "Hi")]).await;
            }
            _ => drop(self.send(&[message(group, 2, None, "a"), message(group, 2, None, "b")]).await),
        }
    }

    /// First and last place that the user may see of each conversation.
    async fn visible(&self) -> BTreeMap<ConversationId, (i64, i64)> {
        let client = self.database.connect("messaging").await;
        let sql = "SELECT m.conversation_id, m.joined_seq, coalesce(m.left_seq, c.last_seq) \
             FROM members m JOIN conversations c ON c.id = m.conversation_id WHERE m.user_id = $1";
        let rows = client.query(sql, &[&ME]).await.unwrap();
        let part = |row: &Row| (ConversationId(row.get(0)), (row.get::<_, i64>(1).max(1), row.get(2)));
        rows.iter().map(part).collect()
    }
}

#[tokio::test]
async fn whoever_comes_back_is_told_what_was_missed_and_nothing_else() {
    let fixture = fixture().await;
    let groups = [fixture.group(&[2, ME]).await, fixture.group(&[2]).await, fixture.group(&[2, 3]).await];
    let mut held: BTreeMap<_, _> =
        fixture.visible().await.into_iter().map(|(it, part)| (it, part.1)).collect();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut told = 0;
    for round in 0..ROUNDS {
        let since = sync_at(fixture.horizon().await);
        for _ in 0..dice.roll(9) {
            fixture.happen(&mut dice, &groups).await;
        }
        let mut missed = Vec::new();
        for (conversation, (first, last)) in fixture.visible().await {
            let after = held.get(&conversation).copied().unwrap_or_default().max(first - 1);
            if after < last {
                missed.push((conversation, after, last));
                held.insert(conversation, last);
            }
        }
        let found =
            fixture.store.resume_heads_within(UserId(ME), Some(since), &[], None, 0, MANY).await.unwrap();
        let mut answer: Vec<_> =
            found.heads.iter().map(|head| (head.conversation, head.after.0, head.top.0)).collect();
        answer.sort_unstable();
        assert_eq!(answer, missed, "round {round}");
        told += answer.len();
    }
    assert!(told > ROUNDS, "something happened");
}
