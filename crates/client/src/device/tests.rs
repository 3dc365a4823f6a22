//! A device against gateways in this process: each dial gives the test the server's half of a new socket. Time stands still
//! but when everyone waits.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::io::duplex;
use tokio::time::Instant;

use super::*;
use crate::mock::{PIPE_BYTES, Peer, SOON, at};
use crate::socket::RawConnection;

const ME: i64 = 1;
const ANN: i64 = 2;
const HOUR: Duration = Duration::from_secs(3600);

/// A link that hands the other half of each socket to the test, and counts log-ins.
#[derive(Clone)]
struct TestLink {
    peers: mpsc::Sender<Peer>,
    log_ins: Arc<AtomicUsize>,
}

impl Link for TestLink {
    async fn log_in(&self) -> Result<Grant, LogInError> {
        let n = self.log_ins.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Grant::new(ME, format!("renewed-{n}").into(), HOUR))
    }

    async fn dial(&self, token: &SecretString) -> Result<Connection, ConnectError> {
        let (ours, theirs) = duplex(PIPE_BYTES);
        let handshake = Handshake::new("ws://gateway/").bearer(token.expose_secret())?;
        let options = crate::socket::Options::default();
        let (raw, peer) =
            tokio::join!(RawConnection::over(ours, &handshake, &options), Peer::accept(theirs, 101));
        if let Some(peer) = peer {
            self.peers.send(peer).await.expect("the test lives");
        }
        Ok(Connection::start(raw?, &options))
    }
}

struct World {
    device: Device,
    events: mpsc::Receiver<Event>,
    peers: mpsc::Receiver<Peer>,
    connections: u32,
    /// What the server tells of its log.
    epoch: Option<Uuid>,
}

impl World {
    fn with(state: State, lifetime: Duration) -> Self {
        let (peers, dialed) = mpsc::channel(16);
        let link = TestLink { peers, log_ins: Arc::default() };
        let grant = Grant::new(ME, "first".into(), lifetime);
        let (device, events) = Device::start(link, grant, state, Options::default());
        Self { device, events, peers: dialed, connections: 0, epoch: None }
    }

    fn new() -> Self {
        Self::with(State::default(), HOUR)
    }

    /// The next connection, greeted with the mark `x<n>`.
    async fn peer(&mut self) -> Peer {
        let mut peer = timeout(SOON, self.peers.recv()).await.expect("a dial in time").expect("a dial");
        self.connections += 1;
        let limits = json!({"contentBytes": 16384, "frameBytes": 65536, "page": 100, "inFlight": 64,
            "resumePositions": 1000, "membersPerRequest": 100});
        peer.say(
            &json!({"type": "hello", "event": true, "params": {"connectionId": "c", "node": "n", "userId": ME,
            "heartbeatMs": 25000, "epoch": self.epoch, "sync": format!("x{}", self.connections), "serverTime": at(1),
            "expiresAt": at(2), "limits": limits}}),
        )
        .await;
        assert!(matches!(self.event().await, Event::Connected(_)));
        peer
    }

    async fn online(&mut self) -> Peer {
        let peer = self.peer().await;
        assert_eq!(self.event().await, Event::Online);
        peer
    }

    async fn event(&mut self) -> Event {
        timeout(SOON, self.events.recv()).await.expect("an event in time").expect("an event")
    }

    async fn offline(&mut self) -> Duration {
        match self.event().await {
            Event::Offline { retry_in, .. } => retry_in,
            other => panic!("not offline: {other:?}"),
        }
    }

    async fn heard(&mut self) -> (i64, u64) {
        match self.event().await {
            Event::Entry(entry) => (entry.conversation_id, entry.seq),
            other => panic!("not an entry: {other:?}"),
        }
    }
}

fn entry(conversation: i64, seq: u64) -> Value {
    json!({"conversationId": conversation, "seq": seq, "id": 100 + seq, "kind": "message", "senderId": ANN,
        "senderName": "Ann", "createdAt": at(seq), "clientMessageId": Uuid::from_u128(u128::from(seq)),
        "content": format!("{seq}"), "later": "added"})
}

