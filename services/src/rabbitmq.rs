use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::environment::AMQP_URL;
use crate::process::{Server, run};
use crate::tls::Certificates;
use crate::{ServicesError, ports};

/// The scripts that run as any user; those on the path insist on user `rabbitmq`.
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";
/// Long enough for a machine that has other things to do.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The log of quorum queues is 512 MB by default, in memory too: 64 MB cuts the broker's peak from
/// 1 GiB to a quarter at the same speed.
const CONFIGURATION: &str = "loopback_users = none\ndisk_free_limit.absolute = 200MB\n\
                             raft.wal_max_size_bytes = 64000000\n";

/// A private RabbitMQ server: user `guest`, on 127.0.0.1 only.
pub struct RabbitMq {
    home: PathBuf,
    ports: Ports,
    tls: bool,
    /// The broker and, after it, the port mapper it needs: ended in this order.
    broker: Option<Server>,
    mapper: Option<Server>,
}

#[derive(Clone, Copy)]
struct Ports {
    amqp: u16,
    /// Listened on with TLS only.
    amqps: u16,
    distribution: u16,
    mapper: u16,
}

impl RabbitMq {
    /// Starts a new broker with its data in a new folder `rabbitmq` under `dir`.
    ///
    /// # Errors
    /// When the programs are missing, or the server can't be set up or started.
    pub async fn start(dir: &Path) -> Result<Self, ServicesError> {
        Self::set_up(dir, None).await
    }

    /// As [`RabbitMq::start`], with TLS on one port and without it on another.
    ///
    /// # Errors
    /// As [`RabbitMq::start`].
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
        if !is_installed() {
            return Err(ServicesError::NotInstalled {
                program: "RabbitMQ server in /usr/lib/rabbitmq/bin",
                package: "rabbitmq-server",
                variable: AMQP_URL,
            });
        }
        let home = dir.join("rabbitmq");
        write_settings(&home)?;
        if let Some(certificates) = certificates {
            certificates.write(&home, None)?;
        }
        let mut rabbitmq = Self {
            home,
            tls: certificates.is_some(),
            ports: Ports::free()?,
            broker: None,
            mapper: None,
        };
        for _ in 1..ports::ATTEMPTS {
            match rabbitmq.launch().await {
                Err(ServicesError::Failed { .. }) => rabbitmq.ports = Ports::free()?,
                result => return result.map(|()| rabbitmq),
            }
        }
        rabbitmq.launch().await?;
        Ok(rabbitmq)
    }

    /// As `AMQP_URL` has it.
    #[must_use]
    pub fn url(&self) -> String {
        match self.tls {
            true => format!("amqps://guest:guest@127.0.0.1:{}/%2f", self.ports.amqps),
            false => self.plain_url(),
        }
    }

    /// The same without TLS.
    #[must_use]
    pub fn plain_url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.ports.amqp)
    }

    /// Runs `rabbitmqctl` on this broker and gives back what it prints.
    ///
    /// # Errors
    /// When the command fails or takes over five minutes.
    pub async fn ctl(&self, arguments: &[&str]) -> Result<String, ServicesError> {
        let mut command = self.command("rabbitmqctl");
        command.arg("--quiet").args(arguments);
        run(command, TIMEOUT).await
    }

    /// Ends the broker at once, as a power cut would; what it had on disk stays.
    ///
    /// # Errors
    /// When it doesn't end.
    pub async fn kill(&mut self) -> Result<(), ServicesError> {
        if let Some(broker) = self.broker.take() {
            broker.kill().await?;
        }
        self.end_mapper().await
    }

    /// Stops the broker in order if it runs, and starts it again on the same port with its data.
    ///
    /// # Errors
    /// When it doesn't end or doesn't start.
    pub async fn restart(&mut self) -> Result<(), ServicesError> {
        self.halt().await?;
        self.launch().await
    }

    /// Kills the broker and starts it again on the same port with nothing in it: no queues, no
    /// messages.
    ///
    /// # Errors
    /// When it doesn't end or doesn't start.
    pub async fn wipe(&mut self) -> Result<(), ServicesError> {
        self.kill().await?;
        let data = self.data();
        std::fs::remove_dir_all(&data).map_err(ServicesError::file("remove", data))?;
        self.launch().await
    }

    /// Stops the broker for good. Its folder is the caller's to remove.
    ///
    /// # Errors
    /// When it doesn't end.
    pub async fn stop(mut self) -> Result<(), ServicesError> {
        self.halt().await
    }

    async fn halt(&mut self) -> Result<(), ServicesError> {
        if let Some(broker) = self.broker.take() {
            broker.end(Signal::TERM).await?;
        }
        self.end_mapper().await
    }

    async fn end_mapper(&mut self) -> Result<(), ServicesError> {
        match self.mapper.take() {
            Some(mapper) => mapper.kill().await,
            None => Ok(()),
        }
    }

    async fn launch(&mut self) -> Result<(), ServicesError> {
        let data = self.data();
        std::fs::create_dir_all(&data).map_err(ServicesError::file("create", data))?;
        let log = self.home.join("out");
        self.write_configuration()?;

        // The node would start a port mapper as a daemon that outlives it; it finds ours instead.
        let mut command = Command::new("epmd");
        command.args(["-address", "127.0.0.1"]);
        command.args(["-port", &self.ports.mapper.to_string()]);
        let mut mapper = Server::spawn("epmd", command, &log, Signal::KILL)?;
        let port = self.ports.mapper;
        mapper
            .until_ready(TIMEOUT, async || {
                TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                    .await
                    .is_ok()
            })
            .await?;

        let command = self.command("rabbitmq-server");
        let mut broker = Server::spawn("RabbitMQ", command, &log, Signal::KILL)?;
        let port = self.ports.amqp;
        broker
            .until_ready(TIMEOUT, async || speaks_amqp(port).await)
            .await?;
        if self.tls {
            // It is the next port that the broker opens.
            let port = self.ports.amqps;
            broker
                .until_ready(TIMEOUT, async || {
                    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                        .await
                        .is_ok()
                })
                .await?;
        }
        self.broker = Some(broker);
        self.mapper = Some(mapper);
        Ok(())
    }

    /// The ports are known only now, and may be others at the next attempt.
    fn write_configuration(&self) -> Result<(), ServicesError> {
        let (home, amqps) = (self.home.display(), self.ports.amqps);
        let tls = match self.tls {
            true => format!(
                "listeners.ssl.default = 127.0.0.1:{amqps}\nssl_options.verify = verify_none\n\
                 ssl_options.certfile = {home}/server.pem\nssl_options.keyfile = {home}/server.key\n"
            ),
            false => String::new(),
        };
        let path = self.home.join("rabbitmq.conf");
        std::fs::write(&path, format!("{CONFIGURATION}{tls}"))
            .map_err(ServicesError::file("write", path))
    }

    fn data(&self) -> PathBuf {
        self.home.join("mnesia")
    }

    /// A script of RabbitMQ with all that keeps it apart from any other node on this machine.
    fn command(&self, script: &str) -> Command {
        let home = &self.home;
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        let mut command = Command::new(Path::new(PROGRAMS).join(script));
        command
            .current_dir(home)
            .env_clear()
            .env("PATH", path)
            .env("LC_ALL", "C.UTF-8")
            // The cookie's folder.
            .env("HOME", home)
            .env("RABBITMQ_NODENAME", "rabbit@localhost")
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.ports.amqp.to_string())
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string())
            .env("ERL_EPMD_PORT", self.ports.mapper.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_MNESIA_BASE", self.data())
            .env("RABBITMQ_LOG_BASE", home.join("log"))
            .env("RABBITMQ_CONFIG_FILE", home.join("rabbitmq.conf"))
            .env(
                "RABBITMQ_ENABLED_PLUGINS_FILE",
                home.join("enabled_plugins"),
            )
            .env("RABBITMQ_PID_FILE", home.join("pid"))
            // Files that don't exist: the machine's own settings are not ours.
            .env("RABBITMQ_CONF_ENV_FILE", home.join("none.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", home.join("none.config"))
            // The script then becomes the node instead of waiting for it as a parent.
            .env("detached", "1");
        command
    }
}

