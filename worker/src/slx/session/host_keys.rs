//! Who the switch must be: its host key against a `known_hosts` file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use russh::client;
use russh::keys::known_hosts::known_host_keys_path;
use russh::keys::{PublicKey, PublicKeyOrCertificate};

use crate::slx::HostKeys;

/// Checks the key of one host.
#[derive(Clone)]
pub(super) struct HostKeyCheck {
    address: String,
    port: u16,
    keys: HostKeys,
}

/// Why a handshake failed.
#[derive(Debug)]
pub(super) enum Failure {
    Ssh(russh::Error),
    /// What is wrong with the key and what to do, in words.
    HostKey(String),
}

impl From<russh::Error> for Failure {
    fn from(error: russh::Error) -> Self {
        Failure::Ssh(error)
    }
}

impl client::Handler for HostKeyCheck {
    type Error = Failure;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Failure> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else {
            return Err(Failure::HostKey(
                "it is a certificate, not a key".to_owned(),
            ));
        };
        let key = key.clone();
        let checked = self.with_file(move |check| check.check(&key)).await;
        checked.map_err(Failure::HostKey)?;
        Ok(true)
    }
}

impl HostKeyCheck {
    pub(super) fn new(address: String, port: u16, keys: HostKeys) -> Self {
        Self {
            address,
            port,
            keys,
        }
    }

    /// The keys that the file has for this host.
    pub(super) async fn known(&self) -> Result<Vec<PublicKey>, String> {
        self.with_file(Self::read).await
    }

    /// Files are read and locked where that may block.
    async fn with_file<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let check = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&check)).await;
        done.unwrap_or_else(|error| Err(format!("it could not be checked: {error}")))
    }

    fn path(&self) -> &Path {
        match &self.keys {
            HostKeys::KnownHosts(path) | HostKeys::AcceptNew(path) => path,
        }
    }

    fn read(&self) -> Result<Vec<PublicKey>, String> {
        match (File::open(self.path()), &self.keys) {
            (Ok(_), _) => {}
            (Err(error), HostKeys::AcceptNew(_)) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Vec::new());
            }
            (Err(error), _) => return Err(self.unreadable(&error)),
        }
        let keys = known_host_keys_path(&self.address, self.port, self.path());
        let keys = keys.map_err(|error| self.unreadable(&error))?;
        Ok(keys.into_iter().map(|(_, key)| key).collect())
    }

    fn check(&self, key: &PublicKey) -> Result<(), String> {
        match &self.keys {
            HostKeys::KnownHosts(_) => self.compare(key)?.then_some(()).ok_or_else(|| {
                let path = self.path().display();
                format!(
                    "{} has no key of this host; if {} is right, add it",
                    path,
                    fingerprint(key)
                )
            }),
            HostKeys::AcceptNew(_) => self.learn(key),
        }
    }

    /// Whether the file has this key. A host that has only other keys is refused in either mode,
    /// or else a key of another kind would be a way around the known one.
    fn compare(&self, key: &PublicKey) -> Result<bool, String> {
        let known = self.read()?;
        if known.is_empty() {
            return Ok(false);
        }
        if known.iter().any(|known| known.key_data() == key.key_data()) {
            return Ok(true);
        }
        Err(format!(
            "it changed: {} has another key than {}; find out why, and remove the old key only \
             if the switch was replaced",
            self.path().display(),
            fingerprint(key)
        ))
    }

    /// Compares, and adds the key of a host that is new. The file is locked, so that of two
    /// workers that meet a host for the first time the second sees what the first has learnt.
    fn learn(&self, key: &PublicKey) -> Result<(), String> {
        if let Some(folder) = self.path().parent() {
            std::fs::create_dir_all(folder).map_err(|error| self.unreadable(&error))?;
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(self.path());
        let mut file = file.map_err(|error| self.unreadable(&error))?;
        file.lock().map_err(|error| self.unreadable(&error))?;
        if self.compare(key)? {
            return Ok(());
        }
        let key = key.to_openssh().map_err(|error| self.unreadable(&error))?;
        let host = match self.port {
            22 => self.address.clone(),
            port => format!("[{}]:{port}", self.address),
        };
        let added = append(&mut file, &format!("{host} {key}\n"));
        added.map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &dyn std::fmt::Display) -> String {
        format!("{} can't be used: {error}", self.path().display())
    }
}

/// Adds a line at the end, on a line of its own.
fn append(file: &mut File, line: &str) -> io::Result<()> {
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(-1)).is_ok() {
        file.read_exact(&mut last)?;
    }
    let separator = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(format!("{separator}{line}").as_bytes())?;
    file.sync_data()
}

fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(russh::keys::HashAlg::Sha256).to_string()
}

#[cfg(test)]
mod tests;
