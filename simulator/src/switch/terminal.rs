//! The terminal of one session: echo, line editing, paging.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest accepted line, in bytes. What is typed beyond is not taken.
const LONGEST_LINE: usize = 1024;
/// Lines of output before `--More--`.
const PAGE: usize = 24;
const MORE: &str = "--More--";

/// A terminal over a byte stream.
pub(crate) struct Terminal<S> {
    stream: S,
    input: Vec<u8>,
    read: usize,
    after_return: bool,
    pub(crate) paging: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Terminal<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            input: Vec::new(),
            read: 0,
            after_return: false,
            paging: true,
        }
    }

    /// Writes bytes as they are.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// The next line, echoed; none when the client is gone.
    pub(crate) async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        // What is typed in one go is echoed in one go.
        let mut echo = Vec::new();
        loop {
            if self.read == self.input.len() {
                self.write(&std::mem::take(&mut echo)).await?;
            }
            let Some(key) = self.key().await? else {
                return Ok(None);
            };
            let after_return = std::mem::replace(&mut self.after_return, key == b'\r');
            match key {
                b'\n' if after_return => {}
                b'\r' | b'\n' => {
                    echo.extend_from_slice(b"\r\n");
                    self.write(&echo).await?;
                    return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
                }
                0x08 | 0x7f if line.pop().is_some() => echo.extend_from_slice(b"\x08 \x08"),
                0x03 => {
                    echo.extend_from_slice(b"^C\r\n");
                    self.write(&echo).await?;
                    return Ok(Some(String::new()));
                }
                key if key >= b' ' && key != 0x7f && line.len() < LONGEST_LINE => {
                    line.push(key);
                    echo.push(key);
                }
                _ => {}
            }
        }
    }

    /// Writes lines of output, page by page; false when the client is gone.
    pub(crate) async fn page(&mut self, text: &str) -> io::Result<bool> {
        let lines: Vec<&str> = text.lines().collect();
        let mut rest = lines.as_slice();
        let mut room = if self.paging { PAGE } else { rest.len() };
        loop {
            let (page, later) = rest.split_at(room.min(rest.len()));
            let page: String = page.iter().flat_map(|line| [line, "\r\n"]).collect();
            self.write(page.as_bytes()).await?;
            if later.is_empty() {
                return Ok(true);
            }
            rest = later;
            match self.more().await? {
                None => return Ok(false),
                Some(0) => return Ok(true),
                Some(lines) => room = lines,
            }
        }
    }

    /// Waits for a key at `--More--`: how many lines may follow.
    async fn more(&mut self) -> io::Result<Option<usize>> {
        self.write(MORE.as_bytes()).await?;
        let key = loop {
            match self.key().await? {
                Some(b'\n') if self.after_return => self.after_return = false,
                other => break other,
            }
        };
        self.write(b"\r        \r").await?;
        Ok(match key {
            None => None,
            Some(b'q' | 0x03) => Some(0),
            Some(key @ (b'\r' | b'\n')) => {
                self.after_return = key == b'\r';
                Some(1)
            }
            Some(_) => Some(PAGE),
        })
    }

    async fn key(&mut self) -> io::Result<Option<u8>> {
        if self.read == self.input.len() {
            let mut buffer = [0; 512];
            let length = self.stream.read(&mut buffer).await?;
            self.input.clear();
            self.input.extend_from_slice(&buffer[..length]);
            self.read = 0;
        }
        let key = self.input.get(self.read).copied();
        self.read += usize::from(key.is_some());
        Ok(key)
    }
}
