//! What is kept, for how long, and what is asked for together.

use std::collections::HashSet;

use tonic::Code;

use super::*;

#[tokio::test]
async fn users_are_found_once_and_remembered() {
    let fixture = Fixture::new();
    fixture.server.put([(1, "ann"), (2, "bob")]);
    fixture.server.remove(3);
    let ids = [UserId(1), UserId(2), UserId(3), UserId(1), UserId(4)];
    let users = fixture.directory.get(&ids).await.unwrap();
    assert_eq!(users.keys().copied().collect::<HashSet<_>>(), ids[..3].iter().copied().collect());
    let author = users[&UserId(1)].author();
    assert_eq!((author.name.as_deref(), author.email.as_deref()), (Some("ann"), Some("ann@mail.com")));
    let gone = &users[&UserId(3)];
    assert!(gone.removed && gone.author() == Author::default());
    assert!(!format!("{users:?}").contains("ann"), "no names in logs");
    assert!(fixture.directory.get(&ids).await.unwrap() == users);
    assert_eq!(fixture.calls(), 1);
    let [call] = &fixture.server.calls()[..] else { panic!("one call") };
    assert_eq!(call.ids.iter().copied().collect::<HashSet<_>>(), HashSet::from([1, 2, 3, 4]));
}

#[tokio::test]
async fn nothing_is_asked_for_nothing() {
    let fixture = Fixture::new();
    assert!(fixture.directory.get(&[]).await.unwrap().is_empty());
    assert_eq!(fixture.calls(), 0);
}

#[tokio::test]
async fn ids_that_queue_during_a_call_go_together() {
    let fixture = Fixture::new();
    fixture.server.set_open(false);
    fixture.server.put((1..=700).map(|id| (id, "x")));
    let range = |from: i64, to: i64| (from..=to).collect::<Vec<_>>();
    let (first, second, third) = (range(1, 1), range(1, 400), range(300, 700));
    let (a, b, c) = tokio::join!(fixture.names(&first), fixture.names(&second), async {
        fixture.server.called(1).await;
        // Queues its ids when it is polled first, which is before the answers may leave.
        let (names, ()) = tokio::join!(fixture.names(&third), async { fixture.server.set_open(true) });
        names
    });
    assert_eq!([a, b, c].map(|names| names.unwrap().len()), [1, 400, 401]);
    let calls: Vec<_> = fixture.server.calls().into_iter().map(|call| call.ids).collect();
    assert!(calls.iter().all(|ids| ids.len() <= 500), "{:?}", calls.iter().map(Vec::len).collect::<Vec<_>>());
    assert!(calls.len() <= 3, "{} calls", calls.len());
    let mut asked: Vec<_> = calls.into_iter().flatten().collect();
    asked.sort_unstable();
    assert_eq!(asked, range(1, 700), "no id is asked for twice");
}

#[tokio::test]
async fn a_user_is_fresh_for_a_while() {
    let fixture = Fixture::new();
    fixture.server.put([(1, "ann")]);
    assert_eq!(fixture.name(1).await, called("ann"));
    fixture.server.put([(1, "anna")]);
    pass(59 * SECOND).await;
    assert_eq!(fixture.name(1).await, called("ann"));
    pass(2 * SECOND).await;
    assert_eq!(fixture.name(1).await, called("anna"));
}

#[tokio::test]
async fn an_outage_is_bridged_with_outdated_users() {
    let fixture = Fixture::with(|config| config.call.retries = 0);
    fixture.server.put([(1, "ann"), (2, "bob")]);
    assert_eq!(fixture.name(1).await, called("ann"));
    fixture.server.fail_next(u32::MAX, Code::Unavailable);
    pass(1_700 * SECOND).await;
    assert_eq!(fixture.name(1).await, called("ann"));
    assert_eq!(fixture.names(&[1, 2]).await, Err(DirectoryError::Unavailable), "one of them was never known");
    pass(101 * SECOND).await;
    assert_eq!(fixture.name(1).await, DOWN, "too old");
}

#[tokio::test]
async fn ids_that_nobody_has_are_remembered_for_a_moment() {
    let fixture = Fixture::new();
    for _ in 0..3 {
        assert_eq!(fixture.names(&[9]).await, Ok(Vec::new()));
    }
    assert_eq!((fixture.calls(), fixture.directory.peek(UserId(9))), (1, None));
    fixture.server.put([(9, "new")]);
    pass(6 * SECOND).await;
    assert_eq!(fixture.name(9).await, called("new"));
}

