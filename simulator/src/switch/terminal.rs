//! The terminal of one session: echo, line editing, paging.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::profile::Profile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest accepted line, in bytes. What is typed beyond is not taken.
const LONGEST_LINE: usize = 1024;
/// Lines of output before `--More--`.
const PAGE: usize = 24;
const MORE: &str = "--More--";
/// What switches log when somebody logs in or changes something.
const LOGS: [&str; 3] = [
    "2026/11/25-02:00:01, [SEC-1203], 9,, INFO, SLX, Login information: User [admin] Last Login Successful.\r\n",
    "2026/11/25-02:00:02, [DCM-1006], 1067,, INFO, SLX, Event: database commit transaction, Status: Succeeded.\r\n",
    "2026/11/25-02:00:03, [EM-1050], 10,, WARNING, SLX, FRU Fan/2 insertion detected.\r\n",
];

/// How many sessions there were: each has log lines in other places.
static SESSIONS: AtomicU64 = AtomicU64::new(0);

/// A terminal over a byte stream.
pub(crate) struct Terminal<S> {
    stream: S,
    input: Vec<u8>,
    read: usize,
    after_return: bool,
    pub(crate) paging: bool,
    profile: Profile,
    /// Decides where log lines come.
    dice: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Terminal<S> {
    pub(crate) fn new(stream: S, profile: Profile) -> Self {
        Self {
            stream,
            input: Vec::new(),
            read: 0,
            after_return: false,
            paging: true,
            profile,
            dice: SESSIONS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Writes bytes, as the switch's profile has it.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let logged = self.logged(bytes);
        let bytes = logged.as_deref().unwrap_or(bytes);
        let Some((size, pause)) = self.profile.pieces() else {
            self.stream.write_all(bytes).await?;
            return self.stream.flush().await;
        };
        for piece in bytes.chunks(size) {
            self.stream.write_all(piece).await?;
            self.stream.flush().await?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// The bytes with a log line in every third of them, at any place but within an escape sequence
    /// or a line end.
    fn logged(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let dice = usize::try_from(self.dice >> 33).unwrap_or_default();
        if !self.profile.logs() || !dice.is_multiple_of(3) {
            return None;
        }
        let whole = |at: &usize| {
            let before = bytes.get(..*at).unwrap_or_default();
            let sequence = before.iter().rev().take(8).any(|byte| *byte == 0x1b);
            !sequence && !before.ends_with(b"\r")
        };
        let places: Vec<usize> = (0..=bytes.len()).filter(whole).collect();
        let at = *places.get((dice / 3) % places.len().max(1))?;
        let (before, behind) = bytes.split_at_checked(at)?;
        let log = LOGS.get(dice % LOGS.len())?.as_bytes();
        Some([before, log, behind].concat())
    }

    /// The next line, echoed; none when the client is gone.
    pub(crate) async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        // What is typed in one go is echoed in one go.
        let mut echo = Vec::new();
        loop {
            if self.read == self.input.len() {
                let echo = std::mem::take(&mut echo);
                self.echo(&echo).await?;
            }
            let Some(key) = self.key().await? else {
                return Ok(None);
            };
            let after_return = std::mem::replace(&mut self.after_return, key == b'\r');
            match key {
                b'\n' if after_return => {}
                b'\r' | b'\n' => {
                    echo.extend_from_slice(b"\r\n");
                    self.echo(&echo).await?;
                    return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
                }
                0x08 | 0x7f if line.pop().is_some() => echo.extend_from_slice(b"\x08 \x08"),
                0x03 => {
                    echo.extend_from_slice(b"^C\r\n");
                    self.echo(&echo).await?;
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

    async fn echo(&mut self, typed: &[u8]) -> io::Result<()> {
        if typed.is_empty() || !self.profile.echoes() {
            return Ok(());
        }
        self.write(typed).await
    }

    /// Writes lines of output, page by page; false when the client is gone.
    pub(crate) async fn page(&mut self, text: &str) -> io::Result<bool> {
        let lines: Vec<&str> = text.lines().collect();
        let mut rest = lines.as_slice();
        let size = self.profile.page().unwrap_or(PAGE);
        let mut room = if self.paging { size } else { rest.len() };
        let paged = rest.len() > room;
        loop {
            let (page, later) = rest.split_at(room.min(rest.len()));
            let page: String = page.iter().flat_map(|line| [line, "\r\n"]).collect();
            self.write(page.as_bytes()).await?;
            if later.is_empty() {
                break;
            }
            rest = later;
            match self.more().await? {
                None => return Ok(false),
                Some(0) => return Ok(true),
                Some(lines) => room = lines,
            }
        }
        // Such a pager is left by hand, also at the end of what it shows.
        if paged && self.profile.page().is_some() {
            self.write(b"\x1b[7m(END)\x1b[27m").await?;
            loop {
                match self.key().await? {
                    None => return Ok(false),
                    Some(b'q') => break,
                    Some(_) => {}
                }
            }
            self.write(b"\r\x1b[K").await?;
        }
        Ok(true)
    }

    /// Waits for a key at `--More--`: how many lines may follow.
    async fn more(&mut self) -> io::Result<Option<usize>> {
        let reverse = self.profile.page();
        let more = reverse.map_or(MORE.to_owned(), |_| format!("\x1b[7m{MORE}\x1b[27m"));
        self.write(more.as_bytes()).await?;
        let key = loop {
            match self.key().await? {
                Some(b'\n') if self.after_return => self.after_return = false,
                other => break other,
            }
        };
        let wipe: &[u8] = reverse.map_or(b"\r        \r", |_| b"\r\x1b[K");
        self.write(wipe).await?;
        Ok(match key {
            None => None,
            Some(b'q' | 0x03) => Some(0),
            Some(key @ (b'\r' | b'\n')) => {
                self.after_return = key == b'\r';
                Some(1)
            }
            Some(_) => Some(reverse.unwrap_or(PAGE)),
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
