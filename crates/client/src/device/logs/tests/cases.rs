//! Single cases: pages, holes, logs that were restored, memberships that began anew.

use super::*;

fn row(last_seq: u64, entries: &[u64]) -> Resumed {
    let row = ResumedConversation {
        conversation_id: 1,
        kind: "group".to_owned(),
        last_seq,
        read_seq: 0,
        delivered_seq: 0,
        member: true,
        recovered: true,
        limited: None,
        entries: entries.iter().map(|seq| entry(1, *seq)).collect(),
    };
    Resumed { conversations: vec![row], unknown: Vec::new(), cursor: None }
}

/// A connection that has asked for its first page.
fn connect(logs: &mut Logs, sync: &str) -> Resume {
    logs.connected(None, sync.to_owned());
    logs.resume(9).expect("something to resume from")
}

fn at(position: u64) -> Logs {
    let mut logs = Logs::new(State {
        epoch: None,
        since: Some("x1".to_owned()),
        positions: BTreeMap::from([(1, position)]),
    });
    connect(&mut logs, "x2");
    logs
}

fn places(steps: &[Step]) -> Vec<u64> {
    let place = |step: &Step| match step {
        Step::Entry(entry) => entry.seq,
        Step::Reset(_) => 0,
    };
    steps.iter().map(place).collect()
}

#[test]
fn who_comes_back_to_a_group_goes_on_where_he_may_see_again() {
    let mut logs = at(10);
    assert_eq!(places(&logs.resumed(row(21, &[20, 21]))), [20, 21]);
    logs.complete();
    assert_eq!(places(&logs.entry(entry(1, 22))), [22]);
}

#[test]
fn a_log_that_was_restored_is_followed_anew() {
    let mut logs = at(10);
    assert_eq!(places(&logs.resumed(row(7, &[]))), [0]);
    logs.complete();
    assert_eq!(places(&logs.entry(entry(1, 8))), [8]);
}

#[test]
fn a_hole_that_stays_is_pulled() {
    let mut logs = at(10);
    logs.resumed(row(10, &[]));
    logs.complete();
    assert!(logs.entry(entry(1, 12)).is_empty());
    assert_eq!((logs.need(true), logs.is_holding()), (None, true));
    let need = logs.need(false).expect("the hole");
    assert_eq!(need, Need { conversation: 1, after: 10, missing_to: 0 });
    let entries = vec![entry(1, 11), entry(1, 12)];
    let answer = Entries { conversation_id: 1, last_seq: 12, entries, has_more: false };
    assert_eq!(places(&logs.pulled(need, answer)), [11, 12]);
    assert_eq!((logs.need(false), logs.is_holding()), (None, false));
}

#[test]
fn what_is_left_out_while_something_is_pulled_is_pulled_after() {
    let mut logs = at(10);
    logs.resumed(row(10, &[]));
    logs.complete();
    logs.gap(Gap { conversation_id: 1, from: 11, to: 11 });
    let need = logs.need(true).expect("the gap");
    logs.gap(Gap { conversation_id: 1, from: 12, to: 13 });
    let answer = Entries { conversation_id: 1, last_seq: 11, entries: vec![entry(1, 11)], has_more: false };
    assert_eq!(places(&logs.pulled(need, answer)), [11]);
    let need = logs.need(true).expect("the gap that is younger than the answer");
    assert_eq!(need.after, 11);
}

#[test]
fn positions_survive_a_connection_that_was_not_complete_and_an_answer_that_leaves_them_out() {
    let mut logs = Logs::new(State { epoch: None, since: Some("x1".to_owned()), positions: BTreeMap::new() });
    connect(&mut logs, "x2");
    assert_eq!(places(&logs.resumed(row(5, &[4, 5]))), [4, 5]);
    // It breaks.
    connect(&mut logs, "x3");
    let expected = State { epoch: None, since: Some("x1".to_owned()), positions: BTreeMap::from([(1, 5)]) };
    assert_eq!(logs.state(), expected);
    logs.resumed(Resumed { conversations: Vec::new(), unknown: Vec::new(), cursor: None });
    logs.complete();
    assert_eq!(logs.state(), State { since: Some("x3".to_owned()), ..expected });
}

