//! What a test sees and sets of one switch or deployment.

mod deployment;
mod switch;

pub use self::deployment::{DeploymentChange, DeploymentHandle, DeploymentState, NodeState};
pub use self::switch::{InvalidChange, SwitchChange, SwitchHandle, SwitchState};
