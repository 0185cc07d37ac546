//! A simulator and what a worker needs to reach it.

#![allow(dead_code, clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use schemas::inventory::{Device, Inventory};
use secrecy::SecretString;
use simulator::{DeploymentHandle, Fleet, Settings, Simulator, SwitchHandle};
use worker::permit::Permit;
use worker::secrets::Secrets;
use worker::slx::{Dialect, HostKeys, SlxDevice, SlxError, SshSettings};

/// Longer than anything takes, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Leave to send a command.
pub fn leave() -> Permit {
    Permit::until((Instant::now() + PATIENCE).into())
}

/// Leave that has ended.
pub fn no_leave() -> Permit {
    Permit::until((Instant::now() - Duration::from_millis(1)).into())
}

static DIALECT: LazyLock<Arc<Dialect>> = LazyLock::new(|| Arc::new(Dialect::built_in()));

pub struct Lab {
    pub simulator: Simulator,
    pub inventory: Inventory,
    pub dir: tempfile::TempDir,
    pub secrets_dir: PathBuf,
    pub known_hosts: PathBuf,
    pub ca_file: PathBuf,
}

impl Lab {
    pub async fn start(fleet: Fleet) -> Lab {
        Lab::with(fleet, Settings::fast()).await
    }

    pub async fn with(fleet: Fleet, settings: Settings) -> Lab {
        let simulator = Simulator::start(fleet, settings).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let files = simulator.write_files(dir.path()).unwrap();
        Lab {
            inventory: serde_json::from_value(simulator.inventory()).unwrap(),
            secrets_dir: files.secrets_dir,
            known_hosts: files.known_hosts,
            ca_file: files.ca,
            dir,
            simulator,
        }
    }

    pub fn secrets(&self) -> Secrets {
        Secrets::new(Some(self.secrets_dir.clone()))
    }

    pub fn secret(&self, name: &str) -> SecretString {
        self.secrets().get(&name.parse().unwrap()).unwrap()
    }

    pub fn set_secret(&self, name: &str, value: &str) {
        std::fs::write(self.secrets_dir.join(name), value).unwrap();
    }

    /// The device of the first deployment: 0 is the active node's, 1 the standby's.
    pub fn device(&self, index: usize) -> Device {
        self.inventory.deployments[0].devices[index].clone()
    }

    pub fn switch(&self, index: usize) -> SwitchHandle {
        self.simulator
            .switch(self.device(index).ip_address)
            .unwrap()
    }

    pub fn deployment(&self) -> DeploymentHandle {
        self.simulator.deployments()[0].clone()
    }

    pub fn ssh(&self) -> SshSettings {
        SshSettings {
            connect_timeout: PATIENCE,
            command_timeout: PATIENCE,
            host_keys: HostKeys::KnownHosts(self.known_hosts.clone()),
            weak_algorithms: Vec::new(),
            max_output: 64 * 1024,
        }
    }

    pub async fn connect(&self, index: usize) -> SlxDevice {
        self.try_connect(&self.device(index), &self.ssh())
            .await
            .unwrap()
    }

    pub async fn try_connect(
        &self,
        device: &Device,
        settings: &SshSettings,
    ) -> Result<SlxDevice, SlxError> {
        SlxDevice::connect(device, &self.secrets(), settings, Arc::clone(&DIALECT)).await
    }

    /// Fails if a text shows one of the secrets.
    pub fn assert_no_secret(&self, text: &str) {
        for (name, secret) in self.simulator.secrets() {
            assert!(!text.contains(&secret), "{name} shows in: {text}");
        }
    }
}

/// Asks again until the answer is the wanted one.
pub async fn eventually<T: std::fmt::Debug>(
    what: &str,
    mut ask: impl AsyncFnMut() -> T,
    wanted: impl Fn(&T) -> bool,
) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = ask().await;
        if wanted(&answer) {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: still {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
