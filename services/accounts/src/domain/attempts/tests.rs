use proptest::prelude::*;

use super::*;

const PAIR: Rule = Rule::Doubling(Doubling { free: 5, window: 60_000, first: 2_000, longest: 900_000 });

/// Waits of someone who tries again as soon as he may.
fn waits(rule: &Rule, tries: usize) -> Vec<i64> {
    let (mut attempts, mut now, mut waits) = (Attempts::default(), 1_000_000, Vec::new());
    for _ in 0..tries {
        let wait = attempts.wait(rule, now);
        waits.push(wait / 1_000);
        now += wait;
        attempts = attempts.begun(rule, now);
    }
    waits
}

#[test]
fn five_failures_are_free_and_then_the_wait_doubles_up_to_a_quarter_of_an_hour() {
    assert_eq!(waits(&PAIR, 17), [0, 0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
}

#[test]
fn failures_below_the_free_ones_are_forgotten_with_their_window() {
    let mut attempts = Attempts::default();
    for now in [0, 1, 2, 3] {
        attempts = attempts.begun(&PAIR, now);
    }
    let next_minute = attempts.begun(&PAIR, 60_000);
    assert_eq!((next_minute.count, next_minute.wait(&PAIR, 60_000)), (1, 0));
    assert_eq!(attempts.begun(&PAIR, 59_999).wait(&PAIR, 59_999), 2_000);
}

#[test]
fn whoever_sits_a_wait_out_continues_where_he_was_until_he_stays_away_for_an_hour() {
    let mut attempts = Attempts::default();
    for _ in 0..6 {
        attempts = attempts.begun(&PAIR, 0);
    }
    assert_eq!(attempts.wait(&PAIR, 0), 4_000);
    assert_eq!(attempts.begun(&PAIR, 3_600_000).wait(&PAIR, 3_600_000), 8_000);
    assert_eq!(attempts.begun(&PAIR, 3_604_000).wait(&PAIR, 3_604_000), 0);
}

#[test]
fn a_failure_that_was_none_is_taken_back() {
    let mut attempts = Attempts::default();
    for _ in 0..5 {
        attempts = attempts.begun(&PAIR, 0);
    }
    let attempts = attempts.ended(&PAIR, Outcome::Neither, 0);
    assert_eq!(attempts.wait(&PAIR, 0), 0);
    assert_eq!(attempts.begun(&PAIR, 0).wait(&PAIR, 0), 2_000);
}

#[test]
fn a_rate_lets_as_many_through_at_once_and_then_one_for_each_that_grows_back() {
    let rule = Rule::Rate(Rate::new(30, Duration::from_secs(60)).unwrap());
    let all = waits(&rule, 34);
    assert_eq!(all[..30], [0; 30]);
    assert_eq!(all[30..], [2; 4]);
    assert_eq!(Rate::new(0, Duration::from_secs(60)), None);
}

const BREAKER: Breaker = Breaker { failures: 10, percent: 50, window: 60_000, pause: 30_000 };

/// So many attempts with this outcome at this time.
fn after(seen: Attempts, outcome: Outcome, times: u32, now: i64) -> Attempts {
    (0..times).fold(seen, |seen, _| seen.ended(&Rule::Breaker(BREAKER), outcome, now))
}

#[test]
fn a_breaker_opens_when_many_fail_and_they_are_most() {
    let waits = |seen: Attempts, now| seen.wait(&Rule::Breaker(BREAKER), now);
    let start = 1_000_000;
    let crowd = after(Attempts::default(), Outcome::Right, 100, start);
    assert_eq!(waits(after(crowd, Outcome::Wrong, 100, start), start), 0, "half of them is not most");
    assert_eq!(waits(after(crowd, Outcome::Wrong, 101, start), start), 30_000);
    let few = after(Attempts::default(), Outcome::Wrong, 10, start);
    assert_eq!(waits(few, start), 0, "few are not many");
    assert_eq!(waits(few.begun(&Rule::Breaker(BREAKER), start), start), 0, "a beginning is no end");
    assert_eq!(waits(after(few, Outcome::Neither, 50, start), start), 0);
    assert_eq!(waits(after(few, Outcome::Wrong, 1, start + 60_000), start + 60_000), 0, "another window");
    assert_eq!(waits(after(few, Outcome::Wrong, 1, start + 59_999), start + 59_999), 30_000);
}

#[test]
fn a_breaker_closes_by_itself_and_counts_from_nothing() {
    let rule = Rule::Breaker(BREAKER);
    let open = after(Attempts::default(), Outcome::Wrong, 11, 1_000_000);
    let later = after(open, Outcome::Wrong, 9, 1_010_000);
    assert_eq!(
        later.wait(&rule, 1_010_000),
        20_000,
        "failures of those who still get in do not keep it open"
    );
    assert_eq!(later.wait(&rule, 1_030_000), 0);
    assert_eq!(after(open, Outcome::Wrong, 10, 1_030_000).wait(&rule, 1_030_000), 0);
    assert_eq!(after(open, Outcome::Wrong, 11, 1_030_000).wait(&rule, 1_030_000), 30_000);
}

proptest! {
    #[test]
    fn what_was_allowed_never_exceeds_the_rate(pauses in prop::collection::vec(0_i64..4_000, 1..200)) {
        let rule = Rule::Rate(Rate::new(6, Duration::from_secs(6)).unwrap());
        let (mut attempts, mut now, mut allowed) = (Attempts::default(), 0, 0);
        for pause in pauses {
            now += pause;
            if attempts.wait(&rule, now) == 0 {
                attempts = attempts.begun(&rule, now);
                allowed += 1;
            }
        }
        prop_assert!(allowed <= 6 + now / 1_000, "{allowed} in {now} ms");
    }
}
