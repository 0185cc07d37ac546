//! Why the simulator could not start or write its files.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::faults::UnknownCall;
use crate::identity::IdentityError;

/// Why the simulator could not start or write its files.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// A listener could not be opened.
    #[error("can't listen on {address} for {what}; is the port taken, or `ulimit -n` too low?")]
    Listen {
        /// What was to listen.
        what: String,
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// More listeners than ports from the first one on.
    #[error("there are not enough ports for this fleet; choose a lower first port")]
    Ports,
    /// Two switches have one address.
    #[error("two switches have the address {0}; give each its own")]
    Twice(String),
    /// A fault in the fleet is of a command that doesn't exist.
    #[error("the fleet has a fault that can't happen")]
    Fault(#[from] UnknownCall),
    /// Keys or certificates could not be made.
    #[error("the simulator's identity could not be made")]
    Identity(#[from] IdentityError),
    /// A file could not be written.
    #[error("can't write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl SimulatorError {
    pub(super) fn listen(what: &str, address: SocketAddr, source: std::io::Error) -> Self {
        Self::Listen {
            what: what.to_owned(),
            address,
            source,
        }
    }
}
