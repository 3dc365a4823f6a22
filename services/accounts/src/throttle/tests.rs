use std::time::Duration;

use messenger_support::{Dice, RedisGroup, private_redis, servers};
use uuid::Uuid;

use super::*;
use crate::domain::{Email, Rule};

const PAIR: Doubling = Doubling { free: 5, window: 60_000, first: 2_000, longest: 900_000 };

fn config() -> ThrottleConfig {
    ThrottleConfig {
        pair: Some(PAIR),
        address: Rate::new(30, Duration::from_secs(60)),
        account: Rate::new(100, Duration::from_secs(3_600)),
        breaker: None,
        refreshes: None,
        look_ups: None,
        sign_ups: Rate::new(3, Duration::from_secs(3_600)),
        mail_from: None,
        mail_to: None,
        answer: Duration::from_secs(10),
    }
}

/// A time of the test's own making, in milliseconds after some day.
fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + millis).unwrap()
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

fn on_redis(url: &str) -> Throttle {
    with(config(), url)
}

fn with(config: ThrottleConfig, url: &str) -> Throttle {
    Throttle::shared(config, url, &Uuid::new_v4().to_string()).unwrap()
}

/// Waits in seconds, or nothing for each attempt that was let through.
async fn fail(throttle: &Throttle, account: &str, address: &str, now: i64) -> Option<u64> {
    let limits = throttle.log_in(&email(account), address.parse().unwrap());
    throttle.attempt(limits, at(now)).await.err().map(|refused| refused.wait().as_secs())
}

async fn the_wait_doubles(throttle: Throttle) {
    for _ in 0..5 {
        assert_eq!(fail(&throttle, "ann@x.io", "1.1.1.1", 0).await, None);
    }
    assert_eq!(fail(&throttle, "ann@x.io", "1.1.1.1", 0).await, Some(2));
    assert_eq!(fail(&throttle, "ann@x.io", "1.1.1.1", 1_000).await, Some(1), "asking does not lengthen it");
    assert_eq!(fail(&throttle, "ann@x.io", "1.1.1.1", 2_000).await, None);
    assert_eq!(fail(&throttle, "ann@x.io", "1.1.1.1", 2_000).await, Some(4));
    assert_eq!(fail(&throttle, "ann@x.io", "2.2.2.2", 2_000).await, None, "another address is not affected");
    assert_eq!(fail(&throttle, "bob@x.io", "1.1.1.1", 2_000).await, None, "nor is another account");
}

#[tokio::test]
async fn the_wait_doubles_in_this_process() {
    the_wait_doubles(Throttle::local(config())).await;
}

#[tokio::test]
async fn the_wait_doubles_in_redis() {
    the_wait_doubles(on_redis(&servers().redis_url())).await;
}

#[tokio::test]
async fn a_success_ends_the_waits_and_an_attempt_that_was_none_counts_nowhere() {
    for throttle in [Throttle::local(config()), on_redis(&servers().redis_url())] {
        let limits = || throttle.log_in(&email("ann@x.io"), "1.1.1.1".parse().unwrap());
        for round in 0..20 {
            let now = round * 60_000;
            for _ in 0..4 {
                assert_eq!(fail(&throttle, "ann@x.io", "1.1.1.1", now).await, None, "round {round}");
            }
            let attempt = throttle.attempt(limits(), at(now)).await.unwrap();
            throttle.take_back(attempt, at(now)).await;
            let attempt = throttle.attempt(limits(), at(now)).await.unwrap();
            throttle.succeeded(attempt, at(now)).await;
        }
    }
}

#[tokio::test]
async fn one_address_is_slowed_over_all_accounts_and_one_account_over_all_addresses() {
    let throttle = Throttle::local(config());
    for n in 0..30 {
        assert_eq!(fail(&throttle, &format!("user{n}@x.io"), "1.1.1.1", 0).await, None);
    }
    assert_eq!(fail(&throttle, "user30@x.io", "1.1.1.1", 0).await, Some(2));
    for n in 0..100 {
        assert_eq!(fail(&throttle, "ann@x.io", &format!("9.9.9.{n}"), 0).await, None);
    }
    let limits = throttle.log_in(&email("ann@x.io"), "8.8.8.8".parse().unwrap());
    let refused = throttle.attempt(limits, at(0)).await.unwrap_err();
    assert_eq!((refused.wait(), refused.spares_known()), (Duration::from_secs(36), true));
    let limits = throttle.log_in(&email("ann@x.io"), "1.1.1.1".parse().unwrap());
    assert!(!throttle.attempt(limits, at(0)).await.unwrap_err().spares_known());
}

