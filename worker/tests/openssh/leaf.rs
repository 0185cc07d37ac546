//! An OpenSSH server that acts as a switch, and what a worker needs to reach it.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use schemas::inventory::Device;
use services::Sshd;
use worker::secrets::Secrets;
use worker::slx::{Dialect, HostKeys, SlxDevice, SlxError, SshSettings, WeakAlgorithm};

/// Longer than anything takes, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// No account has it.
pub const WRONG_PASSWORD: &str = "wr0ng-password";

static DIALECT: LazyLock<Arc<Dialect>> = LazyLock::new(|| Arc::new(Dialect::built_in()));

pub struct Leaf {
    pub sshd: Sshd,
    pub dir: tempfile::TempDir,
    pub known_hosts: PathBuf,
}

impl Leaf {
    /// A switch whose command line uses readline.
    pub async fn start(settings: &[&str]) -> Leaf {
        Leaf::with_shell("readline", settings).await
    }

    /// `style` is what `switch.sh` makes of it.
    pub async fn with_shell(style: &str, settings: &[&str]) -> Leaf {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("switch.sh");
        std::fs::write(&script, include_str!("switch.sh")).unwrap();
        let lines = dir.path().join("lines");
        std::fs::write(&lines, "").unwrap();
        let shell = format!("/bin/bash {} {style} {}", script.display(), lines.display());
        let sshd = Sshd::start(dir.path(), &shell, settings).await.unwrap();
        let known_hosts = dir.path().join("known_hosts");
        std::fs::write(&known_hosts, sshd.known_hosts().unwrap()).unwrap();
        std::fs::write(dir.path().join("key"), sshd.private_key().unwrap()).unwrap();
        std::fs::write(dir.path().join("password"), WRONG_PASSWORD).unwrap();
        Leaf {
            sshd,
            dir,
            known_hosts,
        }
    }

    /// Named with a key, a password or both.
    pub fn device(&self, secrets: &[&str]) -> Device {
        let mut device = serde_json::json!({
            "ip_address": "127.0.0.1",
            "ssh_port": self.sshd.port(),
            "name": "leaf-1",
            "user": self.sshd.user(),
        });
        for secret in secrets {
            let field = match *secret {
                "key" => "private_key_secret",
                _ => "password_secret",
            };
            device[field] = (*secret).into();
        }
        serde_json::from_value(device).unwrap()
    }

    pub fn settings(&self) -> SshSettings {
        SshSettings {
            connect_timeout: PATIENCE,
            command_timeout: PATIENCE,
            host_keys: HostKeys::KnownHosts(self.known_hosts.clone()),
            weak_algorithms: Vec::new(),
            max_output: 1 << 20,
        }
    }

    pub fn weak(&self, weak: &[WeakAlgorithm]) -> SshSettings {
        SshSettings {
            weak_algorithms: weak.to_vec(),
            ..self.settings()
        }
    }

    /// Logs in with the key.
    pub async fn connect(&self, settings: &SshSettings) -> Result<SlxDevice, SlxError> {
        self.connect_with(&["key"], settings).await
    }

    pub async fn connect_with(
        &self,
        secrets: &[&str],
        settings: &SshSettings,
    ) -> Result<SlxDevice, SlxError> {
        self.reach(&self.device(secrets), settings).await
    }

    pub async fn reach(
        &self,
        device: &Device,
        settings: &SshSettings,
    ) -> Result<SlxDevice, SlxError> {
        let secrets = Secrets::new(Some(self.dir.path().to_owned()));
        SlxDevice::connect(device, &secrets, settings, Arc::clone(&DIALECT)).await
    }

    /// The lines that the command line was given.
    pub fn lines(&self) -> Vec<String> {
        let lines = std::fs::read_to_string(self.dir.path().join("lines")).unwrap();
        lines.lines().map(ToOwned::to_owned).collect()
    }

    /// How many logins by this method the server refused.
    pub fn refused(&self, method: &str) -> usize {
        let log = self.sshd.log().unwrap();
        log.matches(&format!("Failed {method} for")).count()
    }
}

/// Cause, remedy, and whether the call is made again.
#[track_caller]
pub fn assert_says(error: &SlxError, cause: &str, remedy: &str, again: bool) {
    let text = error.to_string();
    assert!(text.contains(cause), "{text:?} lacks {cause:?}");
    let advice = error.remedy();
    assert!(
        advice.contains(remedy),
        "{advice:?} lacks {remedy:?} after {text:?}"
    );
    assert_eq!(error.is_transient(), again, "{text}");
    assert!(!format!("{text} {error:?} {advice}").contains(WRONG_PASSWORD));
}
