//! The steps to a session: the time that they have, and what they are called in errors.

use std::future::Future;
use std::io::ErrorKind;

use tokio::time::{Instant, timeout_at};

use super::wire::{Greeter, Greeting};
use crate::slx::{LoginFailure, Mismatch, SlxError, Unconnected, Untrusted};

/// One connection on its way to a session.
pub(super) struct Step<'a> {
    pub host: &'a str,
    pub user: &'a str,
    pub deadline: Instant,
}

impl Step<'_> {
    /// What comes of a step, or `cause` if it takes too long.
    pub(super) async fn within<T>(
        &self,
        step: impl Future<Output = T>,
        cause: impl FnOnce() -> Unconnected,
    ) -> Result<T, SlxError> {
        let done = timeout_at(self.deadline, step).await;
        done.map_err(|_| self.unconnected(cause()))
    }

    pub(super) fn unconnected(&self, cause: Unconnected) -> SlxError {
        SlxError::Connect {
            host: self.host.to_owned(),
            cause: Box::new(cause),
            source: None,
        }
    }

    pub(super) fn failed(&self, cause: Unconnected, source: impl Into<russh::Error>) -> SlxError {
        SlxError::Connect {
            host: self.host.to_owned(),
            cause: Box::new(cause),
            source: Some(Box::new(source.into())),
        }
    }

    /// The TCP connection failed.
    pub(super) fn tcp(&self, error: std::io::Error) -> SlxError {
        let cause = match error.kind() {
            ErrorKind::ConnectionRefused => Unconnected::Refused,
            ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable => Unconnected::Unreachable,
            ErrorKind::TimedOut => Unconnected::TcpTimeout,
            _ => Unconnected::Tcp,
        };
        self.failed(cause, error)
    }

    /// The SSH handshake failed.
    pub(super) fn handshake(&self, error: russh::Error, greeting: &Greeting) -> SlxError {
        if let russh::Error::NoCommonAlgo { kind, ours, theirs } = &error {
            let mismatch = Mismatch::new(kind, ours, theirs);
            return self.unconnected(Unconnected::NoCommonAlgorithm(mismatch));
        }
        match greeting.greeter() {
            Greeter::Ssh => self.failed(Unconnected::Handshake, error),
            Greeter::Nobody => self.failed(Unconnected::NotAnSshServer(String::new()), error),
            Greeter::Other(said) => self.unconnected(Unconnected::OtherProtocol(said)),
            Greeter::Unknown(said) => self.unconnected(Unconnected::NotAnSshServer(said)),
        }
    }

    pub(super) fn untrusted(&self, cause: Untrusted) -> SlxError {
        SlxError::HostKey {
            host: self.host.to_owned(),
            cause: Box::new(cause),
        }
    }

    pub(super) fn login(&self, cause: LoginFailure) -> SlxError {
        SlxError::Login {
            host: self.host.to_owned(),
            user: self.user.to_owned(),
            cause,
        }
    }
}

/// Why a handshake took too long.
pub(super) fn slow_handshake(greeting: &Greeting) -> Unconnected {
    match greeting.greeter() {
        Greeter::Nobody => Unconnected::Silent,
        Greeter::Ssh => Unconnected::HandshakeTimeout,
        Greeter::Other(said) => Unconnected::OtherProtocol(said),
        Greeter::Unknown(said) => Unconnected::NotAnSshServer(said),
    }
}
