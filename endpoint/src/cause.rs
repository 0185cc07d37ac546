//! Why no connection came about, in words that say what to do.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use rustls::CertificateError;
use tokio::time::timeout;

/// How long to ask the name server once more, for the sake of a better text.
const LOOKUP: Duration = Duration::from_secs(2);

/// What the texts name.
#[derive(Debug)]
pub struct Service {
    /// The server's product.
    pub name: &'static str,
    /// The variable that holds the URL.
    pub variable: &'static str,
    /// The URL's parameter for the file of CAs.
    pub ca_parameter: &'static str,
    /// How to do without TLS.
    pub without_tls: &'static str,
    /// How to ask for TLS.
    pub with_tls: &'static str,
}

/// Why no connection came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The host's name does not resolve.
    UnknownHost,
    /// Nothing listens on the port.
    Refused,
    /// There is no way to the host.
    NoRoute,
    /// There is no socket in the file system.
    NoSocket,
    /// The system does not allow it.
    Denied,
    /// The server closed the connection instead of answering.
    Closed,
    /// The server did not answer within this time.
    Silent(Duration),
    /// The server answers in plain text to TLS.
    NoTls,
    /// The server speaks something else.
    OtherProtocol,
    /// No CA that is trusted has signed the server's certificate.
    UnknownIssuer,
    /// The certificate is for other names; these, if they are known.
    OtherName(Vec<String>),
    /// The certificate's time is over, or has not begun.
    NotValidNow,
    /// The server's certificate, or its part of TLS, does not serve otherwise.
    Tls(String),
    /// Anything else, in the system's words.
    Other(String),
}

impl Cause {
    /// The cause that an error carries, however deep.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return of_tls(tls);
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return of_io(io);
        }
        match error.source() {
            Some(source) => Self::of(source),
            None => Cause::Other(error.to_string()),
        }
    }

    /// A name that does not resolve has no kind of error of its own: asks for it again where that
    /// may be the cause.
    pub async fn looked_up(self, host: &str, port: u16) -> Self {
        if !matches!(self, Cause::Other(_)) {
            return self;
        }
        let found = timeout(LOOKUP, tokio::net::lookup_host((host, port))).await;
        match found {
            Ok(Err(_)) => Cause::UnknownHost,
            _ => self,
        }
    }

    /// What happened and what to do, to stand behind the server's name and address.
    pub fn text(&self, service: &Service) -> String {
        let Service {
            name,
            variable,
            ca_parameter,
            without_tls,
            with_tls,
        } = service;
        match self {
            Cause::UnknownHost => format!(
                "was not found: the host's name does not resolve; correct it in {variable}, or \
                 check the name server"
            ),
            Cause::Refused => format!(
                "refused the connection: nothing listens there; start {name}, or correct host and \
                 port in {variable}"
            ),
            Cause::NoRoute => format!(
                "can't be reached: there is no route to the host; check the network, or correct \
                 the host in {variable}"
            ),
            Cause::NoSocket => format!(
                "was not found: there is no such socket; start {name} on this host, or name a \
                 host in {variable}"
            ),
            Cause::Denied => "can't be reached: the system does not allow it; check the socket's \
                              permissions, or the firewall"
                .to_owned(),
            Cause::Closed => format!(
                "closed the connection without an answer; check that the port in {variable} is \
                 that of {name}, whether it expects TLS ({with_tls}), and its log"
            ),
            Cause::Silent(after) => format!(
                "did not answer within {after:?}; check that it is {name} that listens there, that \
                 it is not stopped or overloaded, and that no firewall is in between"
            ),
            Cause::NoTls => format!(
                "does not offer TLS there; use {without_tls}, or name in {variable} the port on \
                 which it does"
            ),
            Cause::OtherProtocol => format!(
                "answers with something that is not the protocol of {name}; correct host and port \
                 in {variable}, or, if it expects TLS there, use {with_tls}"
            ),
            Cause::UnknownIssuer => format!(
                "has a certificate that no trusted CA has signed; name the file with its CA by \
                 {ca_parameter}=<file> in {variable}"
            ),
            Cause::OtherName(names) => {
                let names = match names.as_slice() {
                    [] => String::new(),
                    some => format!(" (it has {})", some.join(", ")),
                };
                format!(
                    "has a certificate for another name{names}; use a name of the certificate's as \
                     the host in {variable}"
                )
            }
            Cause::NotValidNow => "has a certificate that has expired or is not yet valid; renew \
                                   it, and check this machine's clock"
                .to_owned(),
            Cause::Tls(what) => {
                format!("can't be used over TLS ({what}); check the server's certificate and TLS")
            }
            Cause::Other(what) => format!(
                "can't be reached ({what}); check that {name} runs there, and host and port in \
                 {variable}"
            ),
        }
    }
}

