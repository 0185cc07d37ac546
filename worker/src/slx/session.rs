//! One SSH session with a switch and the interactive shell in it.

mod host_keys;
mod leash;
mod login;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Handle};
use russh::keys::{Algorithm, PublicKey};
use russh::{Channel, ChannelMsg, Disconnect};
use schemas::inventory::Device;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::debug;

use super::dialect::Dialect;
use super::exchange::{Answer, Exchange, Habits, May, Next, Quiet};
use super::redact::Redactor;
use super::{SlxError, SshSettings};
use crate::permit::Permit;
use crate::secrets::Secrets;
use host_keys::{Failure, HostKeyCheck};
use leash::Leash;
use login::Credentials;

/// Wide enough that no line is wrapped, echoes of long commands included.
const COLUMNS: u32 = 1000;
const ROWS: u32 = 24;

/// A shell at its prompt.
pub(super) struct Session {
    pub dialect: Arc<Dialect>,
    pub redactor: Redactor,
    settings: SshSettings,
    handle: Handle<HostKeyCheck>,
    channel: Channel<client::Msg>,
    /// The switch's name in its prompt, and whether it echoes.
    habits: Habits,
    /// Whether the last command was not answered to its prompt.
    broken: bool,
    /// Ends the SSH library's task, whatever it waits for.
    _leash: DropGuard,
}

impl Session {
    /// Connects, checks the host key, logs in and waits for the prompt.
    pub(super) async fn open(
        device: &Device,
        secrets: &Secrets,
        settings: &SshSettings,
        dialect: Arc<Dialect>,
    ) -> Result<Session, SlxError> {
        let credentials = Credentials::of(device, secrets)?;
        let address = device.ssh_host.as_ref().map(ToString::to_string);
        let address = address.unwrap_or_else(|| device.ip_address.to_string());
        let host = format!("{address}:{}", device.ssh_port);
        let deadline = Instant::now() + settings.connect_timeout;
        let step = Step {
            host: &host,
            deadline,
        };

        let stream = TcpStream::connect((address.as_str(), device.ssh_port));
        let stream = step.within("the TCP connection", stream).await?;
        let stream = stream.map_err(|error| step.failed("the TCP connection", error.into()))?;
        // What the switch has not taken when the session is given up, it must not get later: the
        // system would go on trying for minutes.
        let lingering = stream.set_zero_linger();
        lingering.map_err(|error| step.failed("the TCP connection", error.into()))?;
        let over = CancellationToken::new();
        let leash = over.clone().drop_guard();
        let check = HostKeyCheck::new(address, device.ssh_port, settings.host_keys.clone());
        let config = config(&check.known().await.map_err(|what| step.untrusted(what))?);
        let handle = client::connect_stream(config, Leash::new(stream, over), check);
        let mut handle = match step.within("the SSH handshake", handle).await? {
            Ok(handle) => handle,
            Err(Failure::HostKey(what)) => return Err(step.untrusted(what)),
            Err(Failure::Ssh(error)) => return Err(step.failed("the SSH handshake", error)),
        };
        let login = credentials.log_in(&mut handle, &step);
        step.within("the login", login).await??;
        let channel = step.within("the shell", shell(&handle)).await?;
        let channel = channel.map_err(|error| step.failed("the shell", error))?;
        let mut session = Session {
            dialect,
            redactor: credentials.redactor(),
            settings: settings.clone(),
            handle,
            channel,
            habits: Habits::default(),
            broken: false,
            _leash: leash,
        };
        session.reach_prompt(&step).await?;
        Ok(session)
    }

    /// Waits for the first prompt and turns log lines and paging off. The name is taken from the
    /// prompt behind the first of these commands: what looks like a prompt before may be part of a
    /// banner.
    async fn reach_prompt(&mut self, step: &Step<'_>) -> Result<(), SlxError> {
        let dialect = Arc::clone(&self.dialect);
        let commands = &dialect.commands;
        let lines = [
            ("login", None),
            ("no_log", Some(commands.no_log.as_str())),
            ("no_paging", Some(commands.no_paging.as_str())),
        ];
        for (command, line) in lines {
            if line == Some("") {
                continue;
            }
            let answer = self.exchange(command, line, false, None, step.deadline);
            let answer = answer.await;
            let answer = answer.map_err(|error| match error {
                invalid @ SlxError::Invalid { .. } => invalid,
                error => SlxError::Connect {
                    host: step.host.to_owned(),
                    what: format!("the shell came to no prompt that the dialect knows ({error})"),
                    source: None,
                },
            })?;
            if super::output::error(&dialect, &answer.text).is_some() {
                debug!(host = step.host, command, "refused, and not needed");
            }
        }
        Ok(())
    }

