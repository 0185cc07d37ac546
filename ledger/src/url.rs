//! `DATABASE_URL`, and what it means when Postgres can't be reached by it.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use endpoint::{Cause, Rules, ServerUrl, Service, UrlError};
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgSslMode};

use crate::error::LedgerError;

const POSTGRES: Service = Service {
    name: "Postgres",
    variable: "DATABASE_URL",
    ca_parameter: "sslrootcert",
    without_tls: "sslmode=disable",
    with_tls: "sslmode=require or sslmode=verify-full",
};

const RULES: Rules = Rules {
    schemes: &["postgres", "postgresql"],
    form: "postgres://<user>:<password>@<host>:<port>/<database>",
    parameters: &[
        "sslmode",
        "sslrootcert",
        "sslcert",
        "sslkey",
        "host",
        "port",
        "dbname",
        "user",
        "password",
        "options",
        "statement-cache-capacity",
    ],
    // Postgres' own variables may name it, and a socket of this host is found without.
    host_needed: false,
};

/// The library takes `allow` too, and means `disable` by it.
const SSL_MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

/// Where Postgres is, and how to log in. Has no `Debug`: it holds the password.
pub(crate) struct Address {
    pub(crate) options: PgConnectOptions,
    names_user: bool,
}

/// Checks the URL, and the files that it names, without connecting.
///
/// # Errors
/// [`LedgerError::Invalid`].
pub fn check_url(url: &str) -> Result<(), LedgerError> {
    Address::parse(url).map(drop)
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, LedgerError> {
        let read = ServerUrl::parse(url, &RULES).map_err(invalid)?;
        check_values(&read).map_err(invalid)?;
        let options = PgConnectOptions::from_str(url.trim())
            // The error might quote the URL.
            .map_err(|_| invalid(format!("it can't be read; write {}", RULES.form)))?;
        // An IPv6 address comes with its brackets, which no resolver takes.
        let options = match read.host() {
            Some(host) if host.contains(':') => options.host(host),
            _ => options,
        };
        Ok(Self {
            options,
            names_user: read.names_user(),
        })
    }

    /// Host and port, or the socket.
    pub(crate) fn name(&self) -> String {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        match self.socket() {
            Some(folder) => format!("{folder}/.s.PGSQL.{port}"),
            None if host.contains(':') => format!("[{host}]:{port}"),
            None => format!("{host}:{port}"),
        }
    }

    /// The error for an answer that did not come.
    pub(crate) fn silent(&self, after: Duration) -> LedgerError {
        self.unreachable(&Cause::Silent(after))
    }

    /// The error for a connection that did not come about.
    pub(crate) async fn failed(&self, error: sqlx::Error) -> LedgerError {
        let cause = match &error {
            sqlx::Error::Database(refusal) => {
                let refusal = refusal.downcast_ref::<PgDatabaseError>();
                return self.refused(refusal.code(), refusal.message());
            }
            sqlx::Error::Protocol(what) if what.contains("authentication") => {
                Cause::Other(what.clone())
            }
            sqlx::Error::Protocol(_) => Cause::OtherProtocol,
            sqlx::Error::Tls(problem) if problem.to_string().contains("not support TLS") => {
                Cause::NoTls
            }
            sqlx::Error::Tls(problem) => Cause::of(&**problem),
            sqlx::Error::Configuration(problem) => Cause::Other(problem.to_string()),
            other => Cause::of(other),
        };
        let cause = match (cause, self.socket()) {
            // The variables of Postgres' own may name files too.
            (Cause::NoSocket, None) => {
                Cause::Other("a file of its settings does not exist".to_owned())
            }
            (cause, Some(_)) => cause,
            (cause, None) => {
                let port = self.options.get_port();
                cause.looked_up(self.options.get_host(), port).await
            }
        };
        self.unreachable(&cause)
    }

    fn socket(&self) -> Option<String> {
        let host = self.options.get_host();
        let socket = self.options.get_socket();
        let socket = socket.map(|folder| folder.display().to_string());
        socket.or_else(|| host.starts_with('/').then(|| host.to_owned()))
    }

    fn unreachable(&self, cause: &Cause) -> LedgerError {
        // A connection that is cut while it is made shows as a broken protocol, too.
        let passes = !matches!(
            cause,
            Cause::NoTls
                | Cause::UnknownIssuer
                | Cause::OtherName(_)
                | Cause::NotValidNow
                | Cause::Denied
        );
        self.error(cause.text(&POSTGRES), passes)
    }

    /// The server answered, and does not let us in.
    fn refused(&self, code: &str, message: &str) -> LedgerError {
        let login = match self.names_user {
            true => "correct user and password in DATABASE_URL",
            false => "DATABASE_URL names no user; write <user>:<password>@ before the host",
        };
        let database = match self.options.get_database() {
            Some(name) => format!("{name:?}"),
            None => "named like the user, since DATABASE_URL names none".to_owned(),
        };
        let (problem, passes) = match code {
            "28000" if message.contains("pg_hba.conf") => {
                let tls = match self.options.get_ssl_mode() {
                    PgSslMode::Disable => "without TLS; remove sslmode=disable",
                    _ => "in this way; correct user and database in DATABASE_URL",
                };
                let problem = format!(
                    "does not admit this user to this database from this address {tls}, or add a \
                     line to the server's pg_hba.conf"
                );
                (problem, false)
            }
            "28P01" | "28000" => (format!("refused the login: {login}"), false),
            "3D000" => {
                let problem = format!(
                    "has no database {database}; create it, or correct the name behind the port \
                     in DATABASE_URL"
                );
                (problem, false)
            }
            "42501" => {
                let problem = format!(
                    "does not let the user of DATABASE_URL connect to the database {database}; \
                     grant CONNECT"
                );
                (problem, false)
            }
            "53300" => {
                let problem =
                    "has no connection left to give; end other programs' connections, or \
                               raise max_connections"
                        .to_owned();
                (problem, true)
            }
            "57P03" => {
                let problem = format!("is not ready ({message}); wait until it is");
                (problem, true)
            }
            // The text may quote a setting's value.
            code if code.starts_with("22") || code.starts_with("42") => {
                let problem = format!(
                    "refused a setting (SQLSTATE {code}); correct `options` in DATABASE_URL"
                );
                (problem, false)
            }
            code => {
                let problem = format!(
                    "refused the connection: {message} (SQLSTATE {code}); look into its log"
                );
                (
                    problem,
                    ["08", "53", "57"]
                        .iter()
                        .any(|class| code.starts_with(class)),
                )
            }
        };
        self.error(problem, passes)
    }

    fn error(&self, problem: String, passes: bool) -> LedgerError {
        LedgerError::Unreachable {
            address: self.name(),
            problem,
            passes,
        }
    }
}

