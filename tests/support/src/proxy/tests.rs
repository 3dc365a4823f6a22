use std::io::ErrorKind;
use std::num::{NonZeroU32, NonZeroUsize};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use super::*;

const LONG: Duration = Duration::from_secs(20);
/// How long a silence is listened to.
const SILENCE: Duration = Duration::from_millis(200);

/// A server that writes back what it reads, the proxy before it, and a connection through both.
struct Way {
    proxy: Proxy,
    client: TcpStream,
    _server: JoinSet<()>,
}

async fn way() -> Way {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("listen");
    let server = listener.local_addr().expect("address").to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            open.spawn(async move {
                let (mut read, mut write) = stream.split();
                drop(tokio::io::copy(&mut read, &mut write).await);
                drop(write.shutdown().await);
            });
        }
    });
    let proxy = Proxy::start(&server).await.expect("proxy");
    let client = TcpStream::connect(proxy.address()).await.expect("connect");
    let mut way = Way { proxy, client, _server: tasks };
    way.echo(b"hello").await;
    way
}

impl Way {
    async fn echo(&mut self, bytes: &[u8]) -> Duration {
        let started = Instant::now();
        self.client.write_all(bytes).await.expect("write");
        let mut back = vec![0; bytes.len()];
        timeout(LONG, self.client.read_exact(&mut back)).await.expect("in time").expect("read");
        assert_eq!(back, bytes);
        started.elapsed()
    }

    /// One read; `None` after a silence.
    async fn read(&mut self, limit: Duration) -> Option<std::io::Result<usize>> {
        timeout(limit, self.client.read(&mut [0; 64])).await.ok()
    }
}

fn both(way: &Way, change: impl Fn(&mut Faults)) {
    let mut faults = Faults::default();
    change(&mut faults);
    way.proxy.set_both(&faults);
}

#[tokio::test]
async fn bytes_pass_both_ways_and_so_does_the_end() {
    let mut way = way().await;
    let much: Vec<u8> = (0_u32..100_000).flat_map(u32::to_le_bytes).collect();
    let (mut read, mut write) = way.client.split();
    let mut back = Vec::new();
    let send = async {
        write.write_all(&much).await.expect("write");
        write.shutdown().await.expect("shut down");
    };
    let receive = timeout(LONG, read.read_to_end(&mut back));
    let ((), received) = tokio::join!(send, receive);
    received.expect("in time").expect("read");
    assert_eq!(back, much);
    until_open(&way.proxy, 0).await;
    timeout(LONG, way.proxy.stop()).await.expect("all tasks end");
}

async fn until_open(proxy: &Proxy, wanted: usize) {
    let deadline = Instant::now() + LONG;
    while proxy.connections() != wanted {
        assert!(Instant::now() < deadline, "{} connections", proxy.connections());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn delay_holds_each_direction_up_and_keeps_order() {
    let mut way = way().await;
    both(&way, |faults| {
        faults.delay = Duration::from_millis(60);
        faults.jitter = Duration::from_millis(40);
    });
    for number in 0..3_u8 {
        assert!(way.echo(&[number; 300]).await >= Duration::from_millis(120));
    }
}

#[tokio::test]
async fn what_is_held_comes_afterwards() {
    let mut way = way().await;
    both(&way, |faults| faults.hold = true);
    way.client.write_all(b"later").await.expect("write");
    assert!(way.read(SILENCE).await.is_none());
    way.proxy.heal();
    assert_eq!(way.read(LONG).await.expect("in time").expect("read"), 5);
    way.echo(b"again").await;
}

#[tokio::test]
async fn a_half_open_connection_is_silent_and_never_passes_anything_again() {
    let mut way = way().await;
    both(&way, |faults| faults.swallow = true);
    way.client.write_all(b"lost").await.expect("write");
    assert!(way.read(SILENCE).await.is_none());
    way.proxy.heal();
    let end = way.read(LONG).await.expect("in time").expect_err("reset");
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    way.client = TcpStream::connect(way.proxy.address()).await.expect("connect");
    way.echo(b"a new one is good").await;
}

#[tokio::test]
async fn a_reset_is_a_reset_and_a_close_is_a_close() {
    let mut way = way().await;
    way.proxy.reset_all();
    let end = way.read(LONG).await.expect("in time").expect_err("reset");
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    way.client = TcpStream::connect(way.proxy.address()).await.expect("connect");
    way.echo(b"new").await;
    way.proxy.close_all();
    assert_eq!(way.read(LONG).await.expect("in time").expect("an end"), 0);
    until_open(&way.proxy, 0).await;
}

#[tokio::test]
async fn writes_are_split_and_paced() {
    let mut way = way().await;
    both(&way, |faults| faults.piece = NonZeroUsize::new(3));
    way.echo(b"ten bytes.").await;
    both(&way, |faults| faults.rate = NonZeroU32::new(4_000));
    // Five slices, of which the last is not waited for.
    assert!(way.echo(&[7; 1000]).await >= Duration::from_millis(180));
}

#[tokio::test]
async fn a_small_piece_is_what_the_other_side_reads() {
    let mut way = way().await;
    way.proxy.set(
        Direction::ToClient,
        Faults { piece: NonZeroUsize::new(1), rate: NonZeroU32::new(100), ..Faults::default() },
    );
    way.client.write_all(b"abc").await.expect("write");
    for _ in 0..3 {
        assert_eq!(way.read(LONG).await.expect("in time").expect("read"), 1);
    }
}

#[tokio::test]
async fn refused_connections_are_reset_and_open_ones_live() {
    let mut way = way().await;
    way.proxy.refuse(true);
    let mut other = TcpStream::connect(way.proxy.address()).await.expect("the kernel accepts");
    let end = timeout(LONG, other.read(&mut [0; 8])).await.expect("in time");
    assert!(end.is_err(), "reset: {end:?}");
    way.echo(b"still here").await;
    way.proxy.refuse(false);
    way.client = TcpStream::connect(way.proxy.address()).await.expect("connect");
    way.echo(b"welcome").await;
}

#[tokio::test]
async fn without_a_server_the_client_is_reset() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("listen");
    let nobody = listener.local_addr().expect("address").to_string();
    drop(listener);
    let proxy = Proxy::start(&nobody).await.expect("proxy");
    let mut client = TcpStream::connect(proxy.address()).await.expect("connect");
    let end = timeout(LONG, client.read(&mut [0; 8])).await.expect("in time");
    assert!(end.is_err(), "reset: {end:?}");
}