    /// Sends a line and waits for the prompt. `command` is what errors call it; `asks` says
    /// whether a question is answered. With a permit, nothing is sent that it does not hold for.
    pub(super) async fn execute(
        &mut self,
        command: &str,
        line: &str,
        asks: bool,
        permit: Option<&Permit>,
    ) -> Result<Answer, SlxError> {
        let deadline = Instant::now() + self.settings.command_timeout;
        self.exchange(command, Some(line), asks, permit, deadline)
            .await
    }

    async fn exchange(
        &mut self,
        command: &str,
        line: Option<&str>,
        asks: bool,
        permit: Option<&Permit>,
        deadline: Instant,
    ) -> Result<Answer, SlxError> {
        let command = command.to_owned();
        if line.is_some_and(|line| line.contains(char::is_control)) {
            let what = "a value holds a control character, so nothing was sent".to_owned();
            return Err(SlxError::Invalid { command, what });
        }
        if self.broken {
            return Err(SlxError::Lost { command });
        }
        if permit.is_some_and(|permit| !permit.holds()) {
            return Err(SlxError::TooLate { command });
        }
        // Until the prompt is back, also if the caller stops waiting.
        self.broken = true;
        let dialect = Arc::clone(&self.dialect);
        let max_output = self.settings.max_output;
        let may = May {
            answer: asks,
            // A command that needs a permit is one whose question must not be answered by accident.
            nudge: !asks && permit.is_none(),
        };
        let habits = self.habits.clone();
        let mut exchange = Exchange::new(&dialect.session, line, habits, may, max_output);
        let talk = self.talk(line, &mut exchange, permit);
        let answer = match timeout_at(deadline, talk).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(Broke::Lost)) => return Err(SlxError::Lost { command }),
            Ok(Err(Broke::TooLong)) => {
                let output = format!("more than {max_output} bytes of output");
                return Err(SlxError::Unknown { command, output });
            }
            Ok(Err(Broke::Asks(words))) => {
                let question = self.redactor.clean(&words);
                return Err(SlxError::Asks { command, question });
            }
            Ok(Err(Broke::NoEcho(text))) => {
                let output = format!("no echo of the line, but {:?}", self.redactor.clean(&text));
                return Err(SlxError::Unknown { command, output });
            }
            Err(_) => {
                let last = self.redactor.clean(&exchange.last_heard());
                debug!(command, last, "no prompt in time");
                return Err(SlxError::Timeout { command });
            }
        };
        self.broken = false;
        if line.is_some() {
            self.habits = answer.habits.clone();
        }
        Ok(answer)
    }

    async fn talk(
        &mut self,
        line: Option<&str>,
        exchange: &mut Exchange<'_>,
        permit: Option<&Permit>,
    ) -> Result<Answer, Broke> {
        if let Some(line) = line {
            self.drop_late_output().await?;
            self.send(format!("{line}\n")).await?;
        }
        let mut quiet = None;
        loop {
            let next = match self.hear(quiet).await? {
                Heard::Bytes(data) => {
                    quiet = None;
                    exchange.take(&data)
                }
                Heard::Silence(silence) => {
                    quiet = Some(silence);
                    exchange.settle(silence)
                }
            };
            match next {
                Next::Wait => {}
                // The command takes effect with the answer to its question. Not given, the
                // question dies with the session.
                Next::Send(_) if permit.is_some_and(|permit| !permit.holds()) => {
                    return Err(Broke::Lost);
                }
                Next::Send(text) => self.send(text).await?,
                Next::Done(answer) => return Ok(answer),
                Next::TooLong => return Err(Broke::TooLong),
                Next::Asks(words) => return Err(Broke::Asks(words)),
                Next::NoEcho(text) => return Err(Broke::NoEcho(text)),
            }
        }
    }

    /// Waits for bytes, or until the switch has been quiet for longer than before.
    async fn hear(&mut self, before: Option<Quiet>) -> Result<Heard, Broke> {
        let next = Quiet::after(before);
        let lasted = before.map_or(Duration::ZERO, Quiet::lasts);
        let until = next.map(|next| (next, Instant::now() + next.lasts().saturating_sub(lasted)));
        loop {
            let message = match until {
                None => self.channel.wait().await,
                Some((next, end)) => match timeout_at(end, self.channel.wait()).await {
                    Ok(message) => message,
                    Err(_) => return Ok(Heard::Silence(next)),
                },
            };
            match message {
                Some(ChannelMsg::Data { data }) => return Ok(Heard::Bytes(data.to_vec())),
                Some(ChannelMsg::Eof | ChannelMsg::Close) | None => return Err(Broke::Lost),
                Some(_) => {}
            }
        }
    }

    /// Where no echo parts two answers, what came behind the last prompt must not look like a part
    /// of the next answer.
    async fn drop_late_output(&mut self) -> Result<(), Broke> {
        if self.habits.echoes != Some(false) {
            return Ok(());
        }
        while let Ok(message) = timeout_at(Instant::now(), self.channel.wait()).await {
            if matches!(message, Some(ChannelMsg::Eof | ChannelMsg::Close) | None) {
                return Err(Broke::Lost);
            }
        }
        Ok(())
    }

    async fn send(&self, text: String) -> Result<(), Broke> {
        let sent = self.channel.data_bytes(text.into_bytes()).await;
        sent.map_err(|_| Broke::Lost)
    }

    /// Has every further call be [`SlxError::Lost`].
    pub(super) fn give_up(&mut self) {
        self.broken = true;
    }

    /// Says goodbye. Dropping a session ends it too.
    pub(super) async fn close(self) {
        let goodbye = self.handle.disconnect(Disconnect::ByApplication, "", "en");
        let deadline = Instant::now() + self.settings.connect_timeout;
        // A switch that is gone already needs no goodbye.
        let _ = timeout_at(deadline, goodbye).await;
    }
}

