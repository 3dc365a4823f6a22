//! A client that writes its bytes itself: requests that no HTTP library builds, frames that no WebSocket library sends.

use std::time::Duration;

use messenger_support::Cluster;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::people::{Person, SOON};

/// First byte of frames: the final one of a message, with its kind.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8A;

/// The fixed part of an opening handshake.
pub(crate) const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: aWKsrCP2KvNFlmstQdVEDA==\r\n";

/// A TCP connection.
pub(crate) struct Bare(TcpStream);

impl Bare {
    pub(crate) async fn connect(cluster: &Cluster, gateway: usize) -> Self {
        Self::connect_to(cluster.gateway(gateway).http()).await
    }

    /// A connection to any listener.
    pub(crate) async fn connect_to(address: &str) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// A TCP connection to any address.
    pub(crate) async fn to(address: &str) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// The same where perhaps nobody listens yet.
    pub(crate) async fn try_to(address: &str) -> std::io::Result<Self> {
        TcpStream::connect(address).await.map(Self)
    }

    /// An open WebSocket.
    pub(crate) async fn open(cluster: &Cluster, gateway: usize, person: &Person) -> Self {
        let mut bare = Self::connect(cluster, gateway).await;
        let (status, head) = bare.shake(&format!("Authorization: Bearer {}\r\n", person.token())).await;
        assert_eq!(status, 101, "{head}");
        bare
    }

    /// Asks for a WebSocket with these further header lines: status and head of the answer.
    pub(crate) async fn shake(&mut self, lines: &str) -> (u16, String) {
        self.ask(format!("GET / HTTP/1.1\r\nHost: x\r\n{UPGRADE}{lines}\r\n").as_bytes()).await
    }

    /// Sends a request: status and head of the answer, in lower case.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> (u16, String) {
        self.try_ask(request).await.unwrap_or_else(|| panic!("the connection ended instead of an answer"))
    }

    /// As [`Bare::ask`]; `None` when the connection ends instead.
    pub(crate) async fn try_ask(&mut self, request: &[u8]) -> Option<(u16, String)> {
        self.0.write_all(request).await.ok()?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.read(1).await?);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        Some((head.split(' ').nth(1).unwrap().parse().unwrap(), head))
    }

    /// Sends a request and reads the whole answer, so that the connection can be used again: its status.
    pub(crate) async fn ask_whole(&mut self, request: &[u8]) -> u16 {
        let (status, head) = self.ask(request).await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        self.read(length.map_or(0, |length| length.parse().unwrap())).await.unwrap();
        status
    }

    /// Sends what can be sent: the other end may close before it has read all.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        timeout(SOON, self.0.write_all(bytes)).await.is_ok_and(|sent| sent.is_ok())
    }

    /// What comes until the end, or until nothing has come for so long; and whether it was the end.
    pub(crate) async fn rest(&mut self, silence: Duration) -> (String, bool) {
        let (mut all, mut part) = (Vec::new(), [0; 4_096]);
        let closed = loop {
            match timeout(silence, self.0.read(&mut part)).await {
                Ok(Ok(read @ 1..)) => all.extend(&part[..read]),
                Ok(Ok(0) | Err(_)) => break true,
                Err(_) => break false,
            }
        };
        (String::from_utf8_lossy(&all).into_owned(), closed)
    }

    /// The first line of what is said unasked; `None` at the end.
    pub(crate) async fn first_line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.extend(self.read(1).await?);
        }
        Some(String::from_utf8(line).unwrap().trim_end().to_owned())
    }

    /// Two ends of the same connection: one may wait while the other goes on.
    pub(crate) fn twice(self) -> (Self, Self) {
        let first = self.0.into_std().unwrap();
        let second = first.try_clone().unwrap();
        (Self(TcpStream::from_std(first).unwrap()), Self(TcpStream::from_std(second).unwrap()))
    }

    /// Sends the same again and again until it cannot be sent any more.
    pub(crate) async fn pour(&mut self, bytes: &[u8]) {
        while self.0.write_all(bytes).await.is_ok() {}
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next frame: its first byte and its payload; `None` at the end.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.read(2).await?;
        let length = match head[1] {
            126 => u64::from(u16::from_be_bytes(self.read(2).await?.try_into().unwrap())),
            127 => u64::from_be_bytes(self.read(8).await?.try_into().unwrap()),
            short => u64::from(short),
        };
        Some((head[0], self.read(usize::try_from(length).unwrap()).await?))
    }

    /// Reads on to the closing frame: its code, and the texts before it.
    pub(crate) async fn close(&mut self) -> (u16, Vec<String>) {
        let mut texts = Vec::new();
        loop {
            match self.frame().await.unwrap_or_else(|| panic!("closed without a frame after {texts:?}")) {
                (TEXT, text) => texts.push(String::from_utf8(text).unwrap()),
                (CLOSE, payload) => return (u16::from_be_bytes([payload[0], payload[1]]), texts),
                (PING | PONG, _) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn read(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; count];
        let read = timeout(SOON, self.0.read_exact(&mut bytes)).await;
        read.unwrap_or_else(|_| panic!("nothing in time")).ok().map(|_| bytes)
    }
}

/// A frame of a client, masked with zeros.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(first, payload.len() as u64);
    bytes.extend(payload);
    bytes
}

/// A frame's head up to and with the mask.
pub(crate) fn head(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => bytes.push(0x80 | short),
        (_, Ok(length)) => {
            bytes.push(0x80 | 126);
            bytes.extend(length.to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes
}
