//! Crowds of connections that never get to the point.

use std::time::Duration;

use messenger_support::Cluster;
use secrecy::SecretString;
use tokio::time::{Instant, interval, sleep};

use crate::bare::{Bare, TEXT, frame, head};
use crate::neighbours::meanwhile;
use crate::people::{PASSWORD, People, Person};
use crate::{somebody, stage};

/// Connections to each service.
const CROWD: usize = 2_000;
/// How long they are tended: longer than a head or a body may take.
const TENDED: Duration = Duration::from_secs(8);
/// A log-in and a handshake meanwhile, half of them within, on a machine that is busy with other tests.
const MEDIAN_MAX: Duration = Duration::from_millis(1_000);

/// Opens the crowd and sends each a byte of a head that never ends, over and over; how many were closed.
async fn dribble(address: &str, beginning: &[u8]) -> usize {
    let mut crowd = Vec::with_capacity(CROWD);
    for _ in 0..CROWD {
        let mut bare = Bare::to(address).await;
        bare.try_send(beginning).await;
        crowd.push(bare);
    }
    let begun = Instant::now();
    let mut closed = 0;
    while begun.elapsed() < TENDED {
        let mut alive = Vec::with_capacity(crowd.len());
        for mut bare in crowd {
            if bare.try_send(b"a").await {
                alive.push(bare);
            } else {
                closed += 1;
            }
        }
        crowd = alive;
        sleep(Duration::from_millis(500)).await;
    }
    closed
}

/// Logs in and shakes hands over and over: the median of both together.
async fn come_and_go(cluster: &Cluster, person: &Person) -> Duration {
    let people = People::of(cluster);
    let (mut took, mut pace) = (Vec::new(), interval(Duration::from_millis(250)));
    let begun = Instant::now();
    while begun.elapsed() < TENDED {
        pace.tick().await;
        let started = Instant::now();
        people.accounts.log_in(&person.email, &SecretString::from(PASSWORD)).await.unwrap();
        Bare::open(cluster, 0, person).await;
        took.push(started.elapsed());
    }
    took.sort_unstable();
    took[took.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_that_dribble_are_closed_and_nobody_waits_for_them() {
    let cluster = stage(&[]).await;
    let ann = somebody(&cluster, "Ann").await;
    let (gateway, accounts) = (cluster.gateway(0).http().to_owned(), cluster.accounts().http().to_owned());
    let crowds = async {
        tokio::join!(
            dribble(&gateway, b"GET / HTTP/1.1\r\nX: "),
            dribble(&accounts, b"GET / HTTP/1.1\r\nX: "),
            come_and_go(&cluster, &ann)
        )
    };
    let (of_gateway, of_accounts, median) = meanwhile(&cluster, crowds).await;
    println!("{of_gateway} and {of_accounts} of {CROWD} were closed; log-in and handshake within {median:?}");
    assert!(of_gateway >= CROWD * 9 / 10, "{of_gateway}");
    assert!(of_accounts >= CROWD * 9 / 10, "{of_accounts}");
    assert!(median < MEDIAN_MAX, "{median:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_ten_seconds_in_all_however_it_drips() {
    let cluster = stage(&[]).await;
    let head = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{";
    let drip = async {
        let (mut reading, mut writing) = Bare::to(cluster.accounts().http()).await.twice();
        writing.send(head).await;
        let begun = Instant::now();
        let dripping = async {
            while writing.try_send(b" ").await {
                sleep(Duration::from_millis(200)).await;
            }
            std::future::pending::<()>().await;
        };
        let text = tokio::select! {
            line = reading.first_line() => line,
            () = dripping => None,
        };
        (text, begun.elapsed())
    };
    let (text, took) = meanwhile(&cluster, drip).await;
    assert_eq!(text.as_deref(), Some("HTTP/1.1 408 Request Timeout"));
    assert!(took >= Duration::from_secs(9) && took < Duration::from_secs(20), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_holds_no_more_connections_than_it_may() {
    let limit = ("ACCOUNTS_HTTP_CONNECTIONS_PER_ADDRESS", "100");
    let cluster = stage(&[limit, ("ACCOUNTS_HTTP_HEAD_TIMEOUT_MS", "30000")]).await;
    let mut crowd = Vec::new();
    for _ in 0..300 {
        crowd.push(Bare::to(cluster.accounts().http()).await);
    }
    let mut turned_away = 0;
    for bare in &mut crowd {
        let (text, closed) = bare.rest(Duration::from_millis(20)).await;
        turned_away += usize::from(closed);
        assert!(!closed || text.is_empty() || text.contains("too_many_connections"), "{text}");
    }
    // Some of the hundred may be those of the start.
    assert!((200..=210).contains(&turned_away), "{turned_away}");
}

/// Memory of a process that is in use, in KiB.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Whoever is told that his frame is too large is still sending it.
#[tokio::test(flavor = "multi_thread")]
async fn a_frame_far_above_the_limit_hears_1009_and_no_reset() {
    const FAR_ABOVE: usize = 2 * 1_024 * 1_024;
    let cluster = stage(&[]).await;
    let ann = somebody(&cluster, "Ann").await;
    for _ in 0..5 {
        let mut bare = Bare::open(&cluster, 0, &ann).await;
        assert!(bare.try_send(&frame(TEXT, &vec![b'x'; FAR_ABOVE])).await, "reset while it was sent");
        assert_eq!(bare.close().await.0, 1009);
        assert!(bare.frame().await.is_none(), "nothing follows");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_is_announced_costs_no_memory() {
    let cluster = stage(&[]).await;
    let gateway = cluster.gateway(0).pid();
    let mut people = Vec::new();
    for number in 0..8 {
        people.push(somebody(&cluster, &format!("Giant{number}")).await);
    }
    let mut sockets = Vec::new();
    for person in people.iter().cycle().take(100) {
        sockets.push(Bare::open(&cluster, 0, person).await);
    }
    let before = resident(gateway);
    let giants = async {
        for (bare, length) in
            sockets.iter_mut().zip([1 << 62, 1 << 40, 1 << 30, 16 << 20].into_iter().cycle())
        {
            bare.send(&head(TEXT, length)).await;
        }
        for bare in &mut sockets {
            assert_eq!(bare.close().await.0, 1009);
        }
    };
    meanwhile(&cluster, giants).await;
    let grown = resident(gateway).saturating_sub(before);
    println!("{before} KiB, and {grown} more");
    assert!(grown < 8 * 1_024, "{grown} KiB for 100 frames of up to 4 EiB");
}