#[tokio::test]
async fn a_change_is_seen_at_once() {
    let fixture = Fixture::new();
    fixture.server.put([(1, "ann")]);
    assert_eq!(fixture.name(1).await, called("ann"));
    fixture.server.put([(1, "anna")]);
    fixture.directory.invalidate(UserId(1));
    assert_eq!(fixture.directory.peek(UserId(1)), None);
    assert_eq!(fixture.name(1).await, called("anna"));
}

#[tokio::test]
async fn a_change_during_a_load_wins() {
    let fixture = Fixture::new();
    fixture.server.put([(1, "ann"), (2, "bob")]);
    fixture.server.set_open(false);
    let (old, ()) = tokio::join!(fixture.names(&[1, 2]), async {
        fixture.server.called(1).await;
        fixture.server.put([(1, "anna")]);
        fixture.directory.invalidate(UserId(1));
        fixture.server.set_open(true);
    });
    assert!(old.is_ok());
    assert_eq!(fixture.directory.peek(UserId(1)), None, "the answer was older than the change");
    assert_eq!(fixture.name(1).await, called("anna"));
    assert_eq!((fixture.name(2).await, fixture.calls()), (called("bob"), 2), "the other answer was kept");
}

#[tokio::test]
async fn peek_has_outdated_users_refreshed_once() {
    let fixture = Fixture::new();
    fixture.server.put([(1, "ann")]);
    assert_eq!(fixture.directory.peek(UserId(1)), None);
    assert_eq!((fixture.name(1).await, fixture.calls()), (called("ann"), 1));
    let peek = || fixture.directory.peek(UserId(1)).unwrap().name.as_deref().unwrap().to_owned();
    assert_eq!((peek(), fixture.calls()), ("ann".to_owned(), 1), "fresh");
    fixture.server.put([(1, "anna")]);
    for expected in [2, 3] {
        pass(61 * SECOND).await;
        fixture.server.set_open(false);
        for _ in 0..100 {
            peek();
        }
        fixture.server.called(expected).await;
        fixture.server.set_open(true);
        // A `get` queues behind the refresh, and finds it done.
        assert_eq!((fixture.name(1).await, fixture.calls()), (called("anna"), expected));
    }
}

#[tokio::test]
async fn refreshing_leaves_room_in_the_queue() {
    let fixture = Fixture::with(|config| config.cache.queue = 4);
    fixture.server.put((1..=20).map(|id| (id, "x")));
    assert!(fixture.names(&[1, 2, 3]).await.is_ok());
    pass(61 * SECOND).await;
    fixture.server.set_open(false);
    let peek = |id: i64| assert!(fixture.directory.peek(UserId(id)).is_some());
    let (blocked, found) = tokio::join!(fixture.names(&[10]), async {
        fixture.server.called(2).await;
        (0..100).for_each(|_| peek(1));
        // One place is taken by user 1, whoever peeks how often; these three fit.
        let three = fixture.names(&[11, 12, 13]);
        let (found, ()) = tokio::join!(three, async {
            // No room for another refresh. That must not be the end of it: see below.
            peek(2);
            fixture.server.set_open(true);
        });
        found
    });
    assert_eq!((blocked.map(|names| names.len()), found.map(|names| names.len())), (Ok(1), Ok(3)));
    peek(2);
    fixture.server.called(4).await;
    assert_eq!(fixture.server.calls()[3].ids, [2]);
}

#[tokio::test]
async fn a_refresh_that_failed_is_tried_again() {
    let fixture = Fixture::new();
    fixture.server.put([(1, "ann")]);
    assert_eq!(fixture.name(1).await, called("ann"));
    pass(61 * SECOND).await;
    fixture.server.fail_next(1, Code::Internal);
    let again = async {
        while fixture.calls() < 3 {
            assert!(fixture.directory.peek(UserId(1)).is_some());
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(20 * SECOND, again).await.expect("a second attempt");
}

#[tokio::test]
async fn the_cache_is_bounded() {
    let fixture = Fixture::with(|config| config.cache.entries = 100);
    fixture.server.put((1..=1_000).map(|id| (id, "x")));
    let all: Vec<i64> = (1..=1_000).collect();
    assert_eq!(fixture.names(&all).await.unwrap().len(), 1_000);
    let kept = all.iter().filter(|id| fixture.directory.peek(UserId(**id)).is_some()).count();
    assert!((1..=100).contains(&kept), "{kept}");
}
