//! The seven acting states. Each file reads as the vendor's table describes its state.

mod command;
mod device_validation;
mod efa_deploy_peer_and_rejoin;
mod peer;
mod tpvm_config_validation;
mod tpvm_configuration;
mod tpvm_installation;
mod tpvm_revert;
mod tpvm_upgrade;

use schemas::State;

pub use tpvm_revert::RESTORE_BY_HAND;

use crate::context::Context;
use crate::outcome::{Performed, Setback};

/// Performs the action of a step's state.
pub async fn perform(context: &Context<'_>) -> Performed {
    match context.state() {
        State::DeviceValidation => device_validation::perform(context).await,
        State::TpvmConfigValidation => tpvm_config_validation::perform(context).await,
        State::TpvmConfiguration => tpvm_configuration::perform(context).await,
        State::TpvmInstallation => tpvm_installation::perform(context).await,
        State::TpvmUpgrade => tpvm_upgrade::perform(context).await,
        State::TpvmRevert => tpvm_revert::perform(context).await,
        State::EfaDeployPeerAndRejoin => efa_deploy_peer_and_rejoin::perform(context).await,
        state @ (State::WorkflowStarted | State::WorkflowFinished) => Err(Setback::failed(
            format!("nobody acts in {state}"),
            "report this: the ledger holds a step that can't exist",
        )),
    }
}