impl Ports {
    fn free() -> Result<Self, ServicesError> {
        let [amqp, amqps, distribution, mapper] = ports::free()?;
        Ok(Self {
            amqp,
            amqps,
            distribution,
            mapper,
        })
    }
}

fn write_settings(home: &Path) -> Result<(), ServicesError> {
    let write = |name: &str, text: &[u8]| {
        let path = home.join(name);
        std::fs::write(&path, text).map_err(ServicesError::file("write", path))
    };
    std::fs::create_dir(home).map_err(ServicesError::file("create", home))?;
    write("enabled_plugins", b"[].")?;
    write_cookie(&home.join(".erlang.cookie"))
}

/// The nodes' shared secret: whoever knows it can run code in the broker.
fn write_cookie(path: &Path) -> Result<(), ServicesError> {
    let mut random = [0; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| std::io::Read::read_exact(&mut source, &mut random))
        .map_err(ServicesError::file("read", "/dev/urandom"))?;
    let cookie: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o400)
        .open(path)
        .and_then(|mut file| file.write_all(cookie.as_bytes()))
        .map_err(ServicesError::file("write", path))
}

/// A connection alone proves nothing: the port answers it before the broker does.
async fn speaks_amqp(port: u16) -> bool {
    let hello = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
        stream.read_u8().await
    };
    let answer = tokio::time::timeout(Duration::from_secs(5), hello).await;
    matches!(answer, Ok(Ok(1)))
}

pub(crate) fn is_installed() -> bool {
    Path::new(PROGRAMS).join("rabbitmq-server").exists()
}
