//! The TCP connection under an SSH session.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How many of the first bytes are kept: a server's name and what may stand before it.
const GREETING: usize = 512;

/// A TCP connection that breaks when its owner is gone: the SSH library's task lives as long as
/// its connection, and a server that says nothing during the handshake would keep it for ever.
/// Reading fails once the token is cancelled, which ends it.
pub(super) struct Wire {
    stream: TcpStream,
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    greeting: Greeting,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, over: CancellationToken, greeting: Greeting) -> Self {
        Self {
            stream,
            over: Box::pin(over.cancelled_owned()),
            greeting,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.over.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            let news = buffer.filled().get(before..).unwrap_or_default();
            self.greeting.add(news);
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Never fails: the library would forget why the connection ended if the other side was
    /// faster.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream)
            .poll_shutdown(context)
            .map(|_| Ok(()))
    }
}

/// The first bytes that came.
#[derive(Clone, Default)]
pub(super) struct Greeting(Arc<Mutex<Vec<u8>>>);

/// Who greets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Greeter {
    /// Nobody yet.
    Nobody,
    /// An SSH server, version 2.
    Ssh,
    /// Another protocol, which this shows.
    Other(String),
    /// It can't be told; what was said.
    Unknown(String),
}

impl Greeting {
    fn add(&self, news: &[u8]) {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = GREETING.saturating_sub(bytes.len()).min(news.len());
        bytes.extend_from_slice(news.get(..room).unwrap_or_default());
    }

    pub(super) fn greeter(&self) -> Greeter {
        greeter(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What other servers say first, or to a client that begins with `SSH-2.0-`.
const OTHERS: [&str; 7] = ["HTTP/", "220 ", "220-", "+OK", "* OK", "RFB ", "AMQP"];

fn greeter(bytes: &[u8]) -> Greeter {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let is = |line: &str, versions: &[&str]| versions.iter().any(|name| line.starts_with(name));
    match bytes.first() {
        None => return Greeter::Nobody,
        Some(0xff) => return Greeter::Other("(the begin of Telnet)".to_owned()),
        Some(0x15 | 0x16) => return Greeter::Other("(TLS)".to_owned()),
        Some(_) => {}
    }
    if lines
        .clone()
        .any(|line| is(line, &["SSH-2.0-", "SSH-1.99-"]))
    {
        return Greeter::Ssh;
    }
    let printable = |c: &char| !c.is_control();
    let first = lines.find(|line| !line.trim().is_empty());
    let first: String = first
        .unwrap_or_default()
        .chars()
        .filter(printable)
        .collect();
    if is(&first, &OTHERS) || is(&first, &["SSH-1."]) {
        return Greeter::Other(first);
    }
    Greeter::Unknown(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_what_answers() {
        let other = |text: &str| Greeter::Other(text.to_owned());
        for (bytes, expected) in [
            (&b""[..], Greeter::Nobody),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Greeter::Ssh),
            (b"Welcome\r\nSSH-1.99-x\r\n", Greeter::Ssh),
            (b"SSH-1.5-x\r\n", other("SSH-1.5-x")),
            (
                b"HTTP/1.1 400 Bad Request\r\n\r\n",
                other("HTTP/1.1 400 Bad Request"),
            ),
            (b"\xff\xfd\x18\xff\xfd\x20", other("(the begin of Telnet)")),
            (b"\x15\x03\x01\x00\x02\x02F", other("(TLS)")),
            (b"220 ftp ready\r\n", other("220 ftp ready")),
            (
                b"Exceeded MaxStartups\r\n",
                Greeter::Unknown("Exceeded MaxStartups".to_owned()),
            ),
        ] {
            assert_eq!(greeter(bytes), expected, "{bytes:?}");
        }
    }
}