fn of_io(error: &io::Error) -> Cause {
    // Not its source: that would be the source of what it carries.
    if let Some(carried) = error.get_ref() {
        match Cause::of(carried) {
            Cause::Other(_) => {}
            known => return known,
        }
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => Cause::Refused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Cause::NoRoute
        }
        ErrorKind::NotFound => Cause::NoSocket,
        ErrorKind::PermissionDenied => Cause::Denied,
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof
        | ErrorKind::NotConnected => Cause::Closed,
        _ => Cause::Other(error.to_string()),
    }
}

fn of_tls(error: &rustls::Error) -> Cause {
    match error {
        rustls::Error::InvalidMessage(_) => Cause::NoTls,
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Cause::UnknownIssuer
            }
            CertificateError::NotValidForName => Cause::OtherName(Vec::new()),
            CertificateError::NotValidForNameContext { presented, .. } => {
                Cause::OtherName(presented.clone())
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Cause::NotValidNow,
            other => Cause::Tls(other.to_string()),
        },
        other => Cause::Tls(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: Service = Service {
        name: "RabbitMQ",
        variable: "AMQP_URL",
        ca_parameter: "cacertfile",
        without_tls: "amqp://",
        with_tls: "amqps://",
    };

    #[test]
    fn when_an_error_carries_another_then_the_inner_one_counts() {
        let tls = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let carried = io::Error::new(ErrorKind::InvalidData, tls);
        let twice = io::Error::other(carried);
        assert_eq!(Cause::of(&twice), Cause::UnknownIssuer);
        let refused = io::Error::other(io::Error::from(ErrorKind::ConnectionRefused));
        assert_eq!(Cause::of(&refused), Cause::Refused);
        let unknown = io::Error::from(ErrorKind::OutOfMemory);
        assert_eq!(Cause::of(&unknown), Cause::Other("out of memory".into()));
    }

    #[test]
    fn each_text_is_one_line_that_says_what_to_do() {
        for cause in [
            Cause::UnknownHost,
            Cause::Refused,
            Cause::NoRoute,
            Cause::NoSocket,
            Cause::Denied,
            Cause::Closed,
            Cause::Silent(Duration::from_secs(5)),
            Cause::NoTls,
            Cause::OtherProtocol,
            Cause::UnknownIssuer,
            Cause::OtherName(Vec::new()),
            Cause::OtherName(vec!["a.example".into()]),
            Cause::NotValidNow,
            Cause::Tls("handshake failure".into()),
            Cause::Other("no memory".into()),
        ] {
            let text = cause.text(&SERVICE);
            assert!(text.contains("; ") && !text.contains('\n'), "{text}");
            assert!(!text.contains("  "), "{text}");
        }
    }

    #[tokio::test]
    async fn when_a_name_does_not_resolve_then_that_is_the_cause() {
        let other = || Cause::Other("failed to lookup".into());
        let found = other().looked_up("no-such-host.invalid", 5672).await;
        assert_eq!(found, Cause::UnknownHost);
        assert_eq!(other().looked_up("127.0.0.1", 5672).await, other());
    }
}
