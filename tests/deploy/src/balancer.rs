//! HAProxy itself before real gateways: a gateway that stops loses no handshake and no good-bye, and no address takes more
//! than its share.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use messenger_client::rest::{Accounts, NewUser};
use messenger_client::socket::{ConnectError, Frame, Handshake, Options, RawConnection};
use messenger_support::{Cluster, ClusterOptions, PATIENCE, get};
use secrecy::ExposeSecret as _;

use crate::haproxy::program;

const PASSWORD: &str = "blue-lantern-42";
/// Restarting: the client should come back at once.
const SERVICE_RESTART: u16 = 1012;
/// Long enough for many handshakes while the gateway says its good-byes.
const DRAIN_MS: &str = "2000";
const BEHIND_A_PROXY: [(&str, &str); 5] = [
    ("GATEWAY_TRUSTED_PROXIES", "127.0.0.1"),
    ("ACCOUNTS_TRUSTED_PROXIES", "127.0.0.1"),
    ("GATEWAY_DRAIN_MS", DRAIN_MS),
    // Its clients here do not read until it has ended.
    ("GATEWAY_CLOSE_GRACE_MS", "500"),
    ("GATEWAY_SOCKETS_PER_USER", "1000"),
];

struct Balancer {
    address: String,
    token: String,
    _haproxy: messenger_support::Balancer,
}

impl Balancer {
    /// HAProxy before the cluster, and a user who is logged in through it.
    async fn start(cluster: &Cluster, gateways: usize, variables: &[(&str, &str)]) -> Option<Self> {
        program()?;
        let haproxy = cluster.balancer(gateways, variables).await;
        let address = haproxy.address().to_owned();
        let accounts = Accounts::new(&format!("http://{address}")).unwrap();
        let email = "ann@example.com";
        let user = NewUser { email, password: PASSWORD, first_name: Some("Ann"), last_name: None };
        accounts.sign_up(&user).await.unwrap();
        let token = accounts.log_in(email, &PASSWORD.to_owned().into()).await.unwrap().token;
        let token = token.expose_secret().to_owned();
        Some(Self { address, token, _haproxy: haproxy })
    }

    async fn connect(&self) -> Result<RawConnection, ConnectError> {
        let handshake = Handshake::new(format!("ws://{}/", self.address)).bearer(&self.token).unwrap();
        RawConnection::open(&handshake, &Options::default()).await
    }

    async fn connect_many(&self, count: usize) -> Vec<RawConnection> {
        let mut sockets = Vec::new();
        for _ in 0..count {
            sockets.push(self.connect().await.unwrap());
        }
        sockets
    }
}

/// Waits until a gateway has so many sockets.
async fn has_sockets(cluster: &Cluster, gateway: usize, expected: usize) {
    let wanted = format!("gateway_sockets {expected}\n");
    let has = async || {
        let (_, metrics) = get(cluster.gateway(gateway).admin(), "/metrics").await.unwrap();
        metrics.contains(&wanted)
    };
    wait_until(&format!("{expected} sockets of gateway {gateway}"), has).await;
}

async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("wait for {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_stops_says_good_bye_through_haproxy_and_no_handshake_fails() {
    let options = ClusterOptions { gateways: 2, settings: &BEHIND_A_PROXY, ..Default::default() };
    let mut cluster = Cluster::start(options).await;
    let Some(balancer) = Balancer::start(&cluster, 2, &[]).await else { return };
    let mut sockets = balancer.connect_many(8).await;
    for gateway in 0..2 {
        has_sockets(&cluster, gateway, 4).await; // fewest connections first
    }
    sockets.extend(stop_meanwhile(&mut cluster, &balancer).await);
    let mut ended = Vec::new();
    for socket in &mut sockets {
        ended.extend(ending(socket).await);
    }
    assert!(ended.len() >= 4, "{ended:?}");
    assert!(ended.iter().all(|code| *code == Some(SERVICE_RESTART)), "a word, and no cut: {ended:?}");
    has_sockets(&cluster, 1, sockets.len() - ended.len()).await;
}

/// How the socket ended, if it did.
async fn ending(socket: &mut RawConnection) -> Option<Option<u16>> {
    // One that has ended takes no ping, and says so when it is read.
    let _ = socket.send_ping(b"?".to_vec()).await;
    loop {
        match socket.next_frame(PATIENCE).await.unwrap() {
            Frame::Pong(_) => return None,
            Frame::Closed(closed) => return Some(closed.code),
            _ => {}
        }
    }
}

/// Stops the first gateway, and opens one socket after the other until it has ended.
async fn stop_meanwhile(cluster: &mut Cluster, balancer: &Balancer) -> Vec<RawConnection> {
    let mut stop = std::pin::pin!(cluster.terminate(0, PATIENCE));
    let mut late = Vec::new();
    let status = loop {
        tokio::select! {
            biased;
            status = &mut stop => break status,
            socket = balancer.connect() => late.push(socket.expect("a handshake while a gateway stops")),
        }
        // Rather than as many as a processor can make.
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(status.code(), Some(0));
    assert!(late.len() >= 5, "{} handshakes", late.len());
    late
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_its_share_of_connections_handshakes_and_requests() {
    let options = ClusterOptions { gateways: 1, settings: &BEHIND_A_PROXY, ..Default::default() };
    let cluster = Cluster::start(options).await;
    let limits = [
        ("MESSENGER_ADDRESS_CONNECTIONS", "10"),
        ("MESSENGER_ADDRESS_REQUESTS", "2"),
        ("MESSENGER_ADDRESS_HANDSHAKES", "4"),
    ];
    let Some(balancer) = Balancer::start(&cluster, 1, &limits).await else { return };
    let mut sockets = balancer.connect_many(4).await;
    // The rate of ten seconds: on a slow machine it takes some more.
    let refused = loop {
        match balancer.connect().await {
            Ok(socket) => sockets.push(socket),
            Err(error) => break error,
        }
    };
    match refused {
        ConnectError::Refused { status: 429, body } => {
            assert!(body.contains("too_many_connections"), "{body}");
        }
        other => panic!("{other}"),
    }

    let refused = async || {
        // Their bodies are still to come. On a slow machine accounts may just not be ready: then they end at once, and are
        // made again.
        let _stalled = [(); 2].map(|()| stalled_request(&balancer.address));
        let is_it = |(status, body): (u16, String)| status == 429 && body.contains("too_many_connections");
        get(&balancer.address, "/.well-known/jwks.json").await.is_ok_and(is_it)
    };
    wait_until("a third request to be refused", refused).await;

    let begun: Vec<_> = (0..20).map(|_| begin(&balancer.address)).collect();
    let cut = tokio::task::spawn_blocking(move || begun.iter().filter(|stream| was_cut(stream)).count());
    let cut = cut.await.unwrap();
    assert!((10..20).contains(&cut), "{cut} of 20 beside {} sockets", sockets.len());
}

/// A log-in whose body does not come.
fn stalled_request(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let head =
        "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// The beginning of a request; whoever is let in hears after some seconds that it took too long.
fn begin(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    // One that is cut off may not take it any more.
    let _ = stream.write_all(b"GET / HTTP/1.1\r\n");
    stream
}

/// Ended without a word.
fn was_cut(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    match stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
        Err(error) => panic!("{error}"),
    }
}