fn invalid(problem: impl std::fmt::Display) -> LedgerError {
    LedgerError::Invalid(format!("DATABASE_URL can't be used: {problem}"))
}

/// What sqlx would ignore, or find out about only when it connects.
fn check_values(url: &ServerUrl) -> Result<(), UrlError> {
    let wrong = |name, expected: String| Err(UrlError::Value { name, expected });
    let mode = url.parameter("sslmode");
    if mode.is_some_and(|mode| !SSL_MODES.contains(&mode)) {
        return wrong(
            "sslmode",
            format!("must be one of {}", SSL_MODES.join(", ")),
        );
    }
    if let Some(path) = url.parameter("sslrootcert") {
        if !matches!(mode, Some("verify-ca" | "verify-full")) {
            let expected = "has an effect with sslmode=verify-full or verify-ca only; add that, \
                            or remove it";
            return wrong("sslrootcert", expected.to_owned());
        }
        if let Err(error) = endpoint::certificates(Path::new(path)) {
            return wrong(
                "sslrootcert",
                format!(
                    "names no file of CA certificates: {error}; name a PEM file with the CA of \
                     Postgres' certificate"
                ),
            );
        }
    }
    let client = [("sslcert", "sslkey"), ("sslkey", "sslcert")];
    for (name, other) in client {
        let Some(path) = url.parameter(name) else {
            continue;
        };
        if url.parameter(other).is_none() {
            return wrong(name, format!("needs {other}; add that, or remove it"));
        }
        if let Err(error) = std::fs::read(path) {
            return wrong(
                name,
                format!("names a file that can't be read: {path}: {error}; correct the path"),
            );
        }
    }
    for name in ["port", "statement-cache-capacity"] {
        let value = url.parameter(name);
        if value.is_some_and(|value| value.parse::<u16>().is_err()) {
            return wrong(name, "must be a number".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn refused(url: &str) -> String {
        check_url(url).unwrap_err().to_string()
    }

    #[test]
    fn when_a_parameter_is_not_supported_then_it_is_refused_by_name() {
        for name in [
            "target_session_attrs",
            "application_name",
            "connect_timeout",
            "hostaddr",
            "pasword",
            "ssl-mode",
            "options[statement_timeout]",
        ] {
            let said = refused(&format!("postgres://u:p@host/db?{name}=s3cret"));
            assert!(said.contains(name) && said.contains("sslmode"), "{said}");
            assert!(!said.contains("s3cret"), "{said}");
        }
    }

    #[test]
    fn when_a_value_would_be_ignored_or_fail_later_then_it_is_refused() {
        for (parameters, said) in [
            ("sslmode=s3cret", "sslmode must be one of disable"),
            ("sslmode=allow", "sslmode must be one of disable"),
            ("sslrootcert=/a.pem", "add that"),
            ("sslmode=require&sslrootcert=/a.pem", "add that"),
            ("sslmode=verify-full&sslrootcert=/none/a.pem", "/none/a.pem"),
            ("sslcert=/none/a.pem", "needs sslkey"),
            ("sslcert=/none/a.pem&sslkey=/none/a.key", "/none/a.pem"),
            ("port=s3cret", "port must be a number"),
        ] {
            let why = refused(&format!("postgres://host/db?{parameters}"));
            assert!(why.contains(said), "{parameters}: {why}");
            assert!(!why.contains("s3cret") && !why.contains('\n'), "{why}");
        }
    }

    #[test]
    fn addresses_are_named_whatever_their_form() {
        let name = |url| Address::parse(url).ok().unwrap().name();
        assert_eq!(name("postgres://u:p@db.example:6432/x"), "db.example:6432");
        assert_eq!(name("postgres://u:p@[::1]:5433/x"), "[::1]:5433");
        let socket = "/run/pg/.s.PGSQL.5433";
        assert_eq!(name("postgres:///x?host=/run/pg&port=5433"), socket);
        assert_eq!(name("postgres://u@%2Frun%2Fpg:5433/x"), socket);
    }

    #[test]
    fn a_refusal_is_told_without_names_and_values() {
        let address = Address::parse("postgres://alice:s3cret@h/db").ok().unwrap();
        for (code, message, said, passes) in [
            ("28P01", "for user \"alice\"", "user and password", false),
            ("28000", "role \"alice\" …", "refused the login", false),
            ("28000", "no pg_hba.conf entry …", "pg_hba.conf", false),
            ("3D000", "…", "has no database \"db\"", false),
            ("42501", "…", "grant CONNECT", false),
            ("53300", "…", "max_connections", true),
            ("57P03", "the database is starting up", "starting up", true),
            ("22023", "invalid value: \"s3cret\"", "`options`", false),
        ] {
            let error = address.refused(code, message);
            let text = error.to_string();
            assert!(text.contains(said) && text.contains("h:5432"), "{text}");
            assert!(
                !text.contains("alice") && !text.contains("s3cret"),
                "{text}"
            );
            assert_eq!(error.is_transient(), passes, "{text}");
        }
    }
}
