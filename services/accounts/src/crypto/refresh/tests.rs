use proptest::prelude::*;

use super::*;
use crate::domain::Previous;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
const GRACE: Duration = Duration::from_secs(10);

fn stored(token: &RefreshToken) -> RefreshState {
    let (family, current) = token.digests();
    RefreshState { family, current, previous: None }
}

/// What the store makes of a rotation.
fn rotated(state: &RefreshState, successor: Digest, salt: Salt, now: Timestamp) -> RefreshState {
    let previous = Some(Previous { digest: state.current, salt, rotated_at: now });
    RefreshState { family: state.family, current: successor, previous }
}

fn after(seconds: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(seconds)).unwrap()
}

#[test]
fn a_token_has_one_spelling() {
    let token = RefreshToken::new(Uuid::from_u128(7)).unwrap();
    let text = token.expose();
    let read = RefreshToken::parse(&text).unwrap();
    assert_eq!(
        (read.session_id(), read.digests(), read.expose()),
        (token.session_id(), token.digests(), text.clone())
    );
    let other_end = if text.ends_with('A') { 'B' } else { 'A' };
    // The last letter has bits to spare: what differs in them alone must not be a second spelling.
    for last in ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']) {
        let spelling = format!("{}{last}", &text[..text.len() - 1]);
        assert!(RefreshToken::parse(&spelling).is_none_or(|read| read.expose() == spelling), "{spelling}");
    }
    for wrong in [
        String::new(),
        text[..text.len() - 1].to_owned(),
        format!("{text}A"),
        format!("{text}="),
        format!(" {text}"),
        text.to_uppercase(),
        text.replacen("mrt_", "mrs_", 1),
        text[PREFIX.len()..].to_owned(),
        format!("{}{other_end}=", &text[..text.len() - 2]),
        format!("mrt_{}", "+".repeat(TOKEN_CHARS - 4)),
        format!("mrt_{}", "é".repeat((TOKEN_CHARS - 5) / 2)),
        "x".repeat(TOKEN_CHARS),
    ] {
        assert!(RefreshToken::parse(&wrong).is_none(), "{wrong}");
    }
}

#[test]
fn a_token_does_not_print() {
    let token = RefreshToken::new(Uuid::from_u128(7)).unwrap();
    let printed = format!("{token:?}");
    assert!(!printed.contains(&token.expose()[30..50]) && !printed.contains('['), "{printed}");
}

#[test]
fn one_salt_makes_one_successor() {
    let token = RefreshToken::new(Uuid::from_u128(7)).unwrap();
    let next = token.successor(&[1; 32]).unwrap();
    assert_eq!(next.expose(), token.successor(&[1; 32]).unwrap().expose());
    assert_ne!(next.expose(), token.successor(&[2; 32]).unwrap().expose());
    assert_eq!((next.session_id(), next.digests().0), (token.session_id(), token.digests().0));
    let other = RefreshToken::new(Uuid::from_u128(7)).unwrap();
    assert_ne!(next.digests().1, other.successor(&[1; 32]).unwrap().digests().1);
}

#[test]
fn what_is_stored_makes_no_token() {
    let token = RefreshToken::new(Uuid::from_u128(7)).unwrap();
    let state = stored(&token);
    let mut forged = token;
    // The best that a copy of the database gives: digests in the place of secrets.
    *forged.family = state.family;
    *forged.secret = state.current;
    assert_eq!(forged.judge(&state, NOW, GRACE).unwrap(), Verdict::Foreign);
}

#[test]
fn a_lost_answer_is_given_again_for_a_while() {
    let token = RefreshToken::new(Uuid::from_u128(7)).unwrap();
    let state = stored(&token);
    let Verdict::Rotate { successor, salt } = token.judge(&state, NOW, GRACE).unwrap() else {
        panic!("no rotation")
    };
    let next = token.successor(&salt).unwrap();
    assert_eq!(next.digests().1, successor);
    let state = rotated(&state, successor, salt, NOW);
    let check = |seconds, expected| {
        assert_eq!(token.judge(&state, after(seconds), GRACE).unwrap(), expected, "{seconds}");
    };
    check(0, Verdict::Repeat { salt });
    check(10, Verdict::Repeat { salt });
    check(11, Verdict::Spent);
    assert!(matches!(next.judge(&state, after(11), GRACE).unwrap(), Verdict::Rotate { .. }));
}

#[test]
fn another_familys_token_is_foreign_whatever_its_secret() {
    let token = RefreshToken::new(Uuid::from_u128(7)).unwrap();
    let mut other = RefreshToken::new(Uuid::from_u128(7)).unwrap();
    other.secret = token.secret.clone();
    assert_eq!(other.judge(&stored(&token), NOW, GRACE).unwrap(), Verdict::Foreign);
    let state = stored(&token);
    let mut guessed = token;
    guessed.secret = Zeroizing::new([0; SECRET_BYTES]);
    assert_eq!(guessed.judge(&state, NOW, GRACE).unwrap(), Verdict::Spent);
}

proptest! {
    /// Whatever tokens of a session are shown, and whenever: only the newest rotates; the one before it gets the newest
    /// again, and only within the grace; everything older ends the session. At no time do two tokens rotate.
    #[test]
    fn one_token_at_a_time_is_good(shown in prop::collection::vec((0_usize..4, 0_u64..8), 1..40)) {
        let first = RefreshToken::new(Uuid::from_u128(7)).unwrap();
        let mut state = stored(&first);
        let mut tokens = vec![first];
        let (mut second, mut rotated_at) = (0, 0);
        for (age, pause) in shown {
            second += pause;
            let age = age.min(tokens.len() - 1);
            let token = tokens[tokens.len() - 1 - age].clone();
            let verdict = token.judge(&state, after(second), GRACE).unwrap();
            match verdict {
                Verdict::Rotate { successor, salt } => {
                    prop_assert_eq!(age, 0);
                    state = rotated(&state, successor, salt, after(second));
                    tokens.push(token.successor(&salt).unwrap());
                    rotated_at = second;
                }
                Verdict::Repeat { salt } => {
                    prop_assert!(age == 1 && second - rotated_at <= GRACE.as_secs());
                    prop_assert_eq!(token.successor(&salt).unwrap().expose(), tokens[tokens.len() - 1].expose());
                }
                Verdict::Spent => {
                    prop_assert!(age >= 2 || (age == 1 && second - rotated_at > GRACE.as_secs()));
                    return Ok(());
                }
                Verdict::Foreign => prop_assert!(false, "a token of the family is foreign"),
            }
        }
    }
}
