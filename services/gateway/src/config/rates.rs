//! How much clients may ask for in a while. Zero in place of a rate takes the limit away.

use std::time::Duration;

use messenger_chassis::env::Env;
use messenger_chassis::rate::Rate;

use crate::hub::Rates;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const MOST: u32 = 1_000_000;

/// A key for the rate and one for what may come at once, each with its default and meaning.
type Keys = [(&'static str, u32, &'static str); 2];

/// The frames of one socket.
pub(super) fn of_sockets(env: &mut Env<'_>) -> Option<Rate> {
    let keys = [
        ("GATEWAY_RATE_FRAMES", 50, "frames of a socket a second, pings and pongs included; 0: no limit"),
        ("GATEWAY_RATE_FRAMES_BURST", 100, "frames of a socket at once"),
    ];
    rate(env, SECOND, keys)
}

/// The handshakes of one address that are refused for their token.
pub(super) fn of_refusals(env: &mut Env<'_>) -> Option<Rate> {
    let keys = [
        (
            "GATEWAY_RATE_REFUSALS",
            100,
            "bad tokens of one address a second, past which nobody from there is heard; 0: no limit",
        ),
        ("GATEWAY_RATE_REFUSALS_BURST", 500, "bad tokens of one address at once"),
    ];
    rate(env, SECOND, keys)
}

/// The handshakes of one user.
pub(super) fn of_handshakes(env: &mut Env<'_>) -> Option<Rate> {
    let keys = [
        ("GATEWAY_RATE_HANDSHAKES", 5, "handshakes of a user on this replica a second; 0: no limit"),
        ("GATEWAY_RATE_HANDSHAKES_BURST", 50, "handshakes of a user at once"),
    ];
    rate(env, SECOND, keys)
}

/// The requests of one user on all of his sockets.
pub(super) fn of_users(env: &mut Env<'_>) -> Rates {
    Rates {
        entries: rate(
            env,
            SECOND,
            [
                (
                    "GATEWAY_RATE_SENDS",
                    20,
                    "messages and changes of groups of a user on this replica a second; 0: no limit",
                ),
                ("GATEWAY_RATE_SENDS_BURST", 60, "messages and changes of groups of a user at once"),
            ],
        ),
        reads: rate(
            env,
            SECOND,
            [
                (
                    "GATEWAY_RATE_READS",
                    20,
                    "pages of 50 rows read by a user on this replica a second; 0: no limit",
                ),
                ("GATEWAY_RATE_READS_BURST", 60, "pages of 50 rows read by a user at once"),
            ],
        ),
        groups: rate(
            env,
            MINUTE,
            [
                ("GATEWAY_RATE_GROUPS", 10, "groups created by a user on this replica a minute; 0: no limit"),
                ("GATEWAY_RATE_GROUPS_BURST", 20, "groups created by a user at once"),
            ],
        ),
        members: rate(
            env,
            MINUTE,
            [
                (
                    "GATEWAY_RATE_MEMBERS",
                    300,
                    "members added to groups by a user on this replica a minute; 0: no limit",
                ),
                ("GATEWAY_RATE_MEMBERS_BURST", 1_000, "members added to groups by a user at once"),
            ],
        ),
    }
}

fn rate(env: &mut Env<'_>, period: Duration, keys: Keys) -> Option<Rate> {
    let [count, burst] = keys;
    let count = env.within(count.0, count.1, 0..=MOST, count.2);
    let burst = env.within(burst.0, burst.1, 1..=MOST, burst.2);
    (count > 0).then(|| Rate::new(count, period, burst))
}
