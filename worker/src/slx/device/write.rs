//! Changing a switch: each line must be clearly accepted, or else it is an error.

use std::sync::Arc;

use schemas::tpvm::{TpvmConfig, TrustedPeer};
use secrecy::{ExposeSecret, SecretString};
use tracing::warn;

use super::SlxDevice;
use crate::outcome::chain;
use crate::permit::Permit;
use crate::slx::SlxError;
use crate::slx::config::{self, Item};
use crate::slx::dialect::{Asking, Pattern};
use crate::slx::exchange::Answer;
use crate::slx::output::{self, Verdict};

impl SlxDevice {
    /// Enters the TPVM block of the configuration, writes the lines in order and leaves. The
    /// first line that is not accepted ends it, or that there is no leave for any more.
    pub(super) async fn write(
        &mut self,
        lines: Vec<(Item, String)>,
        permit: Option<&Permit>,
    ) -> Result<(), SlxError> {
        let deploys = lines.iter().any(|(item, _)| *item == Item::Deploy);
        let written = self.write_lines(lines, permit).await;
        let dialect = Arc::clone(&self.dialect);
        let leave = &dialect.commands.leave;
        let left = self
            .change("leave", leave, None, &dialect.accepted.line, None)
            .await;
        match left {
            // An accepted `deploy` runs. The mode that the session is left in is of no use.
            Err(error) if deploys && written.is_ok() => {
                warn!(error = chain(&error), "the configuration mode was not left");
                self.session.give_up();
                Ok(())
            }
            left => written.and(left),
        }
    }

    async fn write_lines(
        &mut self,
        lines: Vec<(Item, String)>,
        permit: Option<&Permit>,
    ) -> Result<(), SlxError> {
        let dialect = Arc::clone(&self.dialect);
        let accepted = &dialect.accepted.line;
        let configure = &dialect.commands.configure;
        self.change("configure", configure, None, accepted, None)
            .await?;
        let begin = self
            .session
            .execute("begin", &dialect.config.begin, false, None)
            .await?;
        let verdict = self.judge(&begin, accepted);
        // Outside of the block the same words may mean something else.
        let inside = dialect.session.tpvm_mode.is_match(&begin.mode);
        match verdict {
            Verdict::Accepted if inside => {}
            Verdict::Accepted => {
                let text = format!("the prompt is in the mode {:?}", begin.mode);
                return Err(self.declined("begin", Verdict::Unknown, &text));
            }
            verdict => return Err(self.declined("begin", verdict, &begin.text)),
        }
        for (item, line) in lines {
            let asking = (item == Item::Deploy).then_some(Asking::Deploy);
            self.change(item.name(), &line, asking, accepted, permit)
                .await?;
        }
        Ok(())
    }

    /// The lines of a configuration. Their passwords are hidden from here on.
    pub(super) fn lines(&mut self, config: &TpvmConfig) -> Result<Vec<(Item, String)>, SlxError> {
        for (name, value) in Item::ALL
            .iter()
            .filter_map(|item| item.values(config))
            .flatten()
        {
            if let ("password", Some(value)) = (name, value) {
                self.session.redactor.add(&value.into());
            }
        }
        config::lines(&self.dialect, config).map_err(|what| unwritable("configure", what))
    }

    /// The line of the trusted peer, with the password in clear in place of the encoded one.
    pub(super) fn trusted_peer_line(
        &mut self,
        peer: &TrustedPeer,
        password: &SecretString,
    ) -> Result<(Item, String), SlxError> {
        let item = Item::TrustedPeer;
        let config = TpvmConfig {
            trusted_peer: Some(peer.clone()),
            ..TpvmConfig::default()
        };
        let mut values = item.values(&config).unwrap_or_default();
        values.retain(|(name, _)| *name != "password");
        values.push((
            "password",
            Some(self.clear_password(item.name(), password)?),
        ));
        let syntax = self.dialect.config.items.get(&item);
        let line = syntax.map(|syntax| syntax.line.write(&values));
        match line {
            Some(Ok(line)) => Ok((item, line)),
            _ => Err(unwritable(
                item.name(),
                "the dialect has no line for it".to_owned(),
            )),
        }
    }

    /// A password in clear, if it can be one word of a command line; it is hidden from here on.
    pub(super) fn clear_password(
        &mut self,
        command: &str,
        password: &SecretString,
    ) -> Result<String, SlxError> {
        self.session.redactor.add(password);
        let text = password.expose_secret();
        if self.dialect.session.clear_password.is_match(text) {
            return Ok(text.to_owned());
        }
        let what = "the password has a character that an SLX command line can't carry (the \
                    dialect's clear_password says which it can), so nothing was sent";
        Err(unwritable(command, what.to_owned()))
    }

    /// Sends a line that changes something and sees that it is accepted.
    pub(super) async fn change(
        &mut self,
        command: &str,
        line: &str,
        asking: Option<Asking>,
        accepted: &Pattern,
        permit: Option<&Permit>,
    ) -> Result<(), SlxError> {
        let asks = asking.is_some_and(|asking| self.dialect.commands.asks.contains(&asking));
        let answer = self.session.execute(command, line, asks, permit);
        let answer = answer.await?;
        match self.judge(&answer, accepted) {
            Verdict::Accepted => Ok(()),
            verdict => Err(self.declined(command, verdict, &answer.text)),
        }
    }

    /// How the switch took a line. What may be a part of a log line refuses nothing.
    fn judge(&self, answer: &Answer, accepted: &Pattern) -> Verdict {
        match output::verdict(&self.dialect, &answer.text, accepted) {
            Verdict::Refused | Verdict::Busy if answer.doubtful => Verdict::Unknown,
            verdict => verdict,
        }
    }
}

/// A command that can't be written with the values that there are.
pub(super) fn unwritable(command: &str, what: String) -> SlxError {
    SlxError::Invalid {
        command: command.to_owned(),
        what,
    }
}