/// Both sides of the rules, with attempts of all kinds in a random order: the script in Redis says what the domain says.
#[tokio::test]
async fn redis_and_this_process_count_alike() {
    let mut dice = Dice::new(7);
    let breaker = Breaker { failures: 5, percent: 60, window: 60_000, pause: 20_000 };
    let config = ThrottleConfig { breaker: Some(breaker), ..config() };
    let (local, redis) = (Throttle::local(config), with(config, &servers().redis_url()));
    let mut tripped = 0;
    let mut now = 0;
    for step in 0..600 {
        now += i64::try_from(dice.below(4) * dice.below(6_000)).unwrap();
        let account = email(&format!("user{}@x.io", dice.below(3)));
        let address = format!("1.1.1.{}", dice.below(2)).parse().unwrap();
        let limits = local.log_in(&account, address);
        let answers = [local.attempt(limits.clone(), at(now)).await, redis.attempt(limits, at(now)).await];
        let outcome = dice.below(6);
        match answers {
            [Ok(here), Ok(there)] if outcome == 0 => {
                local.succeeded(here, at(now)).await;
                redis.succeeded(there, at(now)).await;
            }
            [Ok(here), Ok(there)] if outcome == 1 => {
                local.take_back(here, at(now)).await;
                redis.take_back(there, at(now)).await;
            }
            [Ok(here), Ok(there)] => {
                local.failed(here, at(now)).await;
                redis.failed(there, at(now)).await;
            }
            [here, there] => {
                let (here, there) = (here.err(), there.err());
                assert_eq!(here, there, "step {step}");
                tripped += usize::from(here.unwrap().waits.iter().any(|(what, _)| *what == What::Breaker));
            }
        }
    }
    assert!(tripped > 0, "the breaker never opened");
}

/// A password that is tried on many accounts from many addresses.
async fn spray(throttle: &Throttle, number: usize, now: i64) -> Result<(), Refused> {
    let address = format!("10.{}.{}.1", number / 250, number % 250).parse().unwrap();
    let limits = throttle.log_in(&email(&format!("user{number}@x.io")), address);
    let attempt = throttle.attempt(limits, at(now)).await?;
    throttle.failed(attempt, at(now)).await;
    Ok(())
}