async fn push(peer: &mut Peer, conversation: i64, seq: u64) {
    peer.say(&json!({"type": "entry", "event": true, "params": entry(conversation, seq)})).await;
}

async fn answer(peer: &mut Peer, request: &Value, params: Value) {
    peer.say(&json!({"type": request["type"], "requestId": request["requestId"], "success": true, "params": params}))
        .await;
}

async fn store(peer: &mut Peer, request: &Value, seq: u64) {
    let params = json!({"conversationId": 7, "messageId": 100 + seq, "seq": seq, "createdAt": at(seq),
        "duplicate": false});
    answer(peer, request, params).await;
}

fn resumed(conversation: i64, last_seq: u64, entries: &[u64]) -> Value {
    let entries: Vec<_> = entries.iter().map(|seq| entry(conversation, *seq)).collect();
    let row = json!({"conversationId": conversation, "kind": "group", "lastSeq": last_seq, "readSeq": 0,
        "deliveredSeq": 0, "member": true, "recovered": true, "entries": entries});
    json!({"conversations": [row], "unknown": [], "cursor": null})
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_comes_before_what_came_meanwhile_and_nothing_twice() {
    let mut world = World::new();
    let mut peer = world.online().await;
    push(&mut peer, 7, 3).await;
    assert_eq!(world.heard().await, (7, 3));
    peer.close(1012).await;
    world.offline().await;
    drop(peer);

    let mut peer = world.peer().await;
    let request = peer.request().await;
    assert_eq!(
        (&request["type"], &request["params"]),
        (&json!("resume"), &json!({"since": "x1", "positions": {"7": 3}}))
    );
    // A conversation that nobody knew, and one that the answer tells of too.
    push(&mut peer, 9, 1).await;
    push(&mut peer, 7, 5).await;
    push(&mut peer, 7, 6).await;
    answer(&mut peer, &request, resumed(7, 5, &[4, 5])).await;
    // What came meanwhile may be looked at after the answer, and then follows the word that nothing is missing.
    let mut heard = Vec::new();
    for _ in 0..5 {
        match world.event().await {
            Event::Entry(entry) => heard.push((entry.conversation_id, entry.seq)),
            other => assert_eq!(other, Event::Online),
        }
    }
    heard.sort_by_key(|(conversation, _)| *conversation);
    assert_eq!(heard, [(7, 4), (7, 5), (7, 6), (9, 1)]);
    let state = world.device.state();
    assert_eq!((state.since.as_deref(), state.positions), (Some("x2"), [(7, 6), (9, 1)].into()));
}

#[tokio::test(start_paused = true)]
async fn a_restored_server_is_read_anew_and_gets_what_it_had_not_acknowledged() {
    let mut world = World::new();
    world.epoch = Some(Uuid::from_u128(1));
    let mut peer = world.online().await;
    push(&mut peer, 7, 3).await;
    assert_eq!(world.heard().await, (7, 3));
    let id = world.device.send(To::Conversation(7), "late").expect("room");
    assert_eq!(peer.request().await["params"]["clientMessageId"], json!(id));
    peer.close(1012).await;
    world.offline().await;

    world.epoch = Some(Uuid::from_u128(2));
    let mut peer = world.peer().await;
    assert_eq!(world.event().await, Event::Restored, "before anything of it is handed out");
    let request = peer.request().await;
    assert_eq!(request["params"], json!({"since": "x0", "positions": {}}));
    answer(&mut peer, &request, resumed(7, 2, &[1, 2])).await;
    assert_eq!([world.heard().await, world.heard().await], [(7, 1), (7, 2)]);
    assert_eq!(world.event().await, Event::Online);
    let again = peer.request().await;
    assert_eq!(again["params"]["clientMessageId"], json!(id));
    store(&mut peer, &again, 3).await;
    assert!(matches!(world.event().await, Event::Sent(letter, _) if letter.id == id));
    push(&mut peer, 7, 3).await;
    assert_eq!(world.heard().await, (7, 3), "another entry than the one at that place before");
}

/// Everything has grown by an entry, in the order of the ids: what is named, and the first 1,000 after the cursor.
fn page(request: &Value, conversations: i64) -> Value {
    const ROWS: usize = 1_000;
    let params = &request["params"];
    let named = |id: &i64| params["positions"].get(id.to_string()).is_some();
    let after = params["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
    let grown = (after + 1..=conversations).filter(|id| params["since"].is_string() && !named(id));
    let mut grown: Vec<_> = grown.take(ROWS + 1).collect();
    let has_more = grown.len() > ROWS;
    grown.truncate(ROWS);
    let cursor = grown.last().filter(|_| has_more).map(i64::to_string);
    let told = (1..=conversations).filter(named).chain(grown);
    let rows: Vec<_> = told.map(|id| resumed(id, 4, &[4])["conversations"][0].clone()).collect();
    json!({"conversations": rows, "unknown": [], "cursor": cursor})
}

#[tokio::test(start_paused = true)]
async fn what_thousands_of_conversations_have_missed_is_told_page_by_page() {
    let (known, all) = (1_500, 2_500);
    let state = State {
        epoch: None,
        since: Some("x0".to_owned()),
        positions: (1..=known).map(|id| (id, 3)).collect(),
    };
    let mut world = World::with(state, HOUR);
    let mut peer = world.peer().await;
    let (mut heard, mut named) = (Vec::new(), Vec::new());
    while heard.len() < usize::try_from(all).unwrap() {
        let request = peer.request().await;
        assert_eq!((&request["type"], &request["params"]["since"]), (&json!("resume"), &json!("x0")));
        let positions = request["params"]["positions"].as_object().expect("positions");
        let new: Vec<i64> = positions.keys().map(|id| id.parse().unwrap()).collect();
        let answered = page(&request, all);
        let rows = answered["conversations"].as_array().unwrap().iter();
        let ids = rows.map(|row| row["conversationId"].as_i64().unwrap());
        // What is not known comes as soon as it is told, what has moved when it is named.
        let news = ids.filter(|id| new.contains(id) || *id > known).count();
        assert!(new.len() <= 1_000 && news > 0, "each page is a part of the way");
        named.extend(new);
        answer(&mut peer, &request, answered).await;
        for _ in 0..news {
            heard.push(world.heard().await);
        }
    }
    assert_eq!(world.event().await, Event::Online);
    named.sort_unstable();
    heard.sort_unstable();
    assert_eq!(named, (1..=known).collect::<Vec<_>>(), "each once");
    assert_eq!(heard, (1..=all).map(|id| (id, 4)).collect::<Vec<_>>());
    let state = world.device.state();
    assert_eq!((state.since.as_deref(), state.positions.len()), (Some("x1"), heard.len()));
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_resumption_begins_again_from_the_same_mark() {
    let state = State { epoch: None, since: Some("x0".to_owned()), positions: [(7, 3)].into() };
    let mut world = World::with(state, HOUR);
    for _ in 0..2 {
        let mut peer = world.peer().await;
        let request = peer.request().await;
        assert_eq!(request["params"], json!({"since": "x0", "positions": {"7": 3}}));
        drop(peer);
        world.offline().await;
    }
}

#[tokio::test(start_paused = true)]
async fn gaps_and_limited_answers_are_pulled() {
    let state = State { epoch: None, since: Some("x0".to_owned()), positions: [(7, 3)].into() };
    let mut world = World::with(state, HOUR);
    let mut peer = world.peer().await;
    let request = peer.request().await;
    let mut limited = resumed(7, 6, &[6]);
    limited["conversations"][0]["recovered"] = json!(false);
    limited["conversations"][0]["limited"] = json!({"from": 4, "to": 6});
    answer(&mut peer, &request, limited).await;
    assert_eq!(world.event().await, Event::Online);
    for (after, last) in [(3, 6), (6, 9)] {
        let request = peer.request().await;
        assert_eq!(request["params"], json!({"conversationId": 7, "after": after, "limit": 100}));
        let entries: Vec<_> = (after + 1..=last).map(|seq| entry(7, seq)).collect();
        let params = json!({"conversationId": 7, "lastSeq": last, "entries": entries, "hasMore": false});
        answer(&mut peer, &request, params).await;
        for seq in after + 1..=last {
            assert_eq!(world.heard().await, (7, seq));
        }
        assert_eq!(world.event().await, Event::Pulled(7));
        if last == 6 {
            let gap = json!({"conversationId": 7, "from": 7, "to": 9});
            peer.say(&json!({"type": "gap", "event": true, "params": gap})).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_again_with_its_id_until_it_is_acknowledged() {
    let mut world = World::new();
    let mut peer = world.online().await;
    let id = world.device.send(To::User(ANN), "one").expect("room");
    world.device.send(To::User(ANN), "two").expect("room");
    let first = peer.request().await;
    assert_eq!(first["params"], json!({"receiverId": ANN, "content": "one", "clientMessageId": id}));
    drop(peer);
    world.offline().await;

    let mut peer = world.peer().await;
    let resume = peer.request().await;
    answer(&mut peer, &resume, json!({"conversations": [], "unknown": [], "cursor": null})).await;
    assert_eq!(world.event().await, Event::Online);
    let again = peer.request().await;
    assert_eq!(again["params"], first["params"]);
    let asked = Instant::now();
    peer.say(
        &json!({"type": "sendMessage", "requestId": again["requestId"], "error": true, "code": "unavailable",
        "message": "try again", "retryAfterMs": 2000}),
    )
    .await;
    let again = peer.request().await;
    assert!(asked.elapsed() >= Duration::from_secs(2));
    assert_eq!(again["params"], first["params"], "the second waits for the first");
    store(&mut peer, &again, 1).await;
    assert!(matches!(world.event().await, Event::Sent(letter, stored) if letter.id == id && stored.seq == 1));
    let second = peer.request().await;
    peer.say(&json!({"type": "sendMessage", "requestId": second["requestId"], "error": true, "code": "unknown_user",
        "message": "There is no such user"}))
        .await;
    assert!(
        matches!(world.event().await, Event::Failed(letter, why) if letter.content == "two" && why.contains("unknown_user"))
    );
    assert_eq!(world.device.unsent(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_asked_to_move_does_so_at_its_time() {
    let mut world = World::new();
    let mut peer = world.online().await;
    let asked = Instant::now();
    peer.say(&json!({"type": "reconnect", "event": true, "params": {"afterMs": 1500, "reason": "restart"}}))
        .await;
    assert!(peer.ends().await, "it closes in order");
    assert_eq!(world.offline().await, Duration::ZERO);
    assert!(asked.elapsed() >= Duration::from_millis(1500) && asked.elapsed() < Duration::from_secs(3));
    world.peer().await;
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_on_the_open_socket() {
    let mut world = World::with(State::default(), Duration::from_secs(100));
    let begun = Instant::now();
    let mut peer = world.online().await;
    let request = peer.request().await;
    assert_eq!(
        (&request["type"], &request["params"]["token"]),
        (&json!("authenticate"), &json!("renewed-1"))
    );
    assert!(begun.elapsed() >= Duration::from_secs(80) && begun.elapsed() < Duration::from_secs(100));
    answer(&mut peer, &request, json!({"expiresAt": at(3)})).await;
    push(&mut peer, 7, 1).await;
    assert_eq!(world.heard().await, (7, 1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_device_comes_back_and_a_broken_one_stops() {
    let mut world = World::new();
    world.online().await.close(4009).await;
    assert!(world.offline().await <= Duration::from_millis(500));
    let mut peer = world.peer().await;
    peer.close(4004).await;
    assert!(matches!(world.event().await, Event::Stopped(Stopped::GaveUp(_))));
}
