//! The four upgrades, and how each must end by the workflow's table.

use std::collections::BTreeMap;

use serde_json::Value;

/// The image that all are upgraded to, on the simulator's firmware host.
pub const IMAGE: &str = "/images/tpvm_x86_64-4.2.5-0.amd64.deb";
pub const FIRMWARE_HOST: &str = "10.31.2.50";
const UNREGISTERED_HOST: &str = "10.31.2.99";

/// The commands that change a device or EFA, as the simulator counts them.
const DISRUPTIVE: [&str; 4] = ["deploy", "tpvm-upgrade", "tpvm-revert", "efa-redeploy"];

/// The simulator's fleet: one EFA deployment of two nodes for each case, in the cases' order.
pub const FLEET: &str = r#"
[[deployment]]
name = "normal-upgrade"

[[deployment]]
name = "node-replacement"
standby = "replaced"

[[deployment]]
name = "failed-redeploy"
faults = [{ kind = "redeploy-fails", times = 1 }]

[[deployment]]
name = "refused"
"#;

/// One upgrade: of the standby node of the deployment of the same name.
pub struct Case {
    pub name: &'static str,
    pub about: &'static str,
    pub firmware_host: &'static str,
    /// More for `tpvm-upgrade execute`.
    pub arguments: &'static [&'static str],
    update_state: &'static str,
    verdict: &'static str,
    failed_state: &'static str,
    /// The states it leaves, with their outcomes, until the workflow is finished.
    way: &'static [(&'static str, &'static str)],
    /// Which disruptive commands take effect, each exactly once.
    commands: &'static [&'static str],
}

pub const CASES: [Case; 4] = [
    Case {
        name: "normal-upgrade",
        about: "completes",
        firmware_host: FIRMWARE_HOST,
        arguments: &[],
        update_state: "Completed",
        verdict: "succeeded",
        failed_state: "",
        way: &[
            ("workflow-started", "success"),
            ("device-validation", "success"),
            ("tpvm-config-validation", "success"),
            ("tpvm-upgrade", "success"),
            ("efa-deploy-peer-and-rejoin", "success"),
        ],
        commands: &["tpvm-upgrade", "efa-redeploy"],
    },
    Case {
        name: "node-replacement",
        about: "completes: the switch came without TPVM",
        firmware_host: FIRMWARE_HOST,
        // The EFA DB doesn't keep the password of the trusted peer.
        arguments: &["--trusted-peer-password-secret", "trusted-peer-password"],
        update_state: "Completed",
        verdict: "succeeded",
        failed_state: "",
        way: &[
            ("workflow-started", "success"),
            ("device-validation", "success"),
            ("tpvm-config-validation", "success"),
            ("tpvm-configuration", "success"),
            ("tpvm-installation", "success"),
            ("efa-deploy-peer-and-rejoin", "success"),
        ],
        commands: &["deploy", "efa-redeploy"],
    },
    Case {
        name: "failed-redeploy",
        about: "is reverted: EFA can't be deployed on the upgraded TPVM",
        firmware_host: FIRMWARE_HOST,
        arguments: &[],
        update_state: "Failed",
        verdict: "reverted",
        failed_state: "efa-deploy-peer-and-rejoin-failed",
        way: &[
            ("workflow-started", "success"),
            ("device-validation", "success"),
            ("tpvm-config-validation", "success"),
            ("tpvm-upgrade", "success"),
            ("efa-deploy-peer-and-rejoin", "failure"),
            ("tpvm-revert", "success"),
        ],
        commands: &["tpvm-upgrade", "efa-redeploy", "tpvm-revert"],
    },
    Case {
        name: "refused",
        about: "is refused by validation: nobody knows the firmware host",
        firmware_host: UNREGISTERED_HOST,
        arguments: &[],
        update_state: "Failed",
        verdict: "failed",
        failed_state: "device-validation-failed",
        way: &[
            ("workflow-started", "success"),
            ("device-validation", "failure"),
        ],
        commands: &[],
    },
];

impl Case {
    /// What is not as it must be. `shown` is the upgrade as `tpvm-upgrade show` has it, `effects`
    /// what the simulator counted at the switch and at the deployment.
    pub fn differences(&self, shown: &Value, effects: &BTreeMap<String, u64>) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, found: String, wanted: String| {
            if found != wanted {
                differences.push(format!("{what} is {found:?} instead of {wanted:?}"));
            }
        };
        for (field, wanted) in [
            ("update_state", self.update_state),
            ("verdict", self.verdict),
            ("failed_state", self.failed_state),
        ] {
            compare(field, text(&shown[field]), wanted.to_owned());
        }
        let rows = shown["history"].as_array().map_or(&[][..], Vec::as_slice);
        let found = rows
            .iter()
            .map(|row| (text(&row["state"]), text(&row["outcome"])));
        let wanted = self.way.iter();
        let wanted = wanted.map(|(state, outcome)| ((*state).to_owned(), (*outcome).to_owned()));
        compare("its way", way(found), way(wanted));
        let end = rows.last().map(|row| text(&row["next_state"]));
        compare(
            "its end",
            end.unwrap_or_default(),
            "workflow-finished".to_owned(),
        );
        for command in DISRUPTIVE {
            let found = effects.get(command).copied().unwrap_or_default();
            let wanted = u64::from(self.commands.contains(&command));
            compare(
                &format!("the number of {command}"),
                found.to_string(),
                wanted.to_string(),
            );
        }
        differences
    }
}

/// A text in JSON as it is, anything else as JSON writes it.
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn way(steps: impl Iterator<Item = (String, String)>) -> String {
    let steps: Vec<_> = steps
        .map(|(state, outcome)| format!("{state} {outcome}"))
        .collect();
    steps.join(", ")
}
