//! A session against gateways in this process: each dial gives the test the server's half of a new socket.
//! Time stands still but when everyone waits, so waits of seconds cost nothing and are measured exactly.

use std::sync::atomic::{AtomicUsize, Ordering};

use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::duplex;
use tokio::time::Instant;

use super::*;
use crate::mock::{PIPE_BYTES, Peer, SOON, at};
use crate::socket::{ConnectError, Connection, Handshake, RawConnection};

const ME: i64 = 1;
const ANN: i64 = 2;
const WITH_ANN: Chat = Chat::Dialog(ANN);
const HOUR: Duration = Duration::from_secs(3600);

/// A link that hands the other half of each socket to the test, and counts log-ins.
#[derive(Clone)]
struct TestLink {
    peers: mpsc::Sender<Peer>,
    /// HTTP status of each handshake, the last one for ever.
    statuses: Arc<Vec<u16>>,
    dials: Arc<AtomicUsize>,
    log_ins: Arc<AtomicUsize>,
}

impl Link for TestLink {
    async fn log_in(&self) -> Result<Grant, LogInError> {
        let n = self.log_ins.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Grant::new(ME, format!("renewed-{n}").into(), HOUR))
    }

    async fn dial(&self, token: &SecretString) -> Result<Connection, ConnectError> {
        use secrecy::ExposeSecret as _;
        let n = self.dials.fetch_add(1, Ordering::Relaxed);
        let status = self.statuses[n.min(self.statuses.len() - 1)];
        let (ours, theirs) = duplex(PIPE_BYTES);
        let handshake = Handshake::new("ws://gateway/").bearer(token.expose_secret())?;
        let options = crate::socket::Options::default();
        let (raw, peer) =
            tokio::join!(RawConnection::over(ours, &handshake, &options), Peer::accept(theirs, status));
        if let Some(peer) = peer {
            self.peers.send(peer).await.expect("the test lives");
        }
        Ok(Connection::start(raw?, &options))
    }
}

struct World {
    session: Session,
    events: mpsc::Receiver<Event>,
    peers: mpsc::Receiver<Peer>,
    link: TestLink,
}

impl World {
    fn with(statuses: &[u16], lifetime: Duration, options: Options) -> Self {
        let (peers, dialed) = mpsc::channel(16);
        let statuses = Arc::new(statuses.to_vec());
        let link = TestLink { peers, statuses, dials: Arc::default(), log_ins: Arc::default() };
        let (session, events) =
            Session::start(link.clone(), Grant::new(ME, "first".into(), lifetime), options);
        Self { session, events, peers: dialed, link }
    }

    fn new() -> Self {
        Self::with(&[101], HOUR, Options::default())
    }

    async fn peer(&mut self) -> Peer {
        timeout(SOON, self.peers.recv()).await.expect("a dial in time").expect("a dial")
    }

    async fn event(&mut self) -> Event {
        timeout(SOON, self.events.recv()).await.expect("an event in time").expect("an event")
    }

    async fn online(&mut self) -> Peer {
        let peer = self.peer().await;
        assert_eq!(self.event().await, Event::Online);
        peer
    }

    async fn offline(&mut self) -> Duration {
        match self.event().await {
            Event::Offline { retry_in, .. } => retry_in,
            other => panic!("not offline: {other:?}"),
        }
    }

    async fn line(&mut self) -> String {
        match self.event().await {
            Event::Line(line) => line.text,
            other => panic!("not a line: {other:?}"),
        }
    }

    fn log_ins(&self) -> usize {
        self.link.log_ins.load(Ordering::Relaxed)
    }
}

fn page(rows: &[(i64, u64, &str)]) -> Value {
    let rows = rows.iter().map(|(sender, seq, content)| {
        json!({"sender_id": sender, "receiver_id": if *sender == ME { ANN } else { ME },
            "receverName": "Bob", "content": content, "created_at": at(*seq)})
    });
    json!({"data": rows.collect::<Vec<_>>()})
}

#[tokio::test(start_paused = true)]
async fn a_lost_socket_is_replaced_after_a_jittered_wait() {
    let mut world = World::new();
    let mut peer = world.online().await;
    assert_eq!(peer.authorization.as_deref(), Some("Bearer first"));
    peer.close(1012).await;
    let wait = world.offline().await;
    assert!(wait <= Duration::from_millis(500), "{wait:?}");
    let lost = Instant::now();
    drop(peer);
    world.online().await;
    assert!(lost.elapsed() >= wait && lost.elapsed() < wait + Duration::from_secs(2));
    assert_eq!(world.log_ins(), 0);
}