#[test]
fn a_later_page_does_not_hide_what_an_earlier_one_left_to_be_pulled() {
    let mut logs = at(10);
    let mut answer = row(300, &[]);
    answer.cursor = Some("1".to_owned());
    answer.conversations[0].limited = Some(Bounds { from: 11, to: 300 });
    assert!(logs.resumed(answer).is_empty());
    let next = Resume { since: Some("x1".to_owned()), cursor: Some("1".to_owned()), ..Resume::default() };
    assert_eq!(logs.resume(9), Some(next));
    assert!(logs.resumed(row(301, &[299, 300, 301])).is_empty(), "it stood at 298 at the mark");
    assert_eq!(logs.resume(9), None);
    logs.complete();
    assert_eq!(logs.need(true).map(|need| need.after), Some(10));
    assert_eq!(connect(&mut logs, "x3").positions, BTreeMap::from([(1, 10)]), "it is not held");
}

#[test]
fn what_has_moved_is_told_when_it_is_named_and_not_before() {
    let positions = BTreeMap::from([(0, 5), (1, 10), (2, 7)]);
    let mut logs = Logs::new(State { epoch: None, since: Some("x1".to_owned()), positions });
    logs.connected(None, "x2".to_owned());
    let page = |since: Option<&str>, id, position, cursor: Option<&str>| {
        let positions = BTreeMap::from([(id, position)]);
        Some(Resume { since: since.map(str::to_owned), positions, cursor: cursor.map(str::to_owned) })
    };
    assert_eq!(logs.resume(1), page(Some("x1"), 0, 5, None));
    let mut answer = row(21, &[20, 21]);
    answer.cursor = Some("c".to_owned());
    assert!(logs.resumed(answer).is_empty(), "11 to 19 are older than the mark");
    assert_eq!(logs.resume(1), page(Some("x1"), 1, 10, Some("c")));
    let entries: Vec<_> = (11..=21).collect();
    assert_eq!(places(&logs.resumed(row(21, &entries))), entries);
    assert_eq!(logs.resume(1), page(None, 2, 7, None), "the last page of those that have grown is told");
    logs.resumed(Resumed { conversations: Vec::new(), unknown: vec![2], cursor: None });
    assert_eq!(logs.resume(1), None);
}

#[test]
fn another_epoch_forgets_all_and_asks_for_all() {
    let [first, second] = [1, 2].map(|name| Some(Uuid::from_u128(name)));
    let mut logs = at(10);
    logs.resumed(row(10, &[]));
    logs.complete();
    assert!(!logs.connected(first, "x3".to_owned()), "it has never heard of one");
    logs.complete();
    assert!(logs.entry(entry(1, 12)).is_empty(), "it waits for 11");
    assert!(!logs.connected(None, "x4".to_owned()), "a server that does not tell");
    logs.complete();

    assert!(logs.connected(second, "x1@2".to_owned()));
    let state = State { epoch: second, since: Some("x0".to_owned()), positions: BTreeMap::new() };
    assert_eq!(logs.state(), state);
    let all = Resume { since: Some("x0".to_owned()), ..Resume::default() };
    assert_eq!(logs.resume(9), Some(all.clone()));
    assert_eq!(places(&logs.resumed(row(3, &[1, 2, 3]))), [1, 2, 3], "again, and no reset of each");
    // It breaks: the same epoch again, from where it stands.
    assert!(!logs.connected(second, "x2@2".to_owned()));
    assert_eq!(logs.resume(9), Some(Resume { positions: BTreeMap::from([(1, 3)]), ..all }));
    logs.resumed(row(4, &[4]));
    logs.complete();
    let state = State { epoch: second, since: Some("x2@2".to_owned()), positions: BTreeMap::from([(1, 4)]) };
    assert_eq!(logs.state(), state);
    let mut restarted = Logs::new(state);
    assert!(restarted.connected(first, "x9".to_owned()), "a device that was switched off hears of it, too");
}
