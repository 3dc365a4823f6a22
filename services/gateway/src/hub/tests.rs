//! Places of sockets, and what their users have used.

use messenger_chassis::rate::Rate;

use uuid::Uuid;

use super::*;
use crate::domain::command::Command;
use crate::domain::content::GroupName;

fn hub(sockets_per_user: usize) -> Arc<Hub> {
    let outbox = OutboxLimits { soft_bytes: 1 << 16, bytes: 100, frames: 10 };
    Arc::new(Hub::new(outbox, sockets_per_user, EndedLimits::default()))
}

fn session(number: u128) -> SessionId {
    SessionId(Uuid::from_u128(number))
}

fn register(hub: &Arc<Hub>, user: UserId, number: u128, dialect: Dialect) -> Registration {
    hub.register(user, session(number), dialect).unwrap()
}

fn count(hub: &Hub, user: UserId) -> usize {
    let mut count = 0;
    hub.with_sockets(user, |_| count += 1);
    count
}

#[test]
fn a_registration_ends_with_its_drop_and_frees_only_its_own_place() {
    let (hub, user) = (hub(16), UserId(7));
    let first = register(&hub, user, 1, Dialect::Seed);
    let second = register(&hub, user, 1, Dialect::Seed);
    assert_eq!(count(&hub, user), 2);
    drop(first);
    assert_eq!(count(&hub, user), 1);
    assert!(hub.has(user));
    drop(second);
    assert!(!hub.has(user));
    assert!(hub.all().is_empty());
}

#[test]
fn of_too_many_sockets_the_oldest_closes() {
    let (hub, user) = (hub(2), UserId(7));
    let sockets: Vec<_> = (0..4).map(|_| register(&hub, user, 1, Dialect::Seed)).collect();
    let closed: Vec<_> = sockets.iter().map(|socket| socket.outbox().drain(&mut Vec::new())).collect();
    let (old, young) = (Drained::Closed(Close::TooManySockets), Drained::Open);
    assert_eq!(closed, [old, old, young, young]);
}

fn new_group() -> Command {
    Command::CreateGroup { name: GroupName::parse("Chess").unwrap(), key: None }
}

/// How many groups a user may still create.
fn groups_left(socket: &Registration, now: Instant) -> usize {
    (0..100).take_while(|_| socket.afford(&new_group(), now).is_ok()).count()
}

#[tokio::test(start_paused = true)]
async fn the_sockets_of_a_user_share_what_he_may_ask_for_and_others_have_their_own() {
    let rates = Rates { groups: Some(Rate::per_second(1, 3)), ..Rates::default() };
    let limits = OutboxLimits { soft_bytes: 1 << 16, bytes: 100, frames: 10 };
    let (hub, now) = (Arc::new(Hub::new(limits, 16, EndedLimits::default()).limited(rates)), Instant::now());
    let [first, second] = [(); 2].map(|()| register(&hub, UserId(7), 1, Dialect::V2));
    assert!(first.afford(&new_group(), now).is_ok());
    assert_eq!(groups_left(&second, now), 2);
    assert_eq!(first.afford(&new_group(), now), Err(Duration::from_secs(1)));
    assert_eq!(groups_left(&register(&hub, UserId(8), 1, Dialect::V2), now), 3);
    assert_eq!(groups_left(&first, now + Duration::from_secs(2)), 2);
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_at_once_finds_what_he_left_and_who_was_idle_is_forgotten() {
    let rates = Rates { groups: Some(Rate::per_second(1, 3)), ..Rates::default() };
    let limits = OutboxLimits { soft_bytes: 1 << 16, bytes: 100, frames: 10 };
    let hub = Arc::new(Hub::new(limits, 16, EndedLimits::default()).limited(rates));
    assert_eq!(groups_left(&register(&hub, UserId(7), 1, Dialect::V2), Instant::now()), 3);
    assert!(!hub.has(UserId(7)) && hub.all().is_empty());
    assert_eq!(groups_left(&register(&hub, UserId(7), 1, Dialect::V2), Instant::now()), 0);
    tokio::time::advance(Duration::from_secs(3)).await;
    drop(register(&hub, UserId(7), 1, Dialect::V2));
    assert!(hub.shard(UserId(7)).users.is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_so_many_are_remembered() {
    let rates = Rates { groups: Some(Rate::per_second(1, 3)), ..Rates::default() };
    let limits = OutboxLimits { soft_bytes: 1 << 16, bytes: 100, frames: 10 };
    let hub = Arc::new(Hub::new(limits, 16, EndedLimits::default()).limited(rates));
    let shards = i64::try_from(SHARDS).unwrap();
    let here = register(&hub, UserId(0), 1, Dialect::V2);
    for number in 1..=2_000 {
        let socket = register(&hub, UserId(number * shards), 1, Dialect::V2);
        assert!(socket.afford(&new_group(), Instant::now()).is_ok());
    }
    let remembered = hub.shard(UserId(0)).users.len();
    assert!((1..=ABSENT_MAX + 1).contains(&remembered), "{remembered}");
    assert!(hub.has(UserId(0)));
    drop(here);
}

#[test]
fn the_end_of_a_session_closes_its_sockets_and_no_others() {
    let (hub, user) = (hub(16), UserId(7));
    let sockets = [(user, 1), (user, 2), (user, 1), (UserId(8), 3)];
    let sockets = sockets.map(|(user, number)| register(&hub, user, number, Dialect::V2));
    hub.end_session(user, session(1));
    let closed = sockets.map(|socket| socket.outbox().drain(&mut Vec::new()));
    let end = Drained::Closed(Close::Revoked);
    assert_eq!(closed, [end, Drained::Open, end, Drained::Open]);
    assert!(hub.register(user, session(1), Dialect::V2).is_none());
    assert!(hub.register(user, session(2), Dialect::V2).is_some());
}

#[test]
fn a_socket_that_opens_while_its_session_ends_does_not_stay() {
    for round in 0..2_000 {
        let (hub, user) = (hub(16), UserId(7));
        let registration = std::thread::scope(|scope| {
            let ending = scope.spawn(|| hub.end_session(user, session(round)));
            let registration = hub.register(user, session(round), Dialect::V2);
            ending.join().unwrap();
            registration
        });
        let closed = registration.map(|socket| socket.outbox().drain(&mut Vec::new()));
        assert!(matches!(closed, None | Some(Drained::Closed(_))), "round {round}");
    }
}
