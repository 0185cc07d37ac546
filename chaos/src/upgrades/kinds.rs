//! The kinds of upgrade, and how each must end by the workflow's table.

use simulator::{Fault, FaultKind, Tagged};

/// The commands that change a device or EFA, as the simulator counts them, with the state that
/// sends each.
pub const DISRUPTIVE: [(&str, &str); 4] = [
    ("tpvm-upgrade", "tpvm-upgrade"),
    ("deploy", "tpvm-installation"),
    ("tpvm-revert", "tpvm-revert"),
    ("efa-redeploy", "efa-deploy-peer-and-rejoin"),
];

/// What the standby's switch is like before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// A TPVM older than the image runs.
    Older,
    /// A TPVM of the image's version runs.
    UpToDate,
    /// A TPVM newer than the image runs.
    Newer,
    /// It was replaced: no TPVM, no configuration, an image.
    Replaced,
}

/// One kind of upgrade.
pub struct Kind {
    pub name: &'static str,
    /// How many of a hundred upgrades are of this kind.
    pub share: u32,
    pub device: Device,
    /// Whether the request names a firmware host that nobody knows.
    pub unknown_host: bool,
    /// What goes wrong at the switch and at EFA.
    pub faults: fn() -> Vec<Fault>,
    pub verdict: &'static str,
    pub failed_state: Option<&'static str>,
    /// The states it leaves after the first, with their outcomes.
    pub way: &'static [(&'static str, &'static str)],
    /// How often each of [`DISRUPTIVE`] takes effect.
    pub effects: [u64; 4],
}

const VALID: (&str, &str) = ("device-validation", "success");
const DECIDED: (&str, &str) = ("tpvm-config-validation", "success");
const UPGRADED: (&str, &str) = ("tpvm-upgrade", "success");
const NOT_UPGRADED: (&str, &str) = ("tpvm-upgrade", "failure");
const CONFIGURED: (&str, &str) = ("tpvm-configuration", "success");
const INSTALLED: (&str, &str) = ("tpvm-installation", "success");
const REJOINED: (&str, &str) = ("efa-deploy-peer-and-rejoin", "success");
const NOT_REJOINED: (&str, &str) = ("efa-deploy-peer-and-rejoin", "failure");
const REVERTED: (&str, &str) = ("tpvm-revert", "success");
const NOT_REVERTED: (&str, &str) = ("tpvm-revert", "failure");

/// What completes, to be varied.
const NORMAL: Kind = Kind {
    name: "normal upgrade",
    share: 30,
    device: Device::Older,
    unknown_host: false,
    faults: Vec::new,
    verdict: "succeeded",
    failed_state: None,
    way: &[VALID, DECIDED, UPGRADED, REJOINED],
    effects: [1, 0, 0, 1],
};
const REPLACEMENT: Kind = Kind {
    name: "node replacement",
    share: 18,
    device: Device::Replaced,
    way: &[VALID, DECIDED, CONFIGURED, INSTALLED, REJOINED],
    effects: [0, 1, 0, 1],
    ..NORMAL
};
const REVERTING: Kind = Kind {
    name: "upgrade fails",
    share: 8,
    faults: || {
        vec![Fault::new(
            "tpvm-upgrade",
            FaultKind::UpgradeFails(Tagged::new("failed to unpack the image")),
        )]
    },
    verdict: "reverted",
    failed_state: Some("tpvm-upgrade"),
    way: &[VALID, DECIDED, NOT_UPGRADED, REVERTED],
    effects: [1, 0, 1, 0],
    ..NORMAL
};

