//! SLX-OS switches over SSH: what a switch prints and accepts stands in one replaceable dialect
//! file; the session, the parsing and the commands stand here.

mod algorithms;
mod config;
mod device;
mod dialect;
mod error;
mod exchange;
mod output;
mod redact;
mod session;
mod switch;
mod terminal;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemas::inventory::FirmwareHost;
use schemas::values::ImagePath;
use secrecy::SecretString;

pub use algorithms::{Mismatch, WeakAlgorithm};
pub use config::changes;
pub use device::SlxDevice;
pub use dialect::{Dialect, DialectError, target_version};
pub use error::{LastLine, LoginFailure, ShownKey, SlxError, Spent, Unconnected, Untrusted};
pub(crate) use redact::Redactor;
pub use switch::Switch;

pub use crate::effect::Effect;

/// How switches are reached.
#[derive(Clone, Debug)]
pub struct SshSettings {
    /// The longest that TCP, handshake, login and the first prompt may take together.
    pub connect_timeout: Duration,
    /// The longest that one command may take.
    pub command_timeout: Duration,
    /// How a switch proves who it is.
    pub host_keys: HostKeys,
    /// What is offered although it is weak.
    pub weak_algorithms: Vec<WeakAlgorithm>,
    /// The longest accepted output of one command, in bytes.
    pub max_output: usize,
}

/// Which host keys are trusted. The files are read as OpenSSH reads its `known_hosts`, with two
/// differences, both on the safe side: a host with a line whose marker is not understood
/// (`@cert-authority` is one) is refused, and no key is learnt of a host that has keys of other
/// types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKeys {
    /// Only those in the file.
    KnownHosts(PathBuf),
    /// Those in the file; a host that is not in it is added with the key that it shows. A host
    /// that is in it must show the same key. Several workers may share the file.
    AcceptNew(PathBuf),
}

/// Where a switch fetches a TPVM image from.
#[derive(Clone, Copy, Debug)]
pub struct ImageSource<'a> {
    /// The registered firmware host.
    pub firmware_host: &'a FirmwareHost,
    /// The password of its login.
    pub password: &'a SecretString,
    /// The image on it.
    pub image: &'a ImagePath,
}

/// The addresses of a TPVM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Those of the management interface (eth0).
    pub management: Vec<IpAddr>,
    /// Those of the other interfaces.
    pub others: Vec<IpAddr>,
}

impl Addresses {
    /// Whether it has this address, on whatever interface.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.management.contains(&address) || self.others.contains(&address)
    }

    /// The address under which it is managed: the first that others can reach.
    pub fn first(&self) -> Option<IpAddr> {
        let mut reachable = self.management.iter().filter(|ip| is_reachable(**ip));
        reachable.next().copied()
    }

    /// The address that it has instead of this one: of the same family and on the management
    /// interface. One of another family, or that others can't reach, says nothing: the expected one may
    /// still come. Nor does the beginning of the expected one: the answer may have been cut short.
    pub fn instead_of(&self, expected: IpAddr) -> Option<IpAddr> {
        if self.contains(expected) {
            return None;
        }
        let whole = expected.to_string();
        let other = |ip: &&IpAddr| {
            ip.is_ipv4() == expected.is_ipv4()
                && is_reachable(**ip)
                && !whole.starts_with(&ip.to_string())
        };
        self.management.iter().find(other).copied()
    }
}

/// Whether others can reach it: an interface shows 0.0.0.0, or an address of its link, while it waits
/// for its own.
fn is_reachable(ip: IpAddr) -> bool {
    let on_the_link = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !on_the_link && !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast()
}

/// What `show tpvm status` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpvmStatus {
    /// What the TPVM does.
    pub phase: Phase,
    /// Errors and warnings of earlier operations. They stay until someone clears them.
    pub tags: Vec<Tag>,
}

/// What a TPVM does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// There is none.
    NotInstalled,
    /// It is installed and does not run.
    Stopped,
    /// It runs.
    Running,
    /// The switch is at work on it; what it does, in its own words (`upgrade: downloading`).
    Working(String),
}

/// An error or a warning that an operation left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its name, unique while it stays.
    pub name: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it says.
    pub text: String,
}

/// How bad a tag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// An operation failed.
    Error,
    /// Something is worth a look.
    Warning,
}
