//! A terminal on a simulated switch.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use russh::client::{self, AuthResult, Msg};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg};
use simulator::{Fleet, Settings, Simulator, SwitchHandle};

/// How long anything may take that should happen at once.
pub const BOUND: Duration = Duration::from_secs(20);

pub async fn start(fleet: Fleet) -> Simulator {
    Simulator::start(fleet, Settings::fast()).await.unwrap()
}

/// The second switch of the first deployment: a standby node.
pub fn standby(simulator: &Simulator) -> SwitchHandle {
    simulator.switch(IpAddr::from([127, 20, 0, 2])).unwrap()
}

pub fn secret(simulator: &Simulator, name: &str) -> String {
    let secrets = simulator.secrets();
    secrets
        .into_iter()
        .find(|(known, _)| *known == name)
        .unwrap()
        .1
}

/// The upgrade command for an image on the generated firmware host.
pub fn upgrade_command(simulator: &Simulator, file: &str) -> String {
    let password = secret(simulator, "firmware-password");
    format!(
        "tpvm upgrade protocol scp host 10.31.2.50 user fw password {password} \
         directory /images filename {file}"
    )
}

pub const NEW_IMAGE: &str = "tpvm_x86_64-4.2.5-0.amd64.deb";

/// Waits until `met` holds.
pub async fn eventually(what: &str, met: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !met().await {
        assert!(started.elapsed() < BOUND, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Accepts the host key that `known_hosts` names, no other.
struct KnownHost {
    entry: String,
    known_hosts: String,
}

impl client::Handler for KnownHost {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else {
            return Ok(false);
        };
        let line = format!("{} {}", self.entry, key.to_openssh().unwrap());
        Ok(self.known_hosts.lines().any(|known| known == line))
    }
}

async fn connect(simulator: &Simulator, switch: &SwitchHandle) -> client::Handle<KnownHost> {
    let address = switch.ssh_address();
    let handler = KnownHost {
        entry: format!("[{}]:{}", address.ip(), address.port()),
        known_hosts: simulator.known_hosts(),
    };
    let config = Arc::new(client::Config::default());
    tokio::time::timeout(BOUND, client::connect(config, address, handler))
        .await
        .unwrap()
        .unwrap()
}

/// Tries a password; whether it was accepted.
pub async fn password_login(simulator: &Simulator, switch: &SwitchHandle, password: &str) -> bool {
    let mut session = connect(simulator, switch).await;
    let result = session.authenticate_password("admin", password).await;
    matches!(result.unwrap(), AuthResult::Success)
}

/// Tries the right password and waits for the connection to be cut.
pub async fn login_is_cut(simulator: &Simulator, switch: &SwitchHandle) {
    let mut session = connect(simulator, switch).await;
    let password = secret(simulator, "slx-password");
    let result = session.authenticate_password("admin", password).await;
    assert!(!matches!(result, Ok(AuthResult::Success)));
    eventually("the connection is cut", async || session.is_closed()).await;
}

/// Tries a key; whether it was accepted.
pub async fn key_login(simulator: &Simulator, switch: &SwitchHandle, key: PrivateKey) -> bool {
    let mut session = connect(simulator, switch).await;
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
    let result = session.authenticate_publickey("admin", key).await.unwrap();
    matches!(result, AuthResult::Success)
}

/// An interactive session.
pub struct Cli {
    _session: client::Handle<KnownHost>,
    channel: Channel<Msg>,
    seen: String,
}

impl Cli {
    /// Logs in, opens a shell and waits for the first prompt.
    pub async fn login(simulator: &Simulator, switch: &SwitchHandle) -> Self {
        let mut session = connect(simulator, switch).await;
        let password = secret(simulator, "slx-password");
        let result = session.authenticate_password("admin", password).await;
        assert!(matches!(result.unwrap(), AuthResult::Success));
        let channel = session.channel_open_session().await.unwrap();
        channel
            .request_pty(true, "vt100", 80, 24, 0, 0, &[])
            .await
            .unwrap();
        channel.request_shell(true).await.unwrap();
        let mut cli = Self {
            _session: session,
            channel,
            seen: String::new(),
        };
        cli.until("# ").await;
        cli
    }

    pub async fn send(&mut self, text: &str) {
        self.channel.data(text.as_bytes()).await.unwrap();
    }

    /// Everything up to and with this ending.
    pub async fn until(&mut self, ending: &str) -> String {
        let reading = async {
            while !self.seen.ends_with(ending) {
                if !self.receive().await {
                    panic!("the session ended before {ending:?}; seen: {:?}", self.seen);
                }
            }
        };
        if tokio::time::timeout(BOUND, reading).await.is_err() {
            panic!("no {ending:?} in {:?}", self.seen);
        }
        std::mem::take(&mut self.seen)
    }

    /// Everything until the session ends by itself.
    pub async fn rest(&mut self) -> String {
        let reading = async { while self.receive().await {} };
        if tokio::time::timeout(BOUND, reading).await.is_err() {
            panic!("the session didn't end; seen: {:?}", self.seen);
        }
        std::mem::take(&mut self.seen)
    }

    /// Sends a line; what stands between its echo and the next prompt.
    pub async fn run(&mut self, line: &str) -> String {
        self.send(&format!("{line}\n")).await;
        let seen = self.until("# ").await;
        let (echo, answer) = seen.split_once("\r\n").unwrap();
        assert_eq!(echo, line, "the echo");
        let (answer, _prompt) = answer.rsplit_once("\r\n").unwrap_or_default();
        answer.to_owned()
    }

    /// Sends a line that asks for confirmation and confirms it.
    pub async fn confirm(&mut self, line: &str) -> String {
        self.send(&format!("{line}\n")).await;
        self.until("[y/n]:").await;
        self.run("y").await
    }

    async fn receive(&mut self) -> bool {
        match self.channel.wait().await {
            Some(ChannelMsg::Data { data }) => {
                self.seen.push_str(&String::from_utf8_lossy(&data));
                true
            }
            Some(ChannelMsg::Eof | ChannelMsg::Close) | None => false,
            Some(_) => true,
        }
    }
}