/// Why a talk ended early.
enum Broke {
    Lost,
    TooLong,
    Asks(String),
    NoEcho(String),
}

/// What a switch did.
enum Heard {
    Bytes(Vec<u8>),
    Silence(Quiet),
}

async fn shell(handle: &Handle<HostKeyCheck>) -> Result<Channel<client::Msg>, russh::Error> {
    let channel = handle.channel_open_session().await?;
    channel
        .request_pty(false, "vt100", COLUMNS, ROWS, 0, 0, &[])
        .await?;
    channel.request_shell(false).await?;
    Ok(channel)
}

/// Asks first for the kinds of host key that are known: a switch may have several.
fn config(known: &[PublicKey]) -> Arc<client::Config> {
    // Of an RSA key, the algorithm also names a hash that the key itself doesn't.
    let kind = |algorithm: &Algorithm| match algorithm {
        Algorithm::Rsa { .. } => Algorithm::Rsa { hash: None },
        other => other.clone(),
    };
    let known: Vec<Algorithm> = known.iter().map(|key| kind(&key.algorithm())).collect();
    let mut config = client::Config {
        nodelay: true,
        ..client::Config::default()
    };
    config
        .preferred
        .key
        .to_mut()
        .sort_by_key(|algorithm| !known.contains(&kind(algorithm)));
    Arc::new(config)
}

/// One of the steps to a session, for its errors.
struct Step<'a> {
    host: &'a str,
    deadline: Instant,
}

impl Step<'_> {
    async fn within<T>(&self, what: &str, step: impl Future<Output = T>) -> Result<T, SlxError> {
        timeout_at(self.deadline, step)
            .await
            .map_err(|_| SlxError::Connect {
                host: self.host.to_owned(),
                what: format!("{what} took too long"),
                source: None,
            })
    }

    fn failed(&self, what: &str, source: russh::Error) -> SlxError {
        SlxError::Connect {
            host: self.host.to_owned(),
            what: format!("{what} failed"),
            source: Some(Box::new(source)),
        }
    }

    fn untrusted(&self, what: String) -> SlxError {
        SlxError::HostKey {
            host: self.host.to_owned(),
            what,
        }
    }

    fn refused(&self, user: &str, what: &str) -> SlxError {
        SlxError::Login {
            host: self.host.to_owned(),
            user: user.to_owned(),
            what: what.to_owned(),
        }
    }
}
