//! The accept loop with bytes of a client's own making.

use std::io::ErrorKind;

use axum::body::Bytes;
use axum::routing::{any, get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use http::HeaderValue;

use super::*;

/// How long an answer may take on a busy machine.
const SOON: Duration = Duration::from_secs(30);
/// What every answer has.
const SEALS: [&str; 4] = [
    "cache-control: no-store",
    "x-content-type-options: nosniff",
    "referrer-policy: no-referrer",
    "frame-ancestors 'none'",
];

/// Answers with the path or the body; `/socket` is upgraded to an echo that tells of fragments.
async fn start() -> (SocketAddr, Tasks) {
    let tasks = crate::lifecycle::Lifecycle::new().unwrap().tasks().clone();
    let listener = bind("test", "127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let echoes = tasks.clone();
    let router = Router::new()
        .route("/body", post(async |body: Bytes| body))
        .route("/socket", get(move |request: Request| std::future::ready(upgrade(&echoes, request))))
        .fallback(any(async |request: Request| request.uri().path().to_owned()));
    let limits = HttpLimits { head_timeout: Duration::from_secs(20), ..HttpLimits::default() };
    tasks.spawn("listener", serve(listener, router, limits, tasks.clone()));
    (address, tasks)
}

fn upgrade(tasks: &Tasks, request: Request) -> Response {
    let fragments = request.extensions().get::<Fragments>().unwrap().clone();
    let upgraded = hyper::upgrade::on(request);
    tasks.spawn("echo", async move {
        let mut socket = TokioIo::new(upgraded.await.unwrap());
        let mut bytes = [0; 64];
        while let Ok(read @ 1..) = socket.read(&mut bytes).await {
            let counted = std::iter::from_fn(|| fragments.take_one().then_some(())).count();
            if socket.write_all(format!("{read}/{counted};").as_bytes()).await.is_err()
                || bytes[..read].contains(&0xFF)
            {
                break;
            }
        }
    });
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert("upgrade", HeaderValue::from_static("test"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response
}

/// All that is answered to these pieces, which are sent one after the other, until the end of the connection.
async fn told(pieces: &[&[u8]]) -> String {
    let (address, tasks) = start().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    for piece in pieces {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = Vec::new();
    let read = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("it ends");
    assert!(
        read.is_ok() || read.is_err_and(|error| error.kind() != ErrorKind::ConnectionReset),
        "it was reset"
    );
    tasks.stop().cancel();
    String::from_utf8(answer).unwrap().to_lowercase()
}

fn statuses(answer: &str) -> Vec<&str> {
    answer.split("http/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}

const GET: &str = "GET /one HTTP/1.1\r\nHost: x\r\n\r\n";
const LAST: &str = "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const BOTH: &str = "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n\
    0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn requests_follow_each_other_with_and_without_bodies_however_their_bytes_arrive() {
    let sized = "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nGET /x\r\n\r\n!";
    let long =
        format!("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n{}", "GET /".repeat(1_800));
    let all = format!("{GET}\r\n{sized}{GET}{long}{sized}\n{LAST}");
    let bytes = all.as_bytes();
    for step in [1, 7, 64, 1_500, bytes.len()] {
        let pieces: Vec<_> = bytes.chunks(step).collect();
        let answer = told(&pieces).await;
        assert_eq!(statuses(&answer), ["200"; 6], "by {step}: {answer}");
        assert!(answer.ends_with("/last"), "by {step}: {answer}");
    }
}

#[tokio::test]
async fn a_head_with_two_ends_is_refused_wherever_it_comes() {
    for before in ["", GET, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"] {
        let all = format!("{before}{BOTH}");
        for pieces in [vec![all.as_bytes()], vec![before.as_bytes(), BOTH.as_bytes()]] {
            let answer = told(&pieces).await;
            assert_eq!(statuses(&answer).last(), Some(&"400"), "{answer}");
            assert_eq!(statuses(&answer).len(), 1 + usize::from(!before.is_empty()), "{answer}");
            assert!(!answer.contains("hidden"), "{answer}");
        }
    }
}

#[tokio::test]
async fn after_a_body_in_chunks_the_connection_ends() {
    let chunked =
        "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let answer = told(&[format!("{chunked}{BOTH}").as_bytes()]).await;
    assert!(statuses(&answer) == ["200"] && answer.ends_with("hello"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn every_answer_is_sealed_and_reaches_whoever_still_sends() {
    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(3_000_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(1_000));
    let large = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(9_000));
    let noise: Vec<u8> = (0..200_000_u32).map(|n| 0x80 | u8::try_from(n % 128).unwrap()).collect();
    let all: [(&str, &[u8], &str); 9] = [
        ("a long path", long.as_bytes(), "431"),
        ("many headers", many.as_bytes(), "431"),
        ("a large header", large.as_bytes(), "431"),
        ("noise", &noise, "400"),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"),
        ("HTTP/0.9", b"GET /\r\n\r\n", "400"),
        ("NUL", b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", "400"),
        ("a folded header", b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", "400"),
    ];
    for (what, bytes, status) in all {
        let answer = told(&[bytes]).await;
        assert_eq!(statuses(&answer), [status], "{what}: {answer}");
        SEALS.iter().for_each(|seal| assert!(answer.contains(seal), "{what}: {answer}"));
    }
}

#[tokio::test]
async fn a_socket_gets_all_its_bytes_and_its_fragments_are_counted() {
    let head = b"GET /socket HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n";
    // What comes right behind the head is no second head, whatever it looks like.
    let (first, fragment, end) = (b"\x81\x83\0\0\0\0GET", b"\x01\x80\0\0\0\0", b"\xFF\x80\0\0\0\0");
    let together = [&head[..], first].concat();
    let answer = told(&[&together, &[&fragment[..], end].concat()]).await;
    let (answer, echoed) = answer.split_once("\r\n\r\n").unwrap();
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    let (read, counted) = echoed.split_terminator(';').fold((0, 0), |(read, counted), part| {
        let (more, fragments) = part.split_once('/').unwrap();
        (read + more.parse::<usize>().unwrap(), counted + fragments.parse::<usize>().unwrap())
    });
    assert!(read >= first.len() + fragment.len() && counted == 1, "{echoed}");
}
