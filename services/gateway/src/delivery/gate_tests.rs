use proptest::prelude::*;

use super::*;

impl Weight for i64 {
    fn bytes(&self) -> usize {
        10
    }
}

fn at(position: i64) -> Gate<i64> {
    Gate::new(Some(Seq(position)))
}

#[tokio::test(start_paused = true)]
async fn in_order_goes_straight_through() {
    let (mut gate, now) = (at(0), Instant::now());
    for seq in 1..=3 {
        assert_eq!(gate.offer(Seq(seq), seq, now), [seq]);
    }
    assert!(gate.is_settled());
}

#[tokio::test(start_paused = true)]
async fn duplicates_are_dropped() {
    let (mut gate, now) = (at(5), Instant::now());
    assert!(gate.offer(Seq(5), 5, now).is_empty());
    assert_eq!(gate.offer(Seq(6), 6, now), [6]);
    assert!(gate.offer(Seq(6), 6, now).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_late_ring_closes_the_hole_in_time() {
    let (mut gate, now) = (at(0), Instant::now());
    assert!(gate.offer(Seq(2), 2, now).is_empty());
    assert_eq!(gate.need(now + HOLD / 2), None);
    assert_eq!(gate.offer(Seq(1), 1, now), [1, 2]);
    assert_eq!(gate.need(now + HOLD), None);
    assert!(gate.is_settled());
}

#[tokio::test(start_paused = true)]
async fn a_hole_that_stays_is_filled_once() {
    let (mut gate, now) = (at(3), Instant::now());
    gate.offer(Seq(7), 7, now);
    let later = now + HOLD;
    assert_eq!(gate.need(later), Some(Need::Fill { after: Seq(3), up_to: Seq(7) }));
    assert_eq!(gate.need(later), None, "asked already");
    let log = (4..=7).map(|seq| (Seq(seq), seq)).collect();
    assert_eq!(gate.fill(log, later), [4, 5, 6, 7]);
    assert!(gate.is_settled());
}

#[tokio::test(start_paused = true)]
async fn what_the_log_does_not_have_is_forgotten() {
    let (mut gate, now) = (at(3), Instant::now());
    assert!(gate.offer(Seq(7), -7, now).is_empty());
    let later = now + HOLD;
    assert_eq!(gate.need(later), Some(Need::Fill { after: Seq(3), up_to: Seq(7) }));
    assert!(gate.fill(Vec::new(), later).is_empty());
    assert!(gate.is_settled(), "a forged ring holds nothing up");
    for seq in 4..=7 {
        assert_eq!(gate.offer(Seq(seq), seq, later), [seq]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_partial_fill_asks_for_the_rest() {
    let (mut gate, now) = (at(0), Instant::now());
    gate.see_head(Seq(4), now);
    let now = now + HOLD;
    assert_eq!(gate.need(now), Some(Need::Fill { after: Seq(0), up_to: Seq(4) }));
    assert_eq!(gate.fill(vec![(Seq(1), 1), (Seq(2), 2)], now), [1, 2]);
    assert_eq!(gate.need(now + HOLD), Some(Need::Fill { after: Seq(2), up_to: Seq(4) }));
}

#[tokio::test(start_paused = true)]
async fn a_failed_fill_is_tried_again_later() {
    let (mut gate, now) = (at(0), Instant::now());
    gate.see_head(Seq(1), now);
    let now = now + HOLD;
    assert!(gate.need(now).is_some());
    gate.failed(now);
    assert_eq!(gate.need(now), None);
    assert_eq!(gate.due(), Some(now + RETRY));
    assert!(gate.need(now + RETRY).is_some());
}

#[tokio::test(start_paused = true)]
async fn without_a_position_everything_waits() {
    let (mut gate, now) = (Gate::new(None), Instant::now());
    assert!(gate.offer(Seq(9), 9, now).is_empty());
    assert_eq!(gate.need(now), Some(Need::Position), "there is nothing to wait for");
    assert!(gate.offer(Seq(8), 8, now).is_empty());
    assert_eq!(gate.learn(Seq(7), now), [8, 9]);
    assert!(gate.is_settled());
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_read_from_the_log() {
    let (mut gate, now) = (at(0), Instant::now());
    let last = i64::try_from(HELD_MAX).unwrap() + 50;
    for seq in 2..=last {
        assert!(gate.offer(Seq(seq), seq, now).is_empty());
    }
    let first_part = gate.offer(Seq(1), 1, now);
    assert!(i64::try_from(first_part.len()).unwrap() < last);
    let now = now + HOLD;
    let Some(Need::Fill { after, up_to }) = gate.need(now) else { panic!("the rest is needed") };
    let rest = gate.fill((after.0 + 1..=up_to.0).map(|seq| (Seq(seq), seq)).collect(), now);
    let all: Vec<_> = first_part.into_iter().chain(rest).collect();
    assert_eq!(all, (1..=last).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_announcement_that_the_log_does_not_know_is_forgotten() {
    let (mut gate, now) = (at(3), Instant::now());
    gate.offer(Seq(i64::MAX), 0, now);
    let now = now + HOLD;
    assert!(gate.need(now).is_some());
    assert!(gate.fill(Vec::new(), now).is_empty());
    assert!(gate.is_settled());
    assert_eq!(gate.offer(Seq(4), 4, now), [4]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_too_late_makes_nothing_forgotten() {
    let (mut gate, now) = (at(3), Instant::now());
    gate.see_head(Seq(6), now);
    let now = now + HOLD;
    assert!(gate.need(now).is_some());
    assert_eq!(gate.offer(Seq(4), 4, now), [4]);
    assert!(gate.fill(vec![(Seq(4), 4)], now).is_empty(), "a page of one, which has come meanwhile");
    assert_eq!(gate.need(now + HOLD), Some(Need::Fill { after: Seq(4), up_to: Seq(6) }));
}

#[tokio::test(start_paused = true)]
async fn a_position_that_cannot_be_read_is_not_asked_for_in_a_loop() {
    let (mut gate, now) = (Gate::new(None), Instant::now());
    gate.offer(Seq(9), 9, now);
    assert_eq!(gate.need(now), Some(Need::Position));
    gate.failed(now);
    assert_eq!(gate.need(now), None);
    assert_eq!(gate.due(), Some(now + RETRY));
    assert_eq!(gate.need(now + RETRY), Some(Need::Position));
}

#[tokio::test(start_paused = true)]
async fn in_a_hurry_a_hole_is_not_waited_for() {
    let (mut gate, now) = (at(0), Instant::now());
    gate.hurry();
    gate.offer(Seq(2), 2, now);
    assert_eq!(gate.need(now), None, "there was no hole to hurry about");
    gate.hurry();
    assert_eq!(gate.due(), Some(now));
    assert_eq!(gate.need(now), Some(Need::Fill { after: Seq(0), up_to: Seq(2) }));
    gate.failed(now);
    gate.hurry();
    assert_eq!(gate.need(now), None, "but a log that cannot be read is left alone for a while");
}

#[tokio::test(start_paused = true)]
async fn what_was_given_up_comes_from_the_log() {
    let (mut gate, now) = (at(0), Instant::now());
    gate.offer(Seq(2), 2, now);
    gate.offer(Seq(3), 3, now);
    assert_eq!(gate.held_bytes(), 20);
    gate.spill();
    assert_eq!(gate.held_bytes(), 0);
    assert_eq!(gate.need(now), Some(Need::Fill { after: Seq(0), up_to: Seq(3) }));
    assert_eq!(gate.fill((1..=3).map(|seq| (Seq(seq), seq)).collect(), now), [1, 2, 3]);
    assert!(gate.is_settled());
}

/// What may happen to a gate.
#[derive(Debug, Clone)]
enum Step {
    Ring(i64),
    Head(i64),
    Wait,
    FailNext,
    Spill,
    Hurry,
}

fn step(last: i64) -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..=last).prop_map(Step::Ring),
        1 => (1..=last).prop_map(Step::Head),
        2 => Just(Step::Wait),
        1 => Just(Step::FailNext),
        1 => Just(Step::Spill),
        1 => Just(Step::Hurry),
    ]
}

/// Drives a gate over a log of `1..=last` with rings lost, doubled and out of order; answers its needs from the log.
fn drive(position: Option<i64>, last: i64, steps: &[Step]) -> Vec<i64> {
    let mut now = Instant::now();
    let mut gate = Gate::new(position.map(Seq));
    let mut out = Vec::new();
    let mut fail = false;
    for step in steps.iter().chain([Step::Head(last), Step::Wait, Step::Wait, Step::Wait].iter()) {
        match *step {
            Step::Ring(seq) => out.extend(gate.offer(Seq(seq), seq, now)),
            Step::Head(seq) => gate.see_head(Seq(seq), now),
            Step::Wait => now += HOLD.max(RETRY),
            Step::Spill => gate.spill(),
            Step::Hurry => gate.hurry(),
            Step::FailNext => fail = true,
        }
        match gate.need(now) {
            Some(_) if std::mem::take(&mut fail) => gate.failed(now),
            Some(Need::Position) => out.extend(gate.learn(Seq(0), now)),
            Some(Need::Fill { after, up_to }) => {
                assert!(after < up_to && up_to.0 <= last, "asks only for what the log has");
                let log = (after.0 + 1..=up_to.0).map(|seq| (Seq(seq), seq)).collect();
                out.extend(gate.fill(log, now));
            }
            None => {}
        }
        assert_eq!(gate.held_bytes(), 10 * gate.held.len());
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_happens_each_entry_comes_out_once_in_order(
        known in any::<bool>(),
        steps in prop::collection::vec(step(40), 0..120),
    ) {
        let out = drive(known.then_some(0), 40, &steps);
        prop_assert_eq!(out, (1..=40).collect::<Vec<_>>());
    }
}
