use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, geteuid};

use crate::process::{Server, run};
use crate::{ServicesError, ports};

pub(crate) const PROGRAM: &str = "/usr/sbin/sshd";
/// OpenSSH started as root wants this folder, which its package makes when the system starts.
const PRIVILEGE_SEPARATION: &str = "/run/sshd";
const TIMEOUT: Duration = Duration::from_secs(60);
/// The host keys: the type and the size.
const HOST_KEYS: [(&str, &str); 3] = [("ed25519", "256"), ("ecdsa", "256"), ("rsa", "2048")];

/// A private OpenSSH server on 127.0.0.1. It runs as the current user, who is also the only one who
/// can log in, with a key: no account of the machine is touched, so every password is a wrong one.
pub struct Sshd {
    home: PathBuf,
    user: String,
    port: u16,
    server: Server,
}

impl Sshd {
    /// Starts it in a new folder `sshd` under `dir`. `shell` is run for whoever logs in, `settings`
    /// are lines of its configuration.
    ///
    /// # Errors
    /// When it is not installed, or can't be set up or started.
    pub async fn start(dir: &Path, shell: &str, settings: &[&str]) -> Result<Self, ServicesError> {
        if !Path::new(PROGRAM).exists() {
            return Err(ServicesError::NoSshServer(PROGRAM));
        }
        let home = dir.join("sshd");
        std::fs::create_dir(&home).map_err(ServicesError::file("create", &home))?;
        if geteuid().is_root() {
            let folder = Path::new(PRIVILEGE_SEPARATION);
            std::fs::create_dir_all(folder).map_err(ServicesError::file("create", folder))?;
            std::fs::set_permissions(folder, Permissions::from_mode(0o755))
                .map_err(ServicesError::file("protect", folder))?;
        }
        for (kind, bits) in HOST_KEYS {
            generate(kind, bits, &home.join(kind)).await?;
        }
        generate("ed25519", "256", &home.join("login")).await?;
        let mut who = Command::new("id");
        who.arg("-un");
        let user = run(who, TIMEOUT).await?.trim().to_owned();
        let mut attempt = 1;
        loop {
            let [port] = ports::free()?;
            match launch(&home, port, shell, settings).await {
                Err(ServicesError::Failed { .. }) if attempt < ports::ATTEMPTS => attempt += 1,
                started => {
                    let server = started?;
                    return Ok(Self {
                        home,
                        user,
                        port,
                        server,
                    });
                }
            }
        }
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Who may log in.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The private key with which the user logs in.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn private_key(&self) -> Result<String, ServicesError> {
        read(&self.home.join("login"))
    }

    /// What a `known_hosts` file has to say about this server.
    ///
    /// # Errors
    /// When the host keys can't be read.
    pub fn known_hosts(&self) -> Result<String, ServicesError> {
        let keys = HOST_KEYS.map(|(kind, _)| read(&self.home.join(format!("{kind}.pub"))));
        let mut lines = String::new();
        for key in keys {
            lines += &format!("[127.0.0.1]:{} {}", self.port, key?);
        }
        Ok(lines)
    }

    /// What it has logged so far.
    ///
    /// # Errors
    /// When the log can't be read.
    pub fn log(&self) -> Result<String, ServicesError> {
        read(&self.home.join("log"))
    }

    /// Stops it. Its folder is the caller's to remove.
    ///
    /// # Errors
    /// When it doesn't end.
    pub async fn stop(self) -> Result<(), ServicesError> {
        self.server.end(Signal::TERM).await
    }
}

async fn launch(
    home: &Path,
    port: u16,
    shell: &str,
    settings: &[&str],
) -> Result<Server, ServicesError> {
    // Of several lines with one keyword the first counts.
    let mut lines: Vec<String> = settings.iter().map(|line| (*line).to_owned()).collect();
    lines.extend([
        format!("Port {port}"),
        "ListenAddress 127.0.0.1".to_owned(),
        "PidFile none".to_owned(),
        "LogLevel VERBOSE".to_owned(),
        format!("AuthorizedKeysFile {}", home.join("login.pub").display()),
        // The folder may be below one that others may write to.
        "StrictModes no".to_owned(),
        "PermitRootLogin yes".to_owned(),
        "UsePAM no".to_owned(),
        "UseDNS no".to_owned(),
        format!("ForceCommand {shell}"),
    ]);
    for (kind, _) in HOST_KEYS {
        lines.push(format!("HostKey {}", home.join(kind).display()));
    }
    let config = home.join("config");
    std::fs::write(&config, lines.join("\n") + "\n")
        .map_err(ServicesError::file("write", &config))?;
    let log = home.join("log");
    let mut command = Command::new(PROGRAM);
    command.args(["-D", "-e", "-f"]).arg(&config);
    let mut server = Server::spawn("sshd", command, &log, Signal::KILL)?;
    let listens = format!("Server listening on 127.0.0.1 port {port}");
    let ready = async || read(&log).is_ok_and(|log| log.contains(&listens));
    server.until_ready(TIMEOUT, ready).await?;
    Ok(server)
}

async fn generate(kind: &str, bits: &str, file: &Path) -> Result<(), ServicesError> {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-N", "", "-C", "", "-t", kind, "-b", bits]);
    command.arg("-f").arg(file);
    run(command, TIMEOUT).await.map(|_| ())
}

fn read(file: &Path) -> Result<String, ServicesError> {
    std::fs::read_to_string(file).map_err(ServicesError::file("read", file))
}
