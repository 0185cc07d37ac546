use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, geteuid};

use crate::environment::DATABASE_URL;
use crate::process::{Server, run};
use crate::tls::Certificates;
use crate::{ServicesError, ports};

const TIMEOUT: Duration = Duration::from_secs(60);

/// A private Postgres server: user `postgres`, no password, on 127.0.0.1 only.
pub struct Postgres {
    programs: PathBuf,
    home: PathBuf,
    account: Option<Account>,
    port: u16,
    tls: Option<Tls>,
    server: Option<Server>,
}

/// The files of a server that speaks TLS.
struct Tls {
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Ends all sessions, then stops in order.
    Fast,
    /// As in a crash: the next start recovers from the log.
    Immediate,
}

/// Whom the server runs as when we are root, since Postgres refuses root.
#[derive(Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

impl Postgres {
    /// Makes a new cluster in a new folder `postgres` under `dir` and starts it. Every user must be
    /// able to pass `dir` and its parents, as in [`crate::scratch_dir`].
    ///
    /// # Errors
    /// When the programs are missing, or the server can't be set up or started.
    pub async fn start(dir: &Path) -> Result<Self, ServicesError> {
        Self::set_up(dir, None).await
    }

    /// As [`Postgres::start`], with TLS; its URL has clients check the certificate and its name.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub async fn start_with_tls(
        dir: &Path,
        certificates: &Certificates,
    ) -> Result<Self, ServicesError> {
        Self::set_up(dir, Some(certificates)).await
    }

    async fn set_up(
        dir: &Path,
        certificates: Option<&Certificates>,
    ) -> Result<Self, ServicesError> {
        let programs = programs().ok_or(ServicesError::NotInstalled {
            program: "Postgres server in /usr/lib/postgresql/*/bin",
            package: "postgresql",
            variable: DATABASE_URL,
        })?;
        let account = Account::find().await?;
        let home = dir.join("postgres");
        std::fs::create_dir(&home).map_err(ServicesError::file("create", &home))?;
        if let Some(Account { user, group }) = account {
            chown(&home, Some(user), Some(group))
                .map_err(ServicesError::file("hand over", &home))?;
        }
        std::fs::set_permissions(&home, PermissionsExt::from_mode(0o700))
            .map_err(ServicesError::file("protect", &home))?;
        let tls = match certificates {
            Some(certificates) => {
                let owner = account.map(|account| (account.user, account.group));
                let (certificate, key) = certificates.write(&home, owner)?;
                let ca = certificates.ca_file().to_owned();
                Some(Tls {
                    ca,
                    certificate,
                    key,
                })
            }
            None => None,
        };
        let [port] = ports::free()?;
        let mut postgres = Self {
            programs,
            home,
            account,
            port,
            tls,
            server: None,
        };
        postgres.create_cluster().await?;
        for _ in 1..ports::ATTEMPTS {
            match postgres.launch().await {
                Err(ServicesError::Failed { .. }) => [postgres.port] = ports::free()?,
                result => return result.map(|()| postgres),
            }
        }
        postgres.launch().await?;
        Ok(postgres)
    }

    /// As `DATABASE_URL` has it; the database is `postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
        match &self.tls {
            Some(Tls { ca, .. }) => {
                format!("{url}?sslmode=verify-full&sslrootcert={}", ca.display())
            }
            None => url,
        }
    }

    /// The folder of the server's client programs (`psql`).
    #[must_use]
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// Stops the server; its data stay.
    ///
    /// # Errors
    /// When it doesn't end.
    pub async fn halt(&mut self, how: Shutdown) -> Result<(), ServicesError> {
        let signal = match how {
            Shutdown::Fast => Signal::INT,
            Shutdown::Immediate => Signal::QUIT,
        };
        match self.server.take() {
            Some(server) => server.end(signal).await,
            None => Ok(()),
        }
    }

    /// Stops the server if it runs, and starts it again on the same port with the same data.
    ///
    /// # Errors
    /// When it doesn't end or doesn't start.
    pub async fn restart(&mut self, how: Shutdown) -> Result<(), ServicesError> {
        self.halt(how).await?;
        self.launch().await
    }

    /// Stops the server for good. Its folder is the caller's to remove.
    ///
    /// # Errors
    /// When it doesn't end.
    pub async fn stop(mut self) -> Result<(), ServicesError> {
        self.halt(Shutdown::Fast).await
    }

    async fn create_cluster(&self) -> Result<(), ServicesError> {
        let mut initdb = self.command("initdb");
        initdb
            .arg("-D")
            .arg(self.data())
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8"])
            .args(["--locale=C", "--no-sync"]);
        run(initdb, TIMEOUT).await?;
        Ok(())
    }

    async fn launch(&mut self) -> Result<(), ServicesError> {
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            // No socket file: its default folder is often not ours, and its path may be too long.
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "max_connections=300"]);
        if let Some(tls) = &self.tls {
            let setting = |name: &str, file: &Path| format!("{name}={}", file.display());
            command
                .args(["-c", "ssl=on"])
                .args(["-c", &setting("ssl_cert_file", &tls.certificate)])
                .args(["-c", &setting("ssl_key_file", &tls.key)]);
        }
        let log = self.home.join("log");
        let mut server = Server::spawn("Postgres", command, &log, Signal::QUIT)?;
        let pid = server.pid().to_string();
        let status = self.data().join("postmaster.pid");
        server
            .until_ready(TIMEOUT, async || is_ready(&status, &pid))
            .await?;
        self.server = Some(server);
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// A program of the server, run as the right user and without the caller's PG* settings.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        // The caller's folder may be closed to the other user.
        command.current_dir("/").env_clear().env("LC_ALL", "C");
        if let Some(account) = self.account {
            command.uid(account.user).gid(account.group);
        }
        command
    }
}

/// The server writes this file: its process id first, its state in line 8.
fn is_ready(status: &Path, pid: &str) -> bool {
    let status = std::fs::read_to_string(status).unwrap_or_default();
    let mut lines = status.lines();
    lines.next() == Some(pid) && lines.nth(6).is_some_and(|line| line.trim() == "ready")
}

impl Account {
    /// The package's own user when we are root; otherwise nobody but us.
    async fn find() -> Result<Option<Self>, ServicesError> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let user = id("-u").await?;
        let group = id("-g").await?;
        Ok(user.zip(group).map(|(user, group)| Self { user, group }))
    }
}

async fn id(which: &str) -> Result<Option<u32>, ServicesError> {
    let mut command = Command::new("id");
    command.args([which, "postgres"]);
    Ok(run(command, TIMEOUT).await?.trim().parse().ok())
}

/// The programs of the newest version installed the way Debian does it.
pub(crate) fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs
                .join("postgres")
                .exists()
                .then_some((version, programs))
        })
        .max()
        .map(|(_, programs)| programs)
}
