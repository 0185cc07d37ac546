use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a server could not be set up, reached or taken down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServicesError {
    /// The certificates of the servers can't be made.
    #[error("can't make certificates for the servers")]
    Certificates(#[from] rcgen::Error),
    /// A variable that names a server is unset.
    #[error(
        "{0} is not set: run `cargo xtask test`, or set {0} to the URL of a server that may be used for tests"
    )]
    NotSet(&'static str),
    /// A server's programs are not on this machine.
    #[error(
        "no {program} on this machine: install the Debian package {package}, or set {variable} to the URL of a running server"
    )]
    NotInstalled {
        /// What was looked for, and where.
        program: &'static str,
        /// The Debian package that has it.
        package: &'static str,
        /// The variable that makes it unnecessary.
        variable: &'static str,
    },
    /// OpenSSH's server is not on this machine.
    #[error(
        "no {0} on this machine: run `cargo xtask test`, or install the Debian package openssh-server"
    )]
    NoSshServer(&'static str),
    /// Something about a file or a folder.
    #[error("can't {what} {}", path.display())]
    File {
        /// What was tried, as a verb: "create".
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The system gave no free port.
    #[error("can't get a free port on 127.0.0.1")]
    Port(#[source] io::Error),
    /// A proxy was asked for before a URL that names no port.
    #[error("the URL names no port: write it as scheme://host:port/…")]
    NoPort,
    /// A program could not be started at all.
    #[error("can't run {program}")]
    Run {
        /// The program.
        program: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A program ended with an error.
    #[error("{program} failed ({status}): {output}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote.
        output: String,
    },
    /// A program or a server took too long.
    #[error("{program} was not done after {after:?}: {output}")]
    TimedOut {
        /// The program.
        program: String,
        /// How long it was waited for.
        after: Duration,
        /// The end of its log, if it has one.
        output: String,
    },
    /// A test's own database could not be made or dropped.
    #[cfg(feature = "database")]
    #[error(
        "can't {what} on the server in DATABASE_URL: check that it runs and that its user may create databases"
    )]
    Database {
        /// What was tried: "create the database test_…".
        what: String,
        /// Postgres' answer.
        #[source]
        source: sqlx::Error,
    },
}

impl ServicesError {
    pub(crate) fn file(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}
