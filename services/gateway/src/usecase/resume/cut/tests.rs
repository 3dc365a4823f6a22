use proptest::prelude::*;

use super::*;
use crate::domain::reply::{ConversationKind, Watermarks};

fn head(conversation: i64, after: i64, top: i64) -> ResumeHead {
    ResumeHead {
        conversation: ConversationId(conversation),
        kind: ConversationKind::Group,
        after: Seq(after),
        top: Seq(top),
        own: Watermarks { read: Seq::ZERO, delivered: Seq::ZERO },
        member: true,
    }
}

/// What a log has of the stretches, as long as there is room for `rows` more.
fn read(stretches: &[Stretch], mut rows: i64) -> Vec<(ConversationId, LogRow)> {
    let has_room = |stretch: &&Stretch| {
        rows -= stretch.top.0 - stretch.after.0;
        rows >= 0
    };
    let places = |stretch: &Stretch| {
        let conversation = stretch.conversation;
        (stretch.after.0 + 1..=stretch.top.0)
            .map(move |seq| (conversation, LogRow { seq: Seq(seq), entry: None, users: None }))
    };
    stretches.iter().take_while(has_room).flat_map(places).collect()
}

fn seqs(missed: &Missed) -> Vec<i64> {
    missed.rows.iter().map(|row| row.seq.0).collect()
}

#[test]
fn a_hundred_are_told_and_of_more_the_newest_fifty() {
    let heads = vec![head(1, 5, 105), head(2, 5, 106), head(3, 7, 7), head(4, 9, 7)];
    let (stretches, _) = stretches(&heads);
    let missed = missed(heads, read(&stretches, i64::MAX));
    assert_eq!((seqs(&missed[0]), missed[0].limited), ((6..=105).collect(), None));
    assert_eq!((seqs(&missed[1]), missed[1].limited), ((57..=106).collect(), Some((Seq(6), Seq(106)))));
    for nothing in &missed[2..] {
        assert_eq!((seqs(nothing), nothing.limited), (vec![], None));
    }
}

#[test]
fn what_the_bytes_have_cut_is_to_be_pulled_whole() {
    let heads = vec![head(1, 0, 3), head(2, 10, 20), head(3, 0, 400)];
    let (stretches, _) = stretches(&heads);
    let missed = missed(heads, read(&stretches, 12));
    assert_eq!((seqs(&missed[0]), missed[0].limited), (vec![1, 2, 3], None));
    assert_eq!((seqs(&missed[1]), missed[1].limited), (vec![], Some((Seq(11), Seq(20)))));
    assert_eq!((seqs(&missed[2]), missed[2].limited), (vec![], Some((Seq(1), Seq(400)))));
}

#[test]
fn a_stretch_with_a_hole_is_not_taken_for_whole() {
    let heads = vec![head(1, 0, 3)];
    let mut rows = read(&stretches(&heads).0, i64::MAX);
    rows.remove(1);
    let missed = missed(heads, rows);
    assert_eq!((seqs(&missed[0]), missed[0].limited), (vec![], Some((Seq(1), Seq(3)))));
}

#[test]
fn no_more_rows_are_asked_for_than_an_answer_can_hold() {
    let heads: Vec<_> = (0..2_000).map(|n| head(n, 0, 1_000)).collect();
    let (stretches, budget) = stretches(&heads);
    let rows: i64 = stretches.iter().map(|stretch| stretch.top.0 - stretch.after.0).sum();
    assert!(rows > 0 && rows * ENTRY_BYTES + 2_000 * CONVERSATION_BYTES <= ANSWER_BYTES, "{rows}");
    assert_eq!(budget.bytes, ANSWER_BYTES - 2_000 * CONVERSATION_BYTES);
}

proptest! {
    /// Whatever is missing, and however little of it was read: nothing is passed over in silence.
    #[test]
    fn every_missing_place_is_told_or_to_be_pulled(
        logs in prop::collection::vec((0_i64..400, 0_i64..400), 0..40),
        room in 0_i64..4_000,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let heads: Vec<_> = (0..).zip(&logs).map(|(n, (after, top))| head(n, *after, *top)).collect();
        let (stretches, _) = stretches(&heads);
        let mut rows = read(&stretches, room);
        for index in lost {
            if !rows.is_empty() {
                rows.remove(index.index(rows.len()));
            }
        }
        let answer = missed(heads.clone(), rows);
        prop_assert_eq!(answer.len(), heads.len());
        for (head, missed) in heads.iter().zip(&answer) {
            let told = seqs(missed);
            prop_assert!(told.windows(2).all(|pair| pair[1] == pair[0] + 1));
            prop_assert!(told.len() <= 100 && (missed.limited.is_none() || told.len() <= 50));
            for place in head.after.0 + 1..=head.top.0 {
                let to_be_pulled =
                    missed.limited.is_some_and(|(from, to)| (from.0..=to.0).contains(&place));
                prop_assert!(to_be_pulled || told.contains(&place), "{} of {:?}", place, head);
            }
        }
    }
}
