//! Keys of what may be tried how often.

use std::time::Duration;

use messenger_chassis::env::Env;

use crate::domain::{Breaker, Doubling, Rate};
use crate::throttle::ThrottleConfig;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

pub(super) fn read(env: &mut Env<'_>) -> ThrottleConfig {
    ThrottleConfig {
        pair: doubling(env),
        address: rate(
            env,
            "ACCOUNTS_LOGIN_ADDRESS_PER_MINUTE",
            30,
            MINUTE,
            "failed log-ins a minute from one address, whatever the account; 0: no limit",
        ),
        account: rate(
            env,
            "ACCOUNTS_LOGIN_ACCOUNT_PER_HOUR",
            100,
            HOUR,
            "failed log-ins an hour on one account from all addresses that its user is not known by; 0: no limit",
        ),
        breaker: breaker(env),
        refreshes: rate(
            env,
            "ACCOUNTS_REFRESHES_PER_MINUTE",
            600,
            MINUTE,
            "refreshes a minute from one address; 0: no limit",
        ),
        look_ups: rate(
            env,
            "ACCOUNTS_LOOK_UPS_PER_MINUTE",
            300,
            MINUTE,
            "look-ups of other users a minute by one user over REST; 0: no limit",
        ),
        sign_ups: rate(
            env,
            "ACCOUNTS_SIGN_UPS_PER_HOUR",
            100,
            HOUR,
            "sign-ups an hour from one address; 0: no limit",
        ),
        mail_from: rate(
            env,
            "ACCOUNTS_MAIL_REQUESTS_PER_HOUR",
            60,
            HOUR,
            "letters for forgotten passwords an hour that are asked for from one address; 0: no limit",
        ),
        mail_to: rate(
            env,
            "ACCOUNTS_MAIL_PER_HOUR",
            5,
            HOUR,
            "letters an hour to one user, of whatever kind; further ones are not written; 0: no limit",
        ),
        answer: env.millis(
            "ACCOUNTS_LOGIN_REDIS_MS",
            100,
            1..=10_000,
            "time for Redis to count an attempt, milliseconds; after it this replica counts alone",
        ),
    }
}

fn doubling(env: &mut Env<'_>) -> Option<Doubling> {
    let free = env.within(
        "ACCOUNTS_LOGIN_FREE_FAILURES",
        5,
        0..=1_000,
        "failed log-ins a minute on one account from one address that cost no wait; 0: none ever does",
    );
    let first = env.within(
        "ACCOUNTS_LOGIN_DELAY_MS",
        2_000,
        1..=60_000,
        "wait after them, doubled by each further failure, milliseconds",
    );
    let longest = env.within(
        "ACCOUNTS_LOGIN_DELAY_MAX_MS",
        900_000,
        1_000..=86_400_000,
        "longest such wait, milliseconds",
    );
    (free > 0).then_some(Doubling { free, window: millis(MINUTE), first, longest })
}

fn breaker(env: &mut Env<'_>) -> Option<Breaker> {
    let failures = env.within(
        "ACCOUNTS_LOGIN_BREAKER_FAILURES",
        100,
        0..=1_000_000,
        "failed log-ins a minute of all addresses from which on their share is looked at; 0: it never is",
    );
    let percent = env.within(
        "ACCOUNTS_LOGIN_BREAKER_PERCENT",
        50,
        0..=99,
        "share of failures in the log-ins of that minute past which addresses that are new to an account wait, percent",
    );
    let pause = env.millis(
        "ACCOUNTS_LOGIN_BREAKER_PAUSE_MS",
        60_000,
        100..=3_600_000,
        "how long they wait, milliseconds",
    );
    (failures > 0).then_some(Breaker { failures, percent, window: millis(MINUTE), pause: millis(pause) })
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn rate(
    env: &mut Env<'_>,
    name: &'static str,
    count: u32,
    period: Duration,
    about: &'static str,
) -> Option<Rate> {
    Rate::new(env.within(name, count, 0..=1_000_000, about), period)
}
