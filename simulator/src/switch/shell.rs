//! One interactive session on a switch.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::commands::{Command, Mode, masked};
use super::login::{Login, QUESTION};
use super::perform::perform;
use super::terminal::Terminal;
use super::{Switch, output, words};
use crate::faults::Interference;
use crate::wire::Wire;

/// Turns automatic line wrap on; real switches send it before some prompts.
const WRAP_ON: &str = "\x1b[?7h";
/// Every so many prompts come with it.
const WRAP_EVERY: u32 = 3;
const GARBAGE: &str = "\u{1}\u{fffd}%&/ ]]>~~ kernel: [1234.5] oops: 0000 (#1)\n\u{2}^@^@^@";

/// How a session goes on after a line.
enum Next {
    Prompt,
    /// The client said goodbye.
    Leave,
    /// The connection is dropped once the last bytes are sent.
    Drop,
}

/// One session.
pub(super) struct Shell<S> {
    switch: Arc<Switch>,
    terminal: Terminal<S>,
    wire: Wire,
    mode: Mode,
    prompts: u32,
    errors: u32,
}

/// Why a session ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client went, or said goodbye.
    Left,
    /// A fault: drop the connection.
    Dropped,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Shell<S> {
    pub(super) fn new(switch: Arc<Switch>, stream: S, wire: Wire) -> Self {
        let profile = switch.spec.profile;
        Self {
            switch,
            terminal: Terminal::new(stream, profile),
            wire,
            mode: Mode::Exec,
            prompts: 0,
            errors: 0,
        }
    }

    pub(super) async fn run(mut self) -> io::Result<End> {
        for text in self.switch.spec.profile.login_text() {
            self.terminal.write(text.as_bytes()).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        self.terminal
            .write(b"\r\nWelcome to the Extreme SLX-OS Software\r\n")
            .await?;
        if self.switch.spec.login == Login::Question {
            self.terminal.write(QUESTION.as_bytes()).await?;
            if self.terminal.line().await?.is_none() {
                return Ok(End::Left);
            }
        }
        loop {
            let prompt = self.next_prompt();
            self.terminal.write(prompt.as_bytes()).await?;
            let Some(line) = self.terminal.line().await? else {
                return Ok(End::Left);
            };
            match self.take(&line).await? {
                Next::Prompt => {}
                Next::Leave => return Ok(End::Left),
                Next::Drop => return Ok(End::Dropped),
            }
        }
    }

    fn next_prompt(&mut self) -> String {
        self.prompts += 1;
        let wrap = if self.prompts.is_multiple_of(WRAP_EVERY) {
            WRAP_ON
        } else {
            ""
        };
        format!("{wrap}{}", self.mode.prompt(&self.switch.spec.name))
    }

    /// Takes one line.
    async fn take(&mut self, line: &str) -> io::Result<Next> {
        let words = words(line);
        if words.is_empty() {
            return Ok(Next::Prompt);
        }
        let parsed = Command::parse(self.mode, &words);
        let name = parsed.as_ref().map_or("unknown", Command::name);
        self.switch.counters.received(name, masked(&words));
        tracing::debug!(switch = %self.switch.address(), command = name, "command received");
        if parsed.as_ref().is_ok_and(Command::asks) {
            let (question, yes) = self.switch.spec.profile.question();
            self.terminal.write(question.as_bytes()).await?;
            match self.terminal.line().await? {
                None => return Ok(Next::Leave),
                Some(answer) if answer.trim().eq_ignore_ascii_case(yes) => {
                    self.switch
                        .counters
                        .received("confirmation", name.to_owned());
                }
                Some(_) => return Ok(Next::Prompt),
            }
        }
        let met = self.switch.faults.meet(name);
        if met.slow > Duration::ZERO && !self.wait(met.slow).await {
            return Ok(Next::Leave);
        }
        if met.goes_active {
            self.switch.go_active();
        }
        if met.lost_before_effect {
            return Ok(self.cut());
        }
        let text = match (&parsed, &met.refuse) {
            (_, Some(refusal)) => self.error(refusal),
            (Err(error), None) => {
                let prompt = self.mode.prompt(&self.switch.spec.name);
                output::syntax_error(*error, &prompt, &words)
            }
            (Ok(command), None) => self.execute(command, &met),
        };
        if met.reply_lost {
            return Ok(self.cut());
        }
        self.answer(&text, &met).await?;
        Ok(match parsed {
            _ if met.drop_after.is_some() => Next::Drop,
            Ok(Command::Exit) if self.mode == Mode::Exec => Next::Leave,
            Ok(command) if met.refuse.is_none() => {
                self.change_mode(&command);
                Next::Prompt
            }
            _ => Next::Prompt,
        })
    }

    /// Waits; false if the connection was cut meanwhile.
    async fn wait(&self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            () = self.wire.is_cut() => false,
        }
    }

    fn cut(&self) -> Next {
        self.wire.cut();
        Next::Leave
    }

    /// Carries out a command, with or without effect, and says what it prints.
    fn execute(&mut self, command: &Command, met: &Interference) -> String {
        let switch = Arc::clone(&self.switch);
        let mut tpvm = switch.tpvm();
        let result = if met.without_effect {
            let mut copy = tpvm.clone();
            perform(command, &mut copy, &switch.spec, &switch.world, &met.twist)
        } else {
            let result = perform(command, &mut tpvm, &switch.spec, &switch.world, &met.twist);
            if result.as_ref().is_ok_and(|reply| reply.effect) {
                switch.counters.effect(command.name());
            }
            result
        };
        match result {
            Ok(reply) => reply.text,
            Err(refusal) => {
                drop(tpvm);
                self.error(&refusal)
            }
        }
    }

    fn error(&mut self, text: &str) -> String {
        self.errors += 1;
        self.switch.spec.profile.error(self.errors, text)
    }

    async fn answer(&mut self, text: &str, met: &Interference) -> io::Result<()> {
        let text = match &met.says {
            Some(words) => words,
            None if met.garbage => GARBAGE,
            None if met.truncated => text.get(..text.len() / 2).unwrap_or_default(),
            None => text,
        };
        match met.drop_after {
            None => self.terminal.page(text).await.map(|_| ()),
            Some(bytes) => {
                let mut all = text
                    .lines()
                    .map(|line| format!("{line}\r\n"))
                    .collect::<String>();
                all.push_str(&self.mode.prompt(&self.switch.spec.name));
                let end = bytes.min(all.len());
                self.terminal.write(&all.as_bytes()[..end]).await
            }
        }
    }

    fn change_mode(&mut self, command: &Command) {
        self.mode = match (command, self.mode) {
            (Command::Configure, _) | (Command::Exit, Mode::ConfigTpvm) => Mode::Config,
            (Command::EnterTpvm, _) => Mode::ConfigTpvm,
            (Command::End, _) | (Command::Exit, Mode::Config) => Mode::Exec,
            (Command::TerminalLength(lines), mode) => {
                self.terminal.paging = *lines != 0;
                mode
            }
            (_, mode) => mode,
        };
    }
}