#[tokio::test(start_paused = true)]
async fn waits_grow_while_the_gateway_throws_out_and_shrink_after_a_lasting_socket() {
    let mut world = World::new();
    let mut longest = Duration::ZERO;
    for _ in 0..40 {
        world.online().await.close(1013).await;
        longest = longest.max(world.offline().await);
    }
    assert!(longest > Duration::from_secs(2) && longest <= Duration::from_secs(30), "{longest:?}");
    let mut peer = world.online().await;
    // Reading answers the session's pings meanwhile.
    assert!(timeout(Duration::from_secs(100), peer.ends()).await.is_err());
    peer.close(1012).await;
    assert!(world.offline().await <= Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn a_message_without_an_ack_is_sent_again_with_its_id_and_before_others() {
    let mut world = World::new();
    let mut peer = world.online().await;
    let id = world.session.send(WITH_ANN, "one").expect("room");
    world.session.send(WITH_ANN, "two").expect("room");
    let first = peer.request().await;
    assert_eq!(first["params"]["clientMessageId"], json!(id));
    drop(peer);
    world.offline().await;

    let mut peer = world.peer().await;
    let again = peer.request().await;
    assert_eq!(again["params"], first["params"]);
    peer.store(&again, 1).await;
    let Event::Sent(letter, sent) = world.event().await else { panic!("not sent") };
    assert_eq!((letter.id, sent.seq), (id, 1));
    assert_eq!(world.event().await, Event::Online);
    let second = peer.request().await;
    assert_eq!(second["params"]["content"], "two");
    peer.store(&second, 2).await;
    assert!(matches!(world.event().await, Event::Sent(letter, _) if letter.content == "two"));
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_does_not_come_costs_the_socket_not_the_message() {
    let mut world = World::new();
    let mut peer = world.online().await;
    world.session.send(WITH_ANN, "one").expect("room");
    let first = peer.request().await;
    world.offline().await;
    let mut next = world.peer().await;
    let again = next.request().await;
    assert_eq!(again["params"], first["params"]);
    next.store(&again, 1).await;
    assert!(matches!(world.event().await, Event::Sent(..)));
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_shown_once_and_in_order() {
    let mut world = World::new();
    let mut peer = world.online().await;
    let answer = async {
        let request = peer.request().await;
        assert_eq!(request["params"], json!({"receiverId": ANN, "limit": 100, "page": 1}));
        peer.succeed(&request, page(&[(ME, 2, "b"), (ANN, 1, "a")])).await;
    };
    let (opened, ()) = tokio::join!(world.session.open(WITH_ANN), answer);
    let texts: Vec<String> = opened.expect("a page").into_iter().map(|line| line.text).collect();
    assert_eq!(texts, ["a", "b"]);
    peer.deliver(ANN, ME, 3, "c").await;
    assert_eq!(world.line().await, "c");
    peer.close(1012).await;
    world.offline().await;

    let mut peer = world.peer().await;
    let request = peer.request().await;
    assert_eq!(request["type"], "getlatestMessageDialog");
    // "e" is pushed before the page that holds it is answered, "f" after.
    peer.deliver(ANN, ME, 5, "e").await;
    let rows = [(ANN, 5, "e"), (ANN, 4, "d"), (ANN, 3, "c"), (ME, 2, "b"), (ANN, 1, "a")];
    peer.succeed(&request, page(&rows)).await;
    peer.deliver(ANN, ME, 6, "f").await;
    assert_eq!((world.line().await, world.line().await), ("d".into(), "e".into()));
    assert_eq!(world.event().await, Event::Online);
    assert_eq!(world.line().await, "f");
}

#[tokio::test(start_paused = true)]
async fn a_message_in_doubt_is_not_shown_as_missed() {
    let mut world = World::new();
    let mut peer = world.online().await;
    let answer = async {
        let request = peer.request().await;
        peer.succeed(&request, page(&[])).await;
    };
    let (opened, ()) = tokio::join!(world.session.open(WITH_ANN), answer);
    assert_eq!(opened.expect("a page"), []);
    world.session.send(WITH_ANN, "mine").expect("room");
    peer.request().await;
    drop(peer);
    world.offline().await;

    let mut peer = world.peer().await;
    let again = peer.request().await;
    peer.store(&again, 1).await;
    let request = peer.request().await;
    peer.succeed(&request, page(&[(ANN, 2, "yours"), (ME, 1, "mine")])).await;
    assert!(matches!(world.event().await, Event::Sent(letter, _) if letter.content == "mine"));
    assert_eq!(world.line().await, "yours");
    assert_eq!(world.event().await, Event::Online);
}

#[tokio::test(start_paused = true)]
async fn a_chat_one_may_not_read_any_more_is_let_go() {
    let mut world = World::new();
    let mut peer = world.online().await;
    let answer = async {
        let request = peer.request().await;
        peer.succeed(&request, json!({"data": []})).await;
    };
    let (opened, ()) = tokio::join!(world.session.open(Chat::Group(7)), answer);
    assert_eq!(opened.expect("a page"), []);
    for refused in [true, false] {
        peer.close(1012).await;
        world.offline().await;
        peer = world.peer().await;
        if refused {
            let request = peer.request().await;
            peer.refuse(&request, "User is not a member of this group", json!({})).await;
        }
        assert_eq!(world.event().await, Event::Online);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_fails_the_message_and_a_temporary_one_delays_it() {
    let mut world = World::new();
    let mut peer = world.online().await;
    world.session.send(WITH_ANN, "bad").expect("room");
    let later = world.session.send(Chat::Group(7), "later").expect("room");
    let request = peer.request().await;
    peer.refuse(&request, "There is no such user", json!({"code": "unknown_user"})).await;
    let Event::Failed(letter, why) = world.event().await else { panic!("not failed") };
    assert_eq!((letter.content.as_str(), why.as_str()), ("bad", "There is no such user"));

    let request = peer.request().await;
    assert_eq!(request["type"], "messageInGroup");
    let asked = Instant::now();
    peer.refuse(&request, "Too many requests", json!({"code": "rate_limited", "retryAfterMs": 2000})).await;
    let again = peer.request().await;
    assert!(asked.elapsed() >= Duration::from_secs(2));
    assert_eq!(again["params"], request["params"]);
    peer.store(&again, 1).await;
    assert!(matches!(world.event().await, Event::Sent(letter, _) if letter.id == later));
}

#[tokio::test(start_paused = true)]
async fn a_message_refused_for_now_too_often_has_failed() {
    let options = Options { send_attempts: 3, ..Options::default() };
    let mut world = World::with(&[101], HOUR, options);
    let mut peer = world.online().await;
    world.session.send(WITH_ANN, "one").expect("room");
    for _ in 0..3 {
        let request = peer.request().await;
        peer.refuse(&request, "Try again", json!({"retryAfterMs": 10})).await;
    }
    assert!(matches!(world.event().await, Event::Failed(_, why) if why == "Try again"));
}

#[tokio::test(start_paused = true)]
async fn some_ends_are_final() {
    for (code, log_in) in [(4001, true), (4003, false), (4004, false), (1009, false)] {
        let mut world = World::new();
        world.online().await.close(code).await;
        match world.event().await {
            Event::Stopped(Stopped::LogIn(_)) => assert!(log_in, "{code}"),
            Event::Stopped(Stopped::GaveUp(_)) => assert!(!log_in, "{code}"),
            other => panic!("{code}: {other:?}"),
        }
        assert_eq!(world.events.recv().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_token_that_is_refused_asks_for_a_log_in() {
    let mut world = World::with(&[401], HOUR, Options::default());
    assert!(matches!(world.event().await, Event::Stopped(Stopped::LogIn(_))));
    assert_eq!(world.log_ins(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_old_token_is_renewed_before_it_is_used_again() {
    let mut world = World::with(&[101], Duration::from_secs(60), Options::default());
    let mut peer = world.online().await;
    assert!(timeout(Duration::from_secs(59), peer.ends()).await.is_err());
    peer.close(4001).await;
    world.offline().await;
    let peer = world.online().await;
    assert_eq!(peer.authorization.as_deref(), Some("Bearer renewed-1"));
}

#[tokio::test(start_paused = true)]
async fn attempts_have_an_end() {
    let options = Options { attempts: 3, ..Options::default() };
    let mut world = World::with(&[503], HOUR, options);
    for _ in 0..3 {
        world.offline().await;
    }
    assert!(matches!(world.event().await, Event::Stopped(Stopped::GaveUp(_))));
}

#[tokio::test(start_paused = true)]
async fn finishing_waits_for_the_outbox_then_closes_in_order() {
    let mut world = World::new();
    let mut peer = world.online().await;
    world.session.send(WITH_ANN, "last words").expect("room");
    let serve = async {
        let request = peer.request().await;
        peer.store(&request, 1).await;
        peer.ends().await
    };
    let (unsent, orderly) = tokio::join!(world.session.finish(SOON), serve);
    assert_eq!((unsent, orderly), (0, true));
}

#[tokio::test(start_paused = true)]
async fn finishing_tells_what_could_not_be_sent() {
    let world = World::with(&[503], HOUR, Options { outbox: 2, ..Options::default() });
    world.session.send(WITH_ANN, "one").expect("room");
    world.session.send(WITH_ANN, "two").expect("room");
    assert_eq!(world.session.send(WITH_ANN, "three"), Err(OutboxFull(2)));
    assert_eq!(world.session.finish(Duration::from_secs(1)).await, 2);
}
