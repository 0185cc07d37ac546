//! `AMQP_URL`, read once for each connection, so that a CA that was replaced is found.

use std::path::Path;
use std::time::Duration;

use endpoint::{Cause, Rules, ServerUrl, Service, UrlError};
use lapin::ErrorKind;
use lapin::uri::{AMQPScheme, AMQPUri};

use crate::error::BrokerError;

/// RabbitMQ, as its errors name it.
pub(crate) const RABBITMQ: Service = Service {
    name: "RabbitMQ",
    variable: "AMQP_URL",
    ca_parameter: CA_FILE,
    without_tls: "amqp:// in AMQP_URL",
    with_tls: "amqps:// in AMQP_URL",
};

/// RabbitMQ's own name for it, in its documentation of URIs.
const CA_FILE: &str = "cacertfile";

const RULES: Rules = Rules {
    schemes: &["amqp", "amqps"],
    form: "amqps://<user>:<password>@<host>:<port>/<vhost>",
    parameters: &[CA_FILE],
    host_needed: true,
};

/// Where the broker is, and how to log in. Has no `Debug`: it holds the password.
pub(crate) struct Address {
    pub(crate) uri: AMQPUri,
    /// CA certificates in PEM format, beside the system's.
    pub(crate) authorities: Option<String>,
    names_user: bool,
}

/// Checks the URL, and the file that it names, without connecting.
///
/// # Errors
/// [`BrokerError::InvalidUrl`].
pub fn check_url(url: &str) -> Result<(), BrokerError> {
    Address::parse(url, Duration::MAX).map(drop)
}

impl Address {
    pub(crate) fn parse(url: &str, heartbeat: Duration) -> Result<Self, BrokerError> {
        let invalid = |problem: String| BrokerError::InvalidUrl { problem };
        let read = ServerUrl::parse(url, &RULES).map_err(|error| invalid(error.to_string()))?;
        let mut uri: AMQPUri = url.trim().parse().map_err(|_| {
            let form = RULES.form;
            invalid(format!("it can't be read; write {form}"))
        })?;
        // The parser takes an IPv6 address for no host at all, and would connect to localhost.
        uri.authority.host = read.host().unwrap_or_default().to_owned();
        // Whole seconds, and never off: a dead connection is to be noticed.
        let seconds = u16::try_from(heartbeat.as_secs()).unwrap_or(u16::MAX);
        uri.query.heartbeat = Some(seconds.max(1));
        let authorities = authorities(&read, &uri).map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            uri,
            authorities,
            names_user: read.names_user(),
        })
    }

    /// Host and port.
    pub(crate) fn name(&self) -> String {
        let (host, port) = (&self.uri.authority.host, self.uri.authority.port);
        match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        }
    }

    /// The error for a login that was refused.
    pub(crate) fn login_refused(&self) -> BrokerError {
        BrokerError::LoginRefused {
            address: self.name(),
            advice: match self.names_user {
                true => "correct user and password in AMQP_URL",
                false => {
                    "AMQP_URL names no user, and RabbitMQ's own guest may not connect from \
                     another host; write <user>:<password>@ before the host"
                }
            },
        }
    }

    /// The error for a connection that did not come about.
    pub(crate) async fn unreachable(&self, error: &lapin::Error) -> BrokerError {
        let cause = match error.kind() {
            ErrorKind::ParsingError(_)
            | ErrorKind::InvalidProtocolVersion(_)
            | ErrorKind::SerialisationError(_) => Cause::OtherProtocol,
            ErrorKind::IOError(error) => Cause::of(&**error),
            _ => Cause::of(error),
        };
        let authority = &self.uri.authority;
        let cause = cause.looked_up(&authority.host, authority.port).await;
        BrokerError::Unreachable {
            address: self.name(),
            problem: cause.text(&RABBITMQ),
        }
    }
}

fn authorities(read: &ServerUrl, uri: &AMQPUri) -> Result<Option<String>, UrlError> {
    let wrong = |expected: String| UrlError::Value {
        name: CA_FILE,
        expected,
    };
    let Some(path) = read.parameter(CA_FILE) else {
        return Ok(None);
    };
    if uri.scheme == AMQPScheme::AMQP {
        let expected = "has no effect without TLS; write amqps://, or remove it";
        return Err(wrong(expected.to_owned()));
    }
    match endpoint::certificates(Path::new(path)) {
        Ok(pem) => Ok(Some(pem)),
        Err(error) => Err(wrong(format!(
            "names no file of CA certificates: {error}; name a PEM file with the CA of RabbitMQ's \
             certificate"
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parse(url: &str) -> Address {
        Address::parse(url, Duration::from_secs(7)).ok().unwrap()
    }

    fn refused(url: &str) -> String {
        check_url(url).unwrap_err().to_string()
    }

    #[test]
    fn hosts_are_read_whatever_their_form() {
        let name = |url| parse(url).name();
        assert_eq!(name("amqp://rabbit.example:5673"), "rabbit.example:5673");
        assert_eq!(name("amqp://u:p@192.0.2.1/%2f"), "192.0.2.1:5672");
        assert_eq!(
            name("amqp://u:p@[2001:db8::1]:5672/%2f"),
            "[2001:db8::1]:5672"
        );
        assert_eq!(name("amqps://[::1]"), "[::1]:5671");
        assert_eq!(parse("amqps://[::1]").uri.authority.host, "::1");
    }

    #[test]
    fn what_is_percent_encoded_is_decoded() {
        let uri = parse("amqp://a%40b:c%2fd@host/e%2ff").uri;
        assert_eq!(uri.authority.userinfo.username, "a@b");
        assert_eq!(uri.authority.userinfo.password, "c/d");
        assert_eq!(uri.vhost, "e/f");
        assert_eq!(parse("amqp://host").uri.vhost, "/");
    }

    #[test]
    fn the_heartbeat_is_ours_and_never_off() {
        let heartbeat = |heartbeat| {
            let address = Address::parse("amqp://host", heartbeat).ok().unwrap();
            address.uri.query.heartbeat
        };
        assert_eq!(heartbeat(Duration::from_secs(7)), Some(7));
        assert_eq!(heartbeat(Duration::ZERO), Some(1));
        assert_eq!(heartbeat(Duration::MAX), Some(u16::MAX));
    }

    #[test]
    fn when_a_parameter_is_not_supported_then_it_is_refused_by_name() {
        for name in [
            "heartbeat",
            "frame_max",
            "channel_max",
            "connection_timeout",
            "auth_mechanism",
            "verify",
            "server_name_indication",
        ] {
            let said = refused(&format!("amqps://u:p@host/%2f?{name}=s3cret"));
            assert!(said.contains(name) && said.contains("cacertfile"), "{said}");
            assert!(!said.contains("s3cret"), "{said}");
        }
    }

    #[test]
    fn when_the_ca_file_can_not_be_used_then_it_is_named() {
        let said = refused("amqps://host?cacertfile=/nonexistent/ca.pem");
        assert!(
            said.contains("cacertfile") && said.contains("/nonexistent/ca.pem"),
            "{said}"
        );
        let said = refused("amqp://host?cacertfile=/nonexistent/ca.pem");
        assert!(said.contains("write amqps://"), "{said}");
    }
}
