//! A socket that talks too fast.

use super::*;

fn limited(frames: Rate) -> SessionConfig {
    SessionConfig { frames: Some(frames), close_grace: Duration::from_millis(300), ..config() }
}

fn nonsense(number: usize) -> Value {
    json!({"type": "nonsense", "requestId": number})
}

#[tokio::test]
async fn past_the_rate_a_frame_is_refused_with_the_time_after_which_it_may_come_again() {
    let replica = replica().await;
    let slow = Rate::new(1, Duration::from_secs(60), 5);
    let later = Instant::now() + Duration::from_secs(3600);
    for dialect in [Dialect::Seed, Dialect::V2] {
        let mut client = replica.open(1, dialect, limited(slow), later).await;
        if dialect == Dialect::V2 {
            client.frame().await;
        }
        (0..6).for_each(|number| client.ask(&nonsense(number)));
        for number in 0..5 {
            let frame = client.frame().await;
            assert_eq!((&frame["requestId"], &frame["code"]), (&json!(number), &json!("unknown_type")));
        }
        let refused = client.frame().await;
        assert_eq!(
            (&refused["requestId"], &refused["error"], &refused["code"]),
            (&json!(5), &json!(true), &json!("rate_limited"))
        );
        let wait = refused["retryAfterMs"].as_u64().unwrap();
        assert!((1..=60_000).contains(&wait), "{refused}");
    }
}

#[tokio::test]
async fn a_flood_of_requests_or_of_pongs_is_closed_and_read_slowly_until_then() {
    let replica = replica().await;
    let talk = Inbound::Text(nonsense(1).to_string().into());
    for flood in [talk, Inbound::Control] {
        let (begun, mut taken) = (Instant::now(), 0);
        let mut client = replica.connect(1, limited(Rate::per_second(50, 100))).await;
        let requests = client.requests.take().unwrap();
        let reason = loop {
            tokio::select! {
                sent = requests.send(Ok(flood.clone())) => {
                    sent.unwrap();
                    taken += 1;
                }
                frame = client.next() => if let Some(Outbound::Close(reason)) = frame { break reason },
            }
        };
        assert_eq!(reason, Close::RateLimited);
        assert!(begun.elapsed() >= Duration::from_secs(2), "in the third second");
        // Those that wait in the channel, two bursts, and two at each step of the rate.
        assert!((300..2_000).contains(&taken), "{taken}");
        timeout(PATIENCE, client.session).await.expect("it ends although the flood goes on").unwrap();
    }
}
