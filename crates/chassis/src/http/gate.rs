//! Stands between a socket and hyper, and lets one request through at a time: every head is looked at before hyper sees
//! it, the first one of a connection and each that follows. Where a body ends is known before it begins; after one in
//! chunks, whose end only hyper sees, the connection takes no other request.
//!
//! In the place of a head that is refused hyper gets one that is not, and whoever answers it finds the fault in the
//! [`Turn`]. So refusals leave by the way of all answers: after those before them, and with the headers of all.
//! From an upgrade on everything passes, and only the heads of frames are looked at.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::HttpLimits;
use super::farewell::Farewells;
use super::frames::Frames;
use super::head::{Fault, Look, Rest, look};
use super::turn::{Stage, Turn};

/// Bytes that are read at once while a head is awaited.
const PART: usize = 4_096;
/// What hyper gets instead of a head that is refused.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

pub(super) struct Gate {
    /// Until the gate drops.
    stream: Option<TcpStream>,
    limits: Arc<HttpLimits>,
    turn: Arc<Turn>,
    farewells: Arc<Farewells>,
    /// Read, and not passed on yet: a head at most.
    held: Vec<u8>,
    /// How much of it has been looked at.
    looked: usize,
    /// Bytes of the present request that may still pass.
    passing: u64,
    /// After an upgrade: its frames.
    open: Option<Frames>,
    /// The client sends no more.
    ended: bool,
}

impl Gate {
    pub(super) fn new(
        stream: TcpStream,
        limits: Arc<HttpLimits>,
        turn: Arc<Turn>,
        farewells: Arc<Farewells>,
    ) -> Self {
        let held = Vec::new();
        Self {
            stream: Some(stream),
            limits,
            turn,
            farewells,
            held,
            looked: 0,
            passing: 0,
            open: None,
            ended: false,
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let read = ready!(Pin::new(stream).poll_read(cx, buf));
        self.ended |= read.is_err() || (buf.filled().len() == before && buf.remaining() > 0);
        Poll::Ready(read)
    }

    /// Reads what may be held; how many bytes, none at the end.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut part = [0; PART];
        let room = self.limits.head_bytes.saturating_sub(self.held.len()).clamp(1, PART);
        let mut part = ReadBuf::new(part.get_mut(..room).unwrap_or_default());
        ready!(self.read(cx, &mut part))?;
        self.held.extend_from_slice(part.filled());
        Poll::Ready(Ok(part.filled().len()))
    }

    /// Moves held bytes on; whether there were any.
    fn give(&mut self, buf: &mut ReadBuf<'_>, most: usize) -> usize {
        let count = self.held.len().min(buf.remaining()).min(most);
        buf.put_slice(self.held.get(..count).unwrap_or_default());
        self.held.drain(..count);
        if self.held.is_empty() {
            // A connection that is idle, or has become a socket, keeps nothing.
            self.held = Vec::new();
        }
        count
    }

    fn pass(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let most = usize::try_from(self.passing).unwrap_or(usize::MAX);
        let mut count = self.give(buf, most);
        if count == 0 {
            let room = most.min(buf.remaining());
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(room));
            ready!(self.read(cx, &mut part))?;
            count = part.filled().len();
            buf.advance(count);
        }
        self.passing -= u64::try_from(count).unwrap_or(u64::MAX).min(self.passing);
        Poll::Ready(Ok(()))
    }

    /// Waits for the answer to the request that has passed. Reads on meanwhile to see the client leave, once.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.held.is_empty() {
            return Poll::Pending;
        }
        match ready!(self.fill(cx)) {
            Ok(0) => Poll::Ready(Ok(())),
            // Whoever answers wakes us.
            Ok(_) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Reads until a head may pass; false at the end of the connection.
    fn listen(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            self.skip_blank_lines();
            if self.is_worth_a_look() {
                match look(&self.held, &self.limits) {
                    Look::Partial => {}
                    Look::Whole(head, rest) => {
                        self.let_in(head, rest);
                        return Poll::Ready(Ok(true));
                    }
                    Look::Bad(fault) => {
                        self.refuse(fault);
                        return Poll::Ready(Ok(true));
                    }
                }
            }
            self.looked = self.held.len();
            if ready!(self.fill(cx))? == 0 {
                self.held = Vec::new();
                return Poll::Ready(Ok(false));
            }
        }
    }

    /// Clients may send a blank line or more before a request.
    fn skip_blank_lines(&mut self) {
        let mut rest = self.held.as_slice();
        while let Some(after) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) {
            rest = after;
        }
        let blank = self.held.len() - rest.len();
        self.held.drain(..blank);
        self.looked = self.looked.saturating_sub(blank);
    }

    /// A head that comes byte by byte is not parsed with each of them.
    fn is_worth_a_look(&self) -> bool {
        let unseen = self.held.get(self.looked..).unwrap_or_default();
        let full = self.held.len() >= self.limits.head_bytes;
        !unseen.is_empty() && (self.looked == 0 || full || unseen.contains(&b'\n'))
    }

    fn let_in(&mut self, head: usize, rest: Rest) {
        let head = u64::try_from(head).unwrap_or(u64::MAX);
        self.looked = 0;
        self.passing = match rest {
            Rest::Sized(body) => head.saturating_add(body),
            Rest::Chunks => u64::MAX,
        };
        self.turn.begin();
    }

    fn refuse(&mut self, fault: Fault) {
        self.held = STAND_IN.to_vec();
        self.passing = u64::try_from(STAND_IN.len()).unwrap_or(u64::MAX);
        self.turn.refuse(fault);
    }

    fn read_frames(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.give(buf, usize::MAX) == 0 {
            ready!(self.read(cx, buf))?;
        }
        if let Some(frames) = &mut self.open {
            self.turn.count(frames.walk(buf.filled().get(before..).unwrap_or_default()));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Gate {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        loop {
            if gate.open.is_some() {
                return gate.read_frames(cx, buf);
            }
            if gate.passing > 0 {
                return gate.pass(cx, buf);
            }
            match gate.turn.stage(cx) {
                Stage::Open => gate.open = Some(Frames::default()),
                Stage::Busy => return gate.wait(cx),
                // Nothing more is read from it.
                Stage::Refused(_) => return Poll::Pending,
                Stage::Listening => {
                    if !ready!(gate.listen(cx))? {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

impl AsyncWrite for Gate {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}

impl Gate {
    fn stream(self: Pin<&mut Self>) -> io::Result<Pin<&mut TcpStream>> {
        let stream = self.get_mut().stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Pin::new(stream))
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let last_words = self.open.is_some() || self.turn.is_over() || self.passing > 0;
        if let Some(stream) = self.stream.take().filter(|_| last_words && !self.ended) {
            self.farewells.say(stream);
        }
    }
}
