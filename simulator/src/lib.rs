//! The other side of a TPVM upgrade, for demonstrations and tests: SLX switches over real SSH and
//! EFA deployments over real HTTPS, with faults on demand and books of what was received and done.

mod control;
mod counters;
mod efa;
mod faults;
mod fleet;
mod handles;
mod http;
mod identity;
mod inventory;
mod settings;
mod simulator;
mod switch;
mod wire;

pub use counters::{CallRecord, Counts};
pub use faults::{CALLS, Fault, FaultKind, Tagged, UnknownCall};
pub use fleet::{
    Credentials, DeploymentOptions, DeploymentSpec, FIRMWARE_HOST, FirmwareHost, Fleet,
    FleetFileError, NodeFault, Standby, SwitchSpec,
};
pub use handles::{
    DeploymentChange, DeploymentHandle, DeploymentState, InvalidChange, NodeState, SwitchChange,
    SwitchHandle, SwitchState,
};
pub use identity::IdentityError;
pub use settings::{Listen, Settings};
pub use simulator::{Files, Simulator, SimulatorError};
pub use switch::config::{Dns, Interface, Ldap, LdapCaCert, TpvmConfig, TrustedPeer};
pub use switch::login::Login;
pub use switch::profile::Profile;
