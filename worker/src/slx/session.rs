//! One SSH session with a switch and the interactive shell in it.

mod connection;
mod host_keys;
mod keyboard;
mod known_hosts;
mod login;
mod opening;
mod step;
mod wire;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{Handle, Msg};
use russh::{Channel, ChannelMsg, Disconnect};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::DropGuard;

use super::dialect::Dialect;
use super::exchange::{Answer, Exchange, Habits, May, Next, Quiet};
use super::redact::Redactor;
use super::{LastLine, SlxError, SshSettings};
use crate::permit::Permit;
use connection::Client;

/// Wide enough that no line is wrapped, echoes of long commands included.
const COLUMNS: u32 = 1000;
const ROWS: u32 = 24;

/// A shell at its prompt.
pub(super) struct Session {
    pub dialect: Arc<Dialect>,
    pub redactor: Redactor,
    settings: SshSettings,
    handle: Handle<Client>,
    channel: Channel<Msg>,
    /// What the switch has not said yes or no to.
    asked: VecDeque<Asked>,
    /// The switch's name in its prompt, and whether it echoes.
    habits: Habits,
    /// Whether the last command was not answered to its prompt.
    broken: bool,
    /// Ends the SSH library's task, whatever it waits for.
    _guard: DropGuard,
}

/// What a session needs of its channel.
#[derive(Clone, Copy)]
enum Asked {
    Terminal,
    Shell,
}

impl Session {
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
            Ok(Err(Broke::Lost | Broke::Refused(_))) => return Err(SlxError::Lost { command }),
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
                let last = self.last_line(&exchange);
                return Err(SlxError::Timeout { command, last });
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
                Some(ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. }) => {
                    return Ok(Heard::Bytes(data.to_vec()));
                }
                Some(ChannelMsg::Success) => {
                    self.asked.pop_front();
                }
                Some(ChannelMsg::Failure) => {
                    if let Some(asked) = self.asked.pop_front() {
                        return Err(Broke::Refused(asked));
                    }
                }
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

    fn last_line(&self, exchange: &Exchange<'_>) -> LastLine {
        let line = self.redactor.clean(&exchange.last_heard());
        match line.as_str() {
            "" => LastLine::None,
            _ if exchange.is_within_a_line() && is_like_a_prompt(&line) => {
                LastLine::OtherPrompt(line)
            }
            _ => LastLine::Line(line),
        }
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
    /// The switch refused what the session needs.
    Refused(Asked),
}

/// The signs that prompts end with.
fn is_like_a_prompt(line: &str) -> bool {
    line.ends_with(['#', '>', '$', '%'])
}

/// What a switch did.
enum Heard {
    Bytes(Vec<u8>),
    Silence(Quiet),
}
