//! One SSH session with a switch.

mod write;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use schemas::inventory::Device;
use schemas::tpvm::{TpvmConfig, TrustedPeer};
use secrecy::SecretString;

use super::config::{self, BlockError};
use super::dialect::{Asking, Dialect};
use super::output::{self, Misread, Verdict};
use super::session::Session;
use super::{Addresses, ImageSource, SlxError, SshSettings, Switch, TpvmStatus};
use crate::permit::Permit;
use crate::secrets::Secrets;
use crate::versions::{SlxVersion, TpvmVersion};
use write::unwritable;

/// One SSH session with a switch. After a timeout, a lost connection or a call that was not
/// waited for, every further call is [`SlxError::Lost`]: connect again.
pub struct SlxDevice {
    session: Session,
    dialect: Arc<Dialect>,
}

impl fmt::Debug for SlxDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlxDevice").finish_non_exhaustive()
    }
}

/// How often a question is asked whose answers may have a part of a log line in them.
const MAX_ASKED: u8 = 3;

impl SlxDevice {
    /// Connects to a switch and logs in: with the key if the inventory names one, then with the
    /// password.
    pub async fn connect(
        device: &Device,
        secrets: &Secrets,
        settings: &SshSettings,
        dialect: Arc<Dialect>,
    ) -> Result<SlxDevice, SlxError> {
        let session = Session::open(device, secrets, settings, Arc::clone(&dialect)).await?;
        Ok(SlxDevice { session, dialect })
    }
}

#[async_trait]
impl Switch for SlxDevice {
    async fn slx_version(&mut self) -> Result<SlxVersion, SlxError> {
        let dialect = Arc::clone(&self.dialect);
        let line = &dialect.commands.slx_version;
        self.show("slx_version", line, output::slx_version).await
    }

    async fn tpvm_status(&mut self) -> Result<TpvmStatus, SlxError> {
        let dialect = Arc::clone(&self.dialect);
        let line = &dialect.commands.tpvm_status;
        self.show("tpvm_status", line, output::tpvm_status).await
    }

    async fn tpvm_version(&mut self) -> Result<Option<TpvmVersion>, SlxError> {
        let dialect = Arc::clone(&self.dialect);
        let line = &dialect.commands.tpvm_version;
        self.show("tpvm_version", line, output::tpvm_version).await
    }

    async fn tpvm_ips(&mut self) -> Result<Addresses, SlxError> {
        let dialect = Arc::clone(&self.dialect);
        let line = &dialect.commands.tpvm_addresses;
        self.show("tpvm_addresses", line, output::tpvm_ips).await
    }

    async fn snapshot(&mut self) -> Result<Option<String>, SlxError> {
        let dialect = Arc::clone(&self.dialect);
        let line = &dialect.commands.tpvm_snapshot;
        self.show("tpvm_snapshot", line, output::snapshot).await
    }

    async fn running_config(&mut self) -> Result<Option<TpvmConfig>, SlxError> {
        let dialect = Arc::clone(&self.dialect);
        let command = "running_config";
        let line = &dialect.commands.running_config;
        self.ask(command, line, |device, text| {
            config::parse(&device.dialect, text).map_err(|error| match error {
                BlockError::NoBlock => device.declined(command, Verdict::Unknown, text),
                BlockError::Line(line) => device.declined(command, Verdict::Unknown, &line),
                BlockError::Unknown(line) => SlxError::UnknownItem {
                    line: device.session.redactor.clean(&line),
                },
                BlockError::Value(what) => SlxError::Invalid {
                    command: command.to_owned(),
                    what,
                },
            })
        })
        .await
    }

    async fn configure(
        &mut self,
        config: &TpvmConfig,
        trusted_peer_password: Option<&SecretString>,
    ) -> Result<(), SlxError> {
        let items = TpvmConfig {
            trusted_peer: None,
            deploy: false,
            ..config.clone()
        };
        let mut lines = self.lines(&items)?;
        if let Some(peer) = &config.trusted_peer {
            let password = trusted_peer_password.ok_or_else(|| SlxError::Invalid {
                command: "trusted_peer".to_owned(),
                what: "its password is needed to write it".to_owned(),
            })?;
            lines.push(self.trusted_peer_line(peer, password)?);
        }
        self.write(lines, None).await
    }

