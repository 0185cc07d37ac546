//! One switch, from outside.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::counters::{CallRecord, Counts};
use crate::faults::{Fault, UnknownCall};
use crate::switch::Switch;
use crate::switch::config::TpvmConfig;
use crate::switch::health::Health;
use crate::switch::tpvm::Guest;

/// A switch as it is at one moment. Two are equal exactly when the device looks the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SwitchState {
    /// Its management address.
    pub address: Ipv4Addr,
    /// Its name.
    pub name: String,
    /// Its SLX-OS version.
    pub firmware: String,
    /// The version of the installed TPVM; none: not installed.
    pub tpvm_version: Option<String>,
    /// The TPVM's address; none: not installed.
    pub tpvm_ip: Option<Ipv4Addr>,
    /// The TPVM runs.
    pub running: bool,
    /// EFA is installed in the TPVM.
    pub efa_installed: bool,
    /// What the device says of the operation under way.
    pub operation: Option<String>,
    /// The version in the snapshot.
    pub snapshot: Option<String>,
    /// Tagged lines of the status.
    pub tags: Vec<String>,
    /// The version of the image in `/tftpboot/SWBD2900`.
    pub image: Option<String>,
    /// The items of the `tpvm TPVM` block; none: no such block.
    pub running_config: Option<Vec<String>>,
}

/// What to change of a switch, behind everyone's back. Absent: as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SwitchChange {
    /// The SLX-OS version.
    pub firmware: Option<String>,
    /// The version of the image in `/tftpboot/SWBD2900`; empty: none.
    pub image: Option<String>,
    /// The version of the installed TPVM; empty: not installed. Installing makes it run.
    pub tpvm_version: Option<String>,
    /// The TPVM's address.
    pub tpvm_ip: Option<Ipv4Addr>,
    /// EFA is installed in the TPVM.
    pub efa_installed: Option<bool>,
    /// The TPVM runs.
    pub running: Option<bool>,
    /// Clears all tagged lines of the status.
    pub clear_tags: bool,
    /// What the device is at ends, without an effect.
    pub end_operation: bool,
    /// Removes the `tpvm TPVM` block, before `config` is applied.
    pub clear_config: bool,
    /// Items of the `tpvm TPVM` block, as typed.
    pub config: Vec<String>,
    /// A tagged line for the status: the tag and the text after it.
    pub tag: Option<(String, String)>,
}

/// A switch, from outside.
#[derive(Clone, Debug)]
pub struct SwitchHandle(pub(crate) Arc<Switch>);

impl SwitchHandle {
    /// Where SSH listens.
    pub fn ssh_address(&self) -> SocketAddr {
        self.0.ssh
    }

    /// The switch as it is now.
    pub fn state(&self) -> SwitchState {
        let tpvm = self.0.tpvm();
        let guest = tpvm.guest.as_ref();
        SwitchState {
            address: self.0.spec.address,
            name: self.0.spec.name.clone(),
            firmware: tpvm.firmware.clone(),
            tpvm_version: guest.map(|guest| guest.version.clone()),
            tpvm_ip: guest.map(|guest| guest.ip),
            running: guest.is_some_and(|guest| guest.running),
            efa_installed: guest.is_some_and(|guest| guest.efa),
            operation: tpvm
                .operation
                .as_ref()
                .map(|operation| operation.status(self.0.world.settings.upgrade)),
            snapshot: tpvm
                .snapshot
                .as_ref()
                .map(|snapshot| snapshot.guest.version.clone()),
            tags: tpvm
                .tags
                .iter()
                .map(|(tag, text)| format!("[{tag}] {text}"))
                .collect(),
            image: tpvm.image.clone(),
            running_config: tpvm.config.as_ref().map(TpvmConfig::items),
        }
    }

    /// Changes the switch.
    ///
    /// # Errors
    /// An item of `config` that the device would not take; nothing is changed then.
    pub fn set(&self, change: SwitchChange) -> Result<(), InvalidChange> {
        let mut tpvm = self.0.tpvm();
        let mut config = if change.clear_config {
            None
        } else {
            tpvm.config.clone()
        };
        for line in &change.config {
            apply(config.get_or_insert_default(), line)?;
        }
        tpvm.config = config;
        if let Some(firmware) = change.firmware {
            tpvm.firmware = firmware;
        }
        if let Some(image) = change.image {
            tpvm.image = (!image.is_empty()).then_some(image);
        }
        if let Some(version) = change.tpvm_version {
            if version.is_empty() {
                tpvm.guest = None;
                tpvm.health = Health::down();
            } else if let Some(guest) = &mut tpvm.guest {
                guest.version = version;
            } else {
                let ip = tpvm.configured_ip();
                tpvm.guest = Some(Guest {
                    version,
                    ip,
                    running: true,
                    efa: true,
                });
                tpvm.health = Health::up(Instant::now());
            }
        }
        if let (Some(ip), Some(guest)) = (change.tpvm_ip, &mut tpvm.guest) {
            guest.ip = ip;
        }
        if change.end_operation {
            tpvm.operation = None;
        }
        if let (Some(efa), Some(guest)) = (change.efa_installed, &mut tpvm.guest) {
            guest.efa = efa;
        }
        match change.running {
            Some(true) => tpvm.start(Instant::now(), &self.0.world.settings),
            Some(false) => tpvm.stop(&self.0.world.settings),
            None => {}
        }
        if change.clear_tags {
            tpvm.tags.clear();
        }
        tpvm.tags.extend(change.tag);
        Ok(())
    }

    /// Adds a fault.
    ///
    /// # Errors
    /// The fault is of a command that doesn't exist.
    pub fn fault(&self, fault: Fault) -> Result<(), UnknownCall> {
        self.0.faults.add(fault)
    }

    /// The faults that are still to come.
    pub fn faults(&self) -> Vec<Fault> {
        self.0.faults.all()
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.0.faults.clear();
    }

    /// How often the command changed something, by its name in [`CALLS`](crate::CALLS).
    pub fn effects(&self, name: &str) -> u64 {
        self.counts().effects.get(name).copied().unwrap_or(0)
    }

    /// How often the command arrived.
    pub fn received(&self, name: &str) -> u64 {
        self.counts().received.get(name).copied().unwrap_or(0)
    }

    /// Both of each command.
    pub fn counts(&self) -> Counts {
        self.0.counters.counts()
    }

    /// The last two thousand commands, passwords masked.
    pub fn commands(&self) -> Vec<CallRecord> {
        self.0.counters.calls()
    }
}

/// A change that the device would not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a configuration item: {line:?}")]
pub struct InvalidChange {
    line: String,
}

fn apply(config: &mut TpvmConfig, line: &str) -> Result<(), InvalidChange> {
    let words = crate::switch::words(line);
    if words.len() == 1 && words[0] == "deploy" {
        config.deploy = true;
        return Ok(());
    }
    config.set(&words).map_err(|_| InvalidChange {
        line: line.to_owned(),
    })
}
