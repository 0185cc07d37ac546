//! Who the switch must be: its host key against a `known_hosts` file.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use russh::keys::{HashAlg, PublicKey, PublicKeyOrCertificate};

use super::known_hosts::{self, Known, Names};
use crate::slx::algorithms::kind;
use crate::slx::{HostKeys, ShownKey, Untrusted};

/// How many skipped lines are remembered, so that each is told once and not with each session.
const MAX_TOLD: usize = 10_000;

/// Checks the key of one host.
#[derive(Clone)]
pub(super) struct HostKeyCheck {
    names: Names,
    keys: HostKeys,
}

impl HostKeyCheck {
    pub(super) fn new(host: &str, port: u16, keys: HostKeys) -> Self {
        let names = Names::new(host, port);
        Self { names, keys }
    }

    /// The keys that the file has for this host.
    pub(super) async fn known(&self) -> Result<Vec<PublicKey>, Untrusted> {
        let known = self.with_file(|check| {
            let known = check.read()?;
            check.understood(&known).map(|()| known)
        });
        let known = known.await?;
        let keys = known.keys.into_iter().chain(known.any_port);
        Ok(keys.map(|(_, key)| key).collect())
    }

    /// Whether the key that the switch shows is trusted.
    pub(super) async fn shown(&self, key: &PublicKeyOrCertificate) -> Result<(), Untrusted> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else {
            return Err(Untrusted::Certificate);
        };
        let key = key.clone();
        self.with_file(move |check| check.check(&key)).await
    }

    /// Files are read and locked where that may block.
    async fn with_file<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Untrusted> + Send + 'static,
    ) -> Result<T, Untrusted> {
        let check = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&check)).await;
        done.unwrap_or_else(|error| Err(self.unusable(&error)))
    }

    fn path(&self) -> &Path {
        match &self.keys {
            HostKeys::KnownHosts(path) | HostKeys::AcceptNew(path) => path,
        }
    }

    fn read(&self) -> Result<Known, Untrusted> {
        let content = match (std::fs::read(self.path()), &self.keys) {
            (Ok(content), _) => content,
            (Err(error), HostKeys::AcceptNew(_)) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Known::default());
            }
            (Err(error), _) => return Err(self.unusable(&error)),
        };
        let known = known_hosts::read(&content, &self.names);
        for (line, why) in &known.skipped {
            if is_news(self.path(), *line, why) {
                let file = self.path().display();
                tracing::warn!(%file, line, "a line of the known hosts is skipped: {why}");
            }
        }
        Ok(known)
    }

    fn check(&self, key: &PublicKey) -> Result<(), Untrusted> {
        if let HostKeys::AcceptNew(_) = &self.keys {
            return self.learn(key);
        }
        let known = self.compare(key)?;
        known.then_some(()).ok_or_else(|| Untrusted::Unknown {
            path: self.path().to_owned(),
            shown: shown(key),
        })
    }

    /// A host of which a line says something that is not understood is refused, whatever its other
    /// lines say.
    fn understood(&self, known: &Known) -> Result<(), Untrusted> {
        match known.markers.first() {
            Some((line, marker)) => Err(Untrusted::Marker {
                path: self.path().to_owned(),
                line: *line,
                marker: marker.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Whether the file has this key. A host that has only other keys is refused in either mode,
    /// or else a key of another type would be a way around the known one.
    fn compare(&self, key: &PublicKey) -> Result<bool, Untrusted> {
        let known = self.read()?;
        self.understood(&known)?;
        let path = || self.path().to_owned();
        let same = |(_, known): &&(usize, PublicKey)| known.key_data() == key.key_data();
        if let Some((line, _)) = known.revoked.iter().find(same) {
            return Err(Untrusted::Revoked {
                path: path(),
                line: *line,
                shown: shown(key),
            });
        }
        if known.keys.iter().any(|known| same(&known)) {
            return Ok(true);
        }
        let lines = |same_type: bool| {
            let chosen = known.keys.iter().filter(move |(_, known)| {
                (kind(&known.algorithm()) == kind(&key.algorithm())) == same_type
            });
            chosen.map(|(line, _)| *line).collect::<Vec<_>>()
        };
        let (changed, others) = (lines(true), lines(false));
        if !changed.is_empty() {
            return Err(Untrusted::Changed {
                path: path(),
                lines: changed,
                shown: shown(key),
            });
        }
        if known.any_port.iter().any(|known| same(&known)) {
            return Ok(true);
        }
        if !others.is_empty() {
            return Err(Untrusted::OtherType {
                path: path(),
                lines: others,
                shown: shown(key),
            });
        }
        Ok(false)
    }

    /// Compares, and adds the key of a host that is new. The file is locked, so that of two
    /// workers that meet a host for the first time the second sees what the first has learnt.
    fn learn(&self, key: &PublicKey) -> Result<(), Untrusted> {
        if let Some(folder) = self.path().parent() {
            std::fs::create_dir_all(folder).map_err(|error| self.unusable(&error))?;
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(self.path());
        let mut file = file.map_err(|error| self.unusable(&error))?;
        file.lock().map_err(|error| self.unusable(&error))?;
        if self.compare(key)? {
            return Ok(());
        }
        let text = key.to_openssh().map_err(|error| self.unusable(&error))?;
        let added = append(&mut file, &format!("{} {text}\n", self.names.own()));
        added.map_err(|error| self.unusable(&error))
    }

    fn unusable(&self, error: &dyn std::fmt::Display) -> Untrusted {
        Untrusted::File {
            path: self.path().to_owned(),
            what: error.to_string(),
        }
    }
}

/// Whether this was not told before.
fn is_news(path: &Path, line: usize, why: &'static str) -> bool {
    type Told = HashSet<(PathBuf, usize, &'static str)>;
    static TOLD: Mutex<Option<Told>> = Mutex::new(None);
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let told = told.get_or_insert_default();
    told.len() < MAX_TOLD && told.insert((path.to_owned(), line, why))
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

fn shown(key: &PublicKey) -> ShownKey {
    ShownKey {
        kind: kind(&key.algorithm()).to_string(),
        fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
    }
}

#[cfg(test)]
mod tests;