/// Every kind.
pub const KINDS: [Kind; 15] = [
    NORMAL,
    REPLACEMENT,
    REVERTING,
    Kind {
        name: "wrong version after the upgrade",
        share: 3,
        faults: || {
            vec![Fault::new(
                "tpvm-upgrade",
                FaultKind::WrongVersion("4.9.9".to_owned()),
            )]
        },
        ..REVERTING
    },
    Kind {
        name: "redeploy fails",
        share: 5,
        faults: || vec![redeploy_fails()],
        failed_state: Some("efa-deploy-peer-and-rejoin"),
        way: &[VALID, DECIDED, UPGRADED, NOT_REJOINED, REVERTED],
        effects: [1, 0, 1, 1],
        ..REVERTING
    },
    Kind {
        name: "revert fails",
        share: 4,
        faults: || {
            let broken = FaultKind::RevertFails(Tagged::new("the snapshot is damaged"));
            vec![redeploy_fails(), Fault::new("tpvm-revert", broken)]
        },
        verdict: "revert-failed",
        failed_state: Some("tpvm-revert"),
        way: &[VALID, DECIDED, UPGRADED, NOT_REJOINED, NOT_REVERTED],
        effects: [1, 0, 1, 1],
        ..NORMAL
    },
    Kind {
        name: "nothing to do",
        share: 4,
        device: Device::UpToDate,
        effects: [0; 4],
        ..NORMAL
    },
    Kind {
        name: "configuration is refused",
        share: 3,
        faults: || vec![Fault::new("config:timezone", FaultKind::Refuse(None))],
        verdict: "failed",
        failed_state: Some("tpvm-configuration"),
        way: &[VALID, DECIDED, ("tpvm-configuration", "failure")],
        effects: [0; 4],
        ..REPLACEMENT
    },
    Kind {
        name: "installation fails",
        share: 3,
        faults: || {
            vec![Fault::new(
                "deploy",
                FaultKind::InstallFails(Tagged::new("ADVANCED_FEATURES license is missing.")),
            )]
        },
        verdict: "failed",
        failed_state: Some("tpvm-installation"),
        way: &[VALID, DECIDED, CONFIGURED, ("tpvm-installation", "failure")],
        effects: [0, 1, 0, 0],
        ..REPLACEMENT
    },
    Kind {
        name: "replacement's redeploy fails",
        share: 3,
        faults: || vec![redeploy_fails()],
        verdict: "failed",
        failed_state: Some("efa-deploy-peer-and-rejoin"),
        way: &[VALID, DECIDED, CONFIGURED, INSTALLED, NOT_REJOINED],
        ..REPLACEMENT
    },
    Kind {
        name: "unknown firmware host",
        share: 4,
        unknown_host: true,
        verdict: "failed",
        failed_state: Some("device-validation"),
        way: &[("device-validation", "failure")],
        effects: [0; 4],
        ..NORMAL
    },
    Kind {
        name: "older image",
        share: 4,
        device: Device::Newer,
        verdict: "failed",
        failed_state: Some("tpvm-config-validation"),
        way: &[VALID, ("tpvm-config-validation", "failure")],
        effects: [0; 4],
        ..NORMAL
    },
    Kind {
        name: "answers lost",
        share: 6,
        faults: || ["tpvm-upgrade", "efa-redeploy"].map(answer_lost).to_vec(),
        ..NORMAL
    },
    Kind {
        name: "replacement's answers lost",
        share: 3,
        faults: || {
            ["config:hostname", "deploy", "efa-redeploy"]
                .map(answer_lost)
                .to_vec()
        },
        ..REPLACEMENT
    },
    Kind {
        name: "command lost",
        share: 2,
        faults: || vec![Fault::new("tpvm-upgrade", FaultKind::LostBeforeEffect).once()],
        ..NORMAL
    },
];

fn redeploy_fails() -> Fault {
    let message = "the peer can't be reached".to_owned();
    Fault::new("efa-redeploy", FaultKind::RedeployFails(message))
}

fn answer_lost(command: &str) -> Fault {
    Fault::new(command, FaultKind::ApplyReplyLost).once()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_of_a_hundred() {
        assert_eq!(KINDS.iter().map(|kind| kind.share).sum::<u32>(), 100);
    }
}
