//! One SLX switch: its state, its books, its faults.

mod commands;
pub mod config;
pub(crate) mod health;
pub(crate) mod login;
mod output;
mod perform;
pub(crate) mod profile;
pub(crate) mod server;
mod shell;
mod terminal;
pub(crate) mod tpvm;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use self::tpvm::Tpvm;
use crate::counters::Counters;
use crate::faults::{Faults, UnknownCall};
use crate::fleet::{Credentials, FirmwareHost, SwitchSpec};
use crate::settings::Settings;

/// What the whole fleet shares.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) credentials: Credentials,
    pub(crate) firmware_hosts: Vec<FirmwareHost>,
}

/// Which node of a deployment is active. Switches and the EFA API both read and set it.
pub(crate) type ActiveNode = Arc<std::sync::atomic::AtomicUsize>;

/// One switch.
#[derive(Debug)]
pub(crate) struct Switch {
    pub(crate) spec: SwitchSpec,
    /// Where its SSH server listens.
    pub(crate) ssh: SocketAddr,
    /// Its index among the nodes of its deployment.
    pub(crate) node: usize,
    pub(crate) active: ActiveNode,
    pub(crate) world: Arc<World>,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    tpvm: Mutex<Tpvm>,
}

impl Switch {
    pub(crate) fn new(
        spec: SwitchSpec,
        ssh: SocketAddr,
        node: usize,
        active: ActiveNode,
        world: Arc<World>,
    ) -> Result<Self, UnknownCall> {
        Ok(Self {
            faults: Faults::new(&spec.faults)?,
            counters: Counters::default(),
            tpvm: Mutex::new(Tpvm::new(&spec)),
            spec,
            ssh,
            node,
            active,
            world,
        })
    }

    /// The state as of now: operations that should have ended have ended.
    pub(crate) fn tpvm(&self) -> MutexGuard<'_, Tpvm> {
        let mut tpvm = self.tpvm.lock().unwrap_or_else(PoisonError::into_inner);
        tpvm.advance(Instant::now(), &self.world.settings);
        tpvm
    }

    /// Makes this switch's node the active one.
    pub(crate) fn go_active(&self) {
        self.active
            .store(self.node, std::sync::atomic::Ordering::SeqCst);
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        self.spec.address
    }
}

/// The words of a command line; double quotes hold words together.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
