//! The fleet file: TOML that says how each deployment differs from the formula.

use serde::Deserialize;

use super::{DeploymentOptions, Fleet};

/// A fleet file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FleetFileError {
    /// Not TOML, an unknown key, an unknown kind of fault or a fault of an unknown command.
    #[error("the fleet file is not valid")]
    Invalid(#[from] toml::de::Error),
    /// A fault names a third node.
    #[error(
        "deployment {deployment} has a switch fault with node = {node}; use 0 (active) or 1 (standby)"
    )]
    NoSuchNode {
        /// The number of the deployment in the file, from 1.
        deployment: usize,
        /// The node named.
        node: usize,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    deployment: Vec<DeploymentOptions>,
}

impl Fleet {
    /// Reads a fleet file: `[[deployment]]` tables with the keys of [`DeploymentOptions`].
    pub fn from_toml(text: &str) -> Result<Self, FleetFileError> {
        let file: File = toml::from_str(text)?;
        for (index, deployment) in file.deployment.iter().enumerate() {
            if let Some(fault) = deployment.switch_faults.iter().find(|fault| fault.node > 1) {
                return Err(FleetFileError::NoSuchNode {
                    deployment: index + 1,
                    node: fault.node,
                });
            }
        }
        Ok(Self::with(&file.deployment))
    }
}
