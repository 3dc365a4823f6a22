//! Good histories are found good, and each of them that is spoilt in one way is found spoilt in just that way.

mod simulate;
mod spoil;

use proptest::prelude::*;

use super::*;
use simulate::simulate;
use spoil::SPOILS;

const STEPS: usize = 250;

fn classes(verdict: &Verdict) -> Vec<Class> {
    verdict.counts.keys().copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_good_history_is_found_good(seed: u64) {
        let verdict = check(&simulate(seed, STEPS), Limits::default());
        prop_assert!(verdict.is_clean(), "{:#?}", verdict.violations);
        prop_assert!(verdict.totals.acknowledged > 50 && verdict.totals.received > 200, "{:?}", verdict.totals);
    }

    #[test]
    fn each_spoilt_history_is_found_spoilt_in_that_way_alone(seed: u64) {
        let good = simulate(seed, STEPS);
        for spoil in SPOILS {
            let mut bad = good.clone();
            let mut rng = fastrand::Rng::with_seed(seed);
            if !(spoil.apply)(&mut bad, &mut rng) {
                continue;
            }
            let verdict = check(&bad, Limits::default());
            prop_assert_eq!(classes(&verdict), vec![spoil.class], "{}: {:#?}", spoil.name, verdict.violations);
            prop_assert!(verdict.violations.iter().all(|found| !found.what.is_empty()));
        }
    }
}

#[test]
fn most_histories_have_a_place_for_every_spoil() {
    const SEEDS: u64 = 20;
    for spoil in SPOILS {
        let has_place = |seed: &u64| {
            let mut rng = fastrand::Rng::with_seed(*seed);
            (spoil.apply)(&mut simulate(*seed, STEPS), &mut rng)
        };
        assert!((0..SEEDS).filter(has_place).count() > 10, "{}", spoil.name);
    }
}

#[test]
fn every_class_has_a_spoilt_history() {
    for class in Class::ALL {
        assert!(SPOILS.iter().any(|spoil| spoil.class == class), "{class}");
    }
    assert!(SPOILS.len() >= 12);
}

#[test]
fn a_violation_names_its_records() {
    let mut bad = simulate(5, STEPS);
    let index =
        bad.iter().position(|record| matches!(record.event, Event::Receive { .. })).expect("a receive");
    let record = bad[index].clone();
    bad.insert(index + 1, record);
    let verdict = check(&bad, Limits::default());
    assert_eq!(verdict.violations.len(), 1);
    assert_eq!(verdict.violations[0].records, [index as u64 + 2]);
    assert!(
        verdict.violations[0].to_string().starts_with("duplicated: device "),
        "{}",
        verdict.violations[0]
    );
}

#[test]
fn lateness_is_excused_by_a_fault_alone() {
    let (mut late, mut rng) = (simulate(9, STEPS), fastrand::Rng::with_seed(1));
    assert!((SPOILS.iter().find(|spoil| spoil.class == Class::Late).expect("one").apply)(
        &mut late, &mut rng
    ));
    let found = check(&late, Limits::default());
    let moment = late[usize::try_from(found.violations[0].records[1]).expect("small") - 1].at;
    let fault = |event| Record { at: moment, event };
    let name = || "a test".to_owned();
    late.insert(0, fault(Event::Fault { name: name() }));
    late.insert(1, fault(Event::Heal { name: name() }));
    assert!(check(&late, Limits::default()).is_clean());
}

#[test]
fn a_socket_that_was_opened_later_is_shown_no_old_news() {
    let mut bad = simulate(3, STEPS);
    let acknowledged = bad.iter().find_map(|record| match &record.event {
        Event::Ok { conversation, seq, id: Some(_), .. } => Some((*conversation, *seq, record.at)),
        _ => None,
    });
    let (conversation, seq, acked) = acknowledged.expect("a message");
    let shown = bad.iter().find_map(|record| match &record.event {
        Event::Receive { device, entry, .. } if (entry.conversation, entry.seq) == (conversation, seq) => {
            Some((device.user, entry.clone()))
        }
        _ => None,
    });
    let (user, entry) = shown.expect("somebody saw it");
    let device = Device { user, number: 77 };
    let opened = acked + u64::try_from(OLD.as_micros()).expect("small") + 1;
    let end =
        bad.iter().position(|record| matches!(record.event, Event::Conversation { .. })).expect("a dump");
    let events = [
        Event::Retire { device },
        Event::Connect { device, connection: 1, gateway: 0 },
        Event::Follow { device, conversation, after: seq - 1 },
        Event::Receive { device, connection: 1, entry },
    ];
    bad.splice(end..end, events.map(|event| Record { at: opened, event }));
    assert_eq!(classes(&check(&bad, Limits { delivery: OLD, ..Limits::default() })), [Class::Duplicated]);
}
