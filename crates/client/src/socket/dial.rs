//! The TCP connection below a WebSocket.

use std::io;

use tokio::net::{TcpSocket, TcpStream, lookup_host};

use super::Options;

/// Connects to the first address of `endpoint` that answers.
pub(super) async fn dial(endpoint: (String, u16), options: &Options) -> io::Result<TcpStream> {
    let mut failure = None;
    for address in lookup_host(endpoint).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // Before connecting, because the window is agreed on then.
        if let Some(bytes) = options.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        if options.reset {
            socket.set_zero_linger()?;
        }
        match socket.connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address")))
}