#[tokio::test]
async fn a_spray_over_accounts_and_addresses_opens_the_breaker_on_all_replicas_and_it_closes_by_itself() {
    let breaker = Breaker { failures: 50, percent: 50, window: 60_000, pause: 30_000 };
    let config = ThrottleConfig { breaker: Some(breaker), ..config() };
    let (url, name) = (servers().redis_url(), Uuid::new_v4().to_string());
    let replica = || Throttle::shared(config, &url, &name).unwrap();
    for [first, second] in [[replica(), replica()], [(); 2].map(|()| Throttle::local(config))] {
        let second = if second.0.shared.is_some() { second } else { first.clone() };
        for number in 0..51 {
            let throttle = if number % 2 == 0 { &first } else { &second };
            spray(throttle, number, 0).await.unwrap();
        }
        for throttle in [&first, &second] {
            let refused = spray(throttle, 99, 0).await.unwrap_err();
            assert_eq!(refused.waits, [(What::Breaker, Duration::from_secs(30))]);
            assert!(refused.spares_known());
        }
        for number in 100..150 {
            spray(&first, number, 30_000).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_crowd_that_logs_in_at_once_opens_nothing() {
    let breaker = Breaker { failures: 50, percent: 50, window: 60_000, pause: 30_000 };
    let throttle = with(ThrottleConfig { breaker: Some(breaker), ..config() }, &servers().redis_url());
    let mut attempts = Vec::new();
    for number in 0..100 {
        let limits = throttle
            .log_in(&email(&format!("user{number}@x.io")), format!("10.0.{number}.1").parse().unwrap());
        attempts.push(throttle.attempt(limits, at(0)).await.unwrap());
    }
    for attempt in attempts {
        throttle.succeeded(attempt, at(0)).await;
    }
    for number in 200..300 {
        spray(&throttle, number, 0).await.unwrap();
    }
    assert!(spray(&throttle, 300, 0).await.is_ok(), "the hundredth failure of two hundred is half of them");
    assert!(spray(&throttle, 301, 0).await.is_err());
}

#[tokio::test]
async fn a_thousand_at_once_count_as_a_thousand() {
    for throttle in [Throttle::local(config()), on_redis(&servers().redis_url())] {
        // The first one makes the connection.
        assert_eq!(fail(&throttle, "ann@x.io", "1.1.1.1", 0).await, None);
        let attempts = (0..200).map(|_| fail(&throttle, "ann@x.io", "1.1.1.1", 0));
        let waits = futures_util::future::join_all(attempts).await;
        assert_eq!(waits.iter().filter(|wait| wait.is_none()).count(), 4);
    }
}

#[tokio::test]
async fn nothing_in_redis_tells_whom_it_is_about_and_everything_ends_by_itself() {
    let redis = private_redis();
    let throttle = Throttle::shared(config(), &redis.url(), "blue").unwrap();
    for _ in 0..6 {
        fail(&throttle, "ann@x.io", "1.1.1.1", 0).await;
    }
    let mut connection = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert_eq!(keys.len(), 3, "{keys:?}");
    for key in keys {
        assert!(
            key.starts_with("{blue:attempts}:") && !key.contains("ann") && !key.contains("1.1.1.1"),
            "{key}"
        );
        let values: Vec<String> = redis::cmd("HVALS").arg(&key).query(&mut connection).unwrap();
        assert!(values.iter().all(|value| value.parse::<i64>().is_ok()), "{values:?}");
        let seconds: i64 = redis::cmd("TTL").arg(&key).query(&mut connection).unwrap();
        assert!((1..=2 * 3_600).contains(&seconds), "{seconds} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_cluster_the_node_that_has_the_slot_counts_from_the_first_attempt_on() {
    let group = tokio::task::block_in_place(RedisGroup::cluster);
    for prefix in ["blue", "red", "green", "white"] {
        let [here, there] =
            [(); 2].map(|()| Throttle::shared(config(), &group.sharded_url(), prefix).unwrap());
        for _ in 0..5 {
            assert_eq!(fail(&here, "ann@x.io", "1.1.1.1", 0).await, None);
        }
        assert_eq!(fail(&there, "ann@x.io", "1.1.1.1", 0).await, Some(2), "{prefix}");
    }
}

#[tokio::test]
async fn without_redis_this_process_counts_on_from_what_it_has_seen() {
    let mut redis = private_redis();
    let throttle = on_redis(&redis.url());
    for _ in 0..3 {
        assert_eq!(fail(&throttle, "ann@x.io", "1.1.1.1", 0).await, None);
    }
    redis.server().unwrap().stop_immediate().unwrap();
    for _ in 0..2 {
        assert_eq!(fail(&throttle, "ann@x.io", "1.1.1.1", 0).await, None);
    }
    assert_eq!(fail(&throttle, "ann@x.io", "1.1.1.1", 0).await, Some(2));
}

#[tokio::test]
async fn a_redis_that_does_not_answer_is_waited_for_once_in_a_while() {
    let mut redis = private_redis();
    let short = ThrottleConfig { answer: Duration::from_millis(100), ..config() };
    let throttle = Throttle::shared(short, &redis.url(), "blue").unwrap();
    redis.server().unwrap().freeze().unwrap();
    let started = std::time::Instant::now();
    for n in 0..100 {
        fail(&throttle, &format!("user{n}@x.io"), &format!("1.1.1.{n}"), 0).await;
    }
    // Each would wait a tenth of a second.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn what_is_switched_off_limits_nothing() {
    let off = ThrottleConfig {
        pair: None,
        address: None,
        account: None,
        breaker: None,
        sign_ups: None,
        ..config()
    };
    let throttle = Throttle::local(off);
    assert!(throttle.log_in(&email("ann@x.io"), "1.1.1.1".parse().unwrap()).is_empty());
    assert!(throttle.sign_up("1.1.1.1".parse().unwrap()).is_empty());
}

#[test]
fn different_things_have_different_keys() {
    let rule = Rule::Doubling(PAIR);
    let keys = [
        Limit::new(What::Pair, &["a@x.io", "1.1.1.1"], rule).key(),
        Limit::new(What::Pair, &["a@x.io", "1.1.1.2"], rule).key(),
        Limit::new(What::Pair, &["a@x.io1.1.1.1"], rule).key(),
        Limit::new(What::Account, &["a@x.io", "1.1.1.1"], rule).key(),
    ];
    for (n, key) in keys.iter().enumerate() {
        assert!(!keys[..n].contains(key), "{n}");
    }
}
