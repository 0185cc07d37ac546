//! The files that workers and clients of the simulator need.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{Simulator, SimulatorError};

/// Where [`Simulator::write_files`] put what workers need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The inventory, JSON.
    pub inventory: PathBuf,
    /// One file for each secret, readable by the owner only.
    pub secrets_dir: PathBuf,
    /// The CA's certificate, PEM.
    pub ca: PathBuf,
    /// OpenSSH `known_hosts`.
    pub known_hosts: PathBuf,
}

impl Simulator {
    /// Writes inventory, secrets, CA and known hosts into a folder, which is created if need be.
    pub fn write_files(&self, dir: &Path) -> Result<Files, SimulatorError> {
        let files = Files {
            inventory: dir.join("inventory.json"),
            secrets_dir: dir.join("secrets"),
            ca: dir.join("ca.pem"),
            known_hosts: dir.join("known_hosts"),
        };
        self.write_secrets(&files.secrets_dir)?;
        write(&files.inventory, &self.inventory_text())?;
        write(&files.ca, &self.ca_pem())?;
        write(&files.known_hosts, &self.known_hosts())?;
        Ok(files)
    }

    /// The inventory as the text of a file.
    pub fn inventory_text(&self) -> String {
        format!("{:#}\n", self.inventory())
    }

    /// Writes one file for each secret, mode 0600, into a folder, which is created if need be.
    pub fn write_secrets(&self, dir: &Path) -> Result<(), SimulatorError> {
        let failed = |path: &Path, source| SimulatorError::Write {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(dir).map_err(|source| failed(dir, source))?;
        for (name, secret) in self.secrets() {
            let path = dir.join(name);
            private(&path, &secret).map_err(|source| failed(&path, source))?;
        }
        Ok(())
    }
}

/// Writes a file that others may read.
fn write(path: &Path, text: &str) -> Result<(), SimulatorError> {
    fs::write(path, text).map_err(|source| SimulatorError::Write {
        path: path.to_owned(),
        source,
    })
}

fn private(path: &Path, text: &str) -> io::Result<()> {
    // Anew each time: a file that exists would keep its mode.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}