    async fn set_trusted_peer(
        &mut self,
        peer: &TrustedPeer,
        password: &SecretString,
    ) -> Result<(), SlxError> {
        let line = self.trusted_peer_line(peer, password)?;
        self.write(vec![line], None).await
    }

    async fn deploy(&mut self, permit: &Permit) -> Result<(), SlxError> {
        let deploy = TpvmConfig {
            deploy: true,
            ..TpvmConfig::default()
        };
        let lines = self.lines(&deploy)?;
        self.write(lines, Some(permit)).await
    }

    async fn upgrade(&mut self, from: &ImageSource<'_>, permit: &Permit) -> Result<(), SlxError> {
        let dialect = Arc::clone(&self.dialect);
        let values = [
            ("protocol", from.firmware_host.protocol.as_str().to_owned()),
            ("host", from.firmware_host.ip_address.to_string()),
            ("user", from.firmware_host.user.to_string()),
            ("password", self.clear_password("upgrade", from.password)?),
            ("directory", from.image.directory().to_owned()),
            ("file", from.image.file_name().to_owned()),
        ];
        let values = values.map(|(name, value)| (name, Some(value)));
        let line = dialect.commands.upgrade.write(&values);
        let line = line.map_err(|value| unwritable("upgrade", format!("it has no {value}")))?;
        self.change(
            "upgrade",
            &line,
            Some(Asking::Upgrade),
            &dialect.accepted.upgrade,
            Some(permit),
        )
        .await
    }

    async fn revert(&mut self, permit: &Permit) -> Result<(), SlxError> {
        let dialect = Arc::clone(&self.dialect);
        let line = &dialect.commands.revert;
        self.change(
            "revert",
            line,
            Some(Asking::Revert),
            &dialect.accepted.revert,
            Some(permit),
        )
        .await
    }

    async fn close(self: Box<Self>) {
        self.session.close().await;
    }
}

impl SlxDevice {
    async fn show<T>(
        &mut self,
        command: &str,
        line: &str,
        read: impl Fn(&Dialect, &str) -> Result<T, Misread>,
    ) -> Result<T, SlxError> {
        self.ask(command, line, |device, text| {
            read(&device.dialect, text).map_err(|misread| match misread {
                Misread::Unknown => device.declined(command, Verdict::Unknown, text),
                Misread::Invalid(what) => SlxError::Invalid {
                    command: command.to_owned(),
                    what,
                },
            })
        })
        .await
    }

    /// Asks, and asks again where a log line that the switch wrapped may have become a part of the
    /// answer.
    async fn ask<T>(
        &mut self,
        command: &str,
        line: &str,
        read: impl Fn(&Self, &str) -> Result<T, SlxError>,
    ) -> Result<T, SlxError> {
        let mut left = MAX_ASKED;
        loop {
            left -= 1;
            let answer = self.session.execute(command, line, false, None).await?;
            let text = &answer.text;
            let read = match output::error(&self.dialect, text) {
                Some(_) if answer.doubtful => Err(self.declined(command, Verdict::Unknown, text)),
                Some(error) => Err(self.declined(command, error, text)),
                None => read(self, text),
            };
            if read.is_ok() || !answer.doubtful || left == 0 {
                return read;
            }
        }
    }

    /// The error for an answer that is not what it should be.
    fn declined(&self, command: &str, verdict: Verdict, text: &str) -> SlxError {
        let command = command.to_owned();
        let output = self.session.redactor.clean(text);
        match verdict {
            Verdict::Busy => SlxError::Busy { command, output },
            Verdict::Refused => SlxError::Refused { command, output },
            Verdict::Accepted | Verdict::Unknown => SlxError::Unknown { command, output },
        }
    }
}
