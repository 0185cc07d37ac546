//! What the SSH library asks and tells while a connection lives.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{self, DisconnectReason, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::{Disconnect, client::RemoteDisconnectInfo};

use super::host_keys::HostKeyCheck;
use crate::slx::Untrusted;

/// Checks the host key, and keeps how the connection ended.
pub(super) struct Client {
    pub check: HostKeyCheck,
    pub ending: Ending,
}

/// Why a handshake failed.
#[derive(Debug)]
pub(super) enum Failure {
    Ssh(russh::Error),
    HostKey(Untrusted),
}

impl From<russh::Error> for Failure {
    fn from(error: russh::Error) -> Self {
        Failure::Ssh(error)
    }
}

impl client::Handler for Client {
    type Error = Failure;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Failure> {
        let checked = self.check.shown(key).await;
        checked.map_err(Failure::HostKey)?;
        Ok(true)
    }

    async fn auth_banner(&mut self, banner: &str, _session: &mut Session) -> Result<(), Failure> {
        tracing::debug!(bytes = banner.len(), "the switch shows a login text");
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Failure>) -> Result<(), Failure> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.ending.set(Ended::said(info));
                Ok(())
            }
            DisconnectReason::Error(failure) => {
                self.ending.set(match &failure {
                    Failure::Ssh(russh::Error::NoAuthMethod) => Ended::NoMethods,
                    Failure::Ssh(error) => Ended::Lost(error.to_string()),
                    Failure::HostKey(_) => Ended::Lost("the host key changed".to_owned()),
                });
                Err(failure)
            }
        }
    }
}

/// How a connection ended, once it has.
#[derive(Clone, Default)]
pub(super) struct Ending(Arc<Mutex<Option<Ended>>>);

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The switch said why.
    Said {
        /// Its words.
        text: String,
        /// Whether it speaks of the login: not so where it has too many connections, or goes down.
        about_login: bool,
    },
    /// We ended it, since the switch takes no login that the library knows.
    NoMethods,
    /// It was lost.
    Lost(String),
}

impl Ended {
    fn said(info: RemoteDisconnectInfo) -> Self {
        let about_login = match info.reason_code {
            // OpenSSH ends a connection with too many refused logins as a protocol error.
            Disconnect::ProtocolError
            | Disconnect::HostNotAllowedToConnect
            | Disconnect::NoMoreAuthMethodsAvailable
            | Disconnect::AuthCancelledByUser
            | Disconnect::IllegalUserName => true,
            _ => false,
        };
        let text = match info.message.trim() {
            "" => format!("{:?}", info.reason_code),
            text => text.chars().filter(|c| !c.is_control()).collect(),
        };
        Ended::Said { text, about_login }
    }
}

impl Ending {
    fn set(&self, ended: Ended) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(ended);
    }

    /// How it ended. What the library forgot to tell counts as lost.
    pub(super) fn get(&self) -> Ended {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = || Ended::Lost("the connection was closed".to_owned());
        ended.clone().unwrap_or_else(lost)
    }
}
