//! The ways in which each state can be made to fail for good.

use schemas::{Case, State};
use simulator::{CALLS, Fault, FaultKind, Tagged};

/// A way to fail.
#[derive(Clone, Debug)]
pub struct Way {
    /// What goes wrong, at the call of the device or of EFA.
    pub faults: Vec<Fault>,
    /// What the cause in the ledger names.
    pub cause: &'static str,
    /// The state's command takes effect, and the state fails nevertheless.
    pub carried_out: bool,
}

/// Every way in which a state fails by itself. Those that only the state's deadline ends are in
/// [`endless`].
pub fn ways(state: State, case: Case) -> Vec<Way> {
    match state {
        State::WorkflowStarted | State::WorkflowFinished => Vec::new(),
        State::DeviceValidation => vec![
            nothing_done("show-version", FaultKind::Refuse(None), "refused"),
            nothing_done("show-version", FaultKind::Garbage, "not understood"),
            nothing_done(
                "show-version",
                FaultKind::LostBeforeEffect,
                "tried 11 times",
            ),
            nothing_done(
                "ssh-login",
                FaultKind::Refuse(None),
                "did not take the login",
            ),
            nothing_done("efa-status", FaultKind::Garbage, "/monitor/status/efa"),
        ],
        State::TpvmConfigValidation => {
            let call = "show-running-config-tpvm";
            vec![
                nothing_done(call, FaultKind::Refuse(None), "refused"),
                nothing_done(call, FaultKind::Garbage, "not understood"),
                nothing_done(call, FaultKind::LostBeforeEffect, "tried 11 times"),
            ]
        }
        State::TpvmConfiguration => {
            let refused =
                config_lines().map(|call| nothing_done(call, FaultKind::Refuse(None), "refused"));
            let ignored = FaultKind::AcceptWithoutEffect;
            let ignored = nothing_done("config:timezone", ignored, "shows another one");
            refused.chain([ignored]).collect()
        }
        State::TpvmInstallation => vec![
            nothing_done("deploy", FaultKind::Refuse(None), "refused"),
            nothing_done("deploy", FaultKind::AcceptWithoutEffect, "no effect"),
            nothing_done("deploy", FaultKind::LostBeforeEffect, "no effect"),
            // Counted by the device as carried out, also where the installation then fails.
            carried_out("deploy", FaultKind::InstallFails(tagged()), TAGGED),
            carried_out("deploy", wrong_version(), "installed TPVM 4.9.9"),
            carried_out("deploy", changed_ip(), "10.20.9.9"),
            nothing_done("show-tpvm-snapshot", FaultKind::Garbage, "not understood"),
        ],
        State::TpvmUpgrade => vec![
            nothing_done("tpvm-upgrade", FaultKind::Refuse(None), "refused"),
            nothing_done("tpvm-upgrade", FaultKind::AcceptWithoutEffect, "no effect"),
            nothing_done("tpvm-upgrade", FaultKind::LostBeforeEffect, "no effect"),
            carried_out("tpvm-upgrade", FaultKind::UpgradeFails(tagged()), TAGGED),
            carried_out("tpvm-upgrade", wrong_version(), "runs 4.9.9"),
            carried_out("tpvm-upgrade", changed_ip(), "10.20.9.9"),
            nothing_done(
                "show-running-config-tpvm",
                FaultKind::NodeGoesActive,
                "only a standby",
            ),
        ],
        State::EfaDeployPeerAndRejoin => {
            let fails = FaultKind::RedeployFails("peer unreachable".to_owned());
            let mut ways = vec![carried_out("efa-redeploy", fails, "peer unreachable")];
            let command = match case {
                Case::NormalUpgrade => "tpvm-upgrade",
                Case::NodeReplacement => "deploy",
            };
            ways.push(nothing_done(
                command,
                FaultKind::NodeGoesActive,
                "only a standby",
            ));
            ways
        }
        State::TpvmRevert => {
            let refused = |text: &str| FaultKind::Refuse(Some(text.to_owned()));
            vec![
                nothing_done("tpvm-revert", FaultKind::Refuse(None), "refused"),
                nothing_done(
                    "tpvm-revert",
                    refused("no snapshot to revert to"),
                    "no snapshot",
                ),
                nothing_done(
                    "tpvm-revert",
                    refused("another TPVM operation is in progress"),
                    "busy",
                ),
                nothing_done("tpvm-revert", FaultKind::AcceptWithoutEffect, "no effect"),
                nothing_done("tpvm-revert", FaultKind::LostBeforeEffect, "no effect"),
                carried_out("tpvm-revert", FaultKind::RevertFails(tagged()), TAGGED),
                carried_out("tpvm-revert", wrong_version(), "runs 4.9.9"),
                carried_out("tpvm-revert", changed_ip(), "10.20.9.9"),
            ]
        }
    }
}

/// Every way in which only the deadline ends a state.
pub fn endless(state: State, case: Case) -> Vec<Way> {
    let late = "did not end within";
    match state {
        State::WorkflowStarted | State::WorkflowFinished => Vec::new(),
        // They wait for nothing but a device that is busy by another's hand.
        State::DeviceValidation | State::TpvmConfigValidation => Vec::new(),
        State::TpvmConfiguration => {
            vec![nothing_done(
                "config:timezone",
                FaultKind::LostBeforeEffect,
                late,
            )]
        }
        State::TpvmInstallation => vec![carried_out("deploy", FaultKind::NeverEnds, late)],
        State::TpvmUpgrade => vec![carried_out("tpvm-upgrade", FaultKind::NeverEnds, late)],
        State::TpvmRevert => vec![carried_out("tpvm-revert", FaultKind::NeverEnds, late)],
        State::EfaDeployPeerAndRejoin => {
            let _ = case;
            vec![
                nothing_done("efa-redeploy", FaultKind::Refuse(None), late),
                nothing_done("efa-redeploy", FaultKind::LostBeforeEffect, late),
                nothing_done("efa-redeploy", FaultKind::AcceptWithoutEffect, late),
                carried_out("efa-redeploy-status", FaultKind::Garbage, late),
                carried_out("efa-redeploy-status", FaultKind::LostBeforeEffect, late),
            ]
        }
    }
}

/// The calls that write a line of the TPVM's configuration.
pub fn config_lines() -> impl Iterator<Item = &'static str> {
    CALLS
        .iter()
        .copied()
        .filter(|call| call.starts_with("config:"))
}

const TAGGED: &str = "something is damaged";

fn tagged() -> Tagged {
    Tagged::new(TAGGED)
}

fn wrong_version() -> FaultKind {
    FaultKind::WrongVersion("4.9.9".to_owned())
}

fn changed_ip() -> FaultKind {
    FaultKind::ChangedIp([10, 20, 9, 9].into())
}

fn nothing_done(on: &str, kind: FaultKind, cause: &'static str) -> Way {
    Way {
        faults: vec![Fault::new(on, kind)],
        cause,
        carried_out: false,
    }
}

fn carried_out(on: &str, kind: FaultKind, cause: &'static str) -> Way {
    Way {
        carried_out: true,
        ..nothing_done(on, kind, cause)
    }
}
