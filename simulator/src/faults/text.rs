//! A fault as the fleet file and the control API write it: one flat table.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{Fault, FaultKind, Tagged, calls};

/// `{ kind = "slow", on = "show-version", duration = "2s", times = 1 }`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FaultText {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    since: Vec<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    after: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl TryFrom<FaultText> for Fault {
    type Error = String;

    fn try_from(text: FaultText) -> Result<Self, String> {
        let missing = |key: &str| format!("a fault of kind {:?} needs the key {key:?}", text.kind);
        let tagged = |default: &str| Tagged {
            tag: text.tag.clone(),
            text: text.text.clone().unwrap_or_else(|| default.to_owned()),
        };
        let (kind, usual) = match text.kind.as_str() {
            "refuse" => (FaultKind::Refuse(text.text.clone()), None),
            "accept-without-effect" => (FaultKind::AcceptWithoutEffect, None),
            "apply-reply-lost" => (FaultKind::ApplyReplyLost, None),
            "lost-before-effect" => (FaultKind::LostBeforeEffect, None),
            "slow" => {
                let duration = text
                    .duration
                    .as_deref()
                    .ok_or_else(|| missing("duration"))?;
                let duration = humantime::parse_duration(duration)
                    .map_err(|error| format!("duration {duration:?}: {error}"))?;
                (FaultKind::Slow(duration), None)
            }
            "garbage" => (FaultKind::Garbage, None),
            "says" => {
                let words = text.text.clone().ok_or_else(|| missing("text"))?;
                (FaultKind::Says(words), None)
            }
            "truncated" => (FaultKind::Truncated, None),
            "page" => {
                let status = text.status.ok_or_else(|| missing("status"))?;
                let page = text.text.clone().ok_or_else(|| missing("text"))?;
                (FaultKind::Page(status, page), None)
            }
            "drop-after-bytes" => {
                let bytes = text.bytes.ok_or_else(|| missing("bytes"))?;
                (FaultKind::DropAfterBytes(bytes), None)
            }
            "wrong-version" => {
                let version = text.version.clone().ok_or_else(|| missing("version"))?;
                (FaultKind::WrongVersion(version), Some("tpvm-upgrade"))
            }
            "changed-ip" => {
                let ip = text.ip.ok_or_else(|| missing("ip"))?;
                (FaultKind::ChangedIp(ip), Some("tpvm-upgrade"))
            }
            "never-ends" => (FaultKind::NeverEnds, Some("tpvm-upgrade")),
            "upgrade-fails" => (
                FaultKind::UpgradeFails(tagged("failed to unpack the image")),
                Some("tpvm-upgrade"),
            ),
            "install-fails" => (
                FaultKind::InstallFails(tagged("ADVANCED_FEATURES license is missing.")),
                Some("deploy"),
            ),
            "revert-fails" => (
                FaultKind::RevertFails(tagged("failed to restore the snapshot")),
                Some("tpvm-revert"),
            ),
            "node-goes-active" => (FaultKind::NodeGoesActive, Some("show-version")),
            "redeploy-fails" => {
                let message = text.text.clone();
                let message =
                    message.unwrap_or_else(|| "EFA deployment failed on the peer".to_owned());
                (FaultKind::RedeployFails(message), Some("efa-redeploy"))
            }
            "stale-status" => (FaultKind::StaleStatus, Some("efa-status")),
            other => return Err(format!("no kind of fault is called {other:?}")),
        };
        let on = text.on.clone().or_else(|| usual.map(str::to_owned));
        let on = on.ok_or_else(|| missing("on"))?;
        for call in std::iter::once(&on).chain(&text.since) {
            calls::check(call).map_err(|error| error.to_string())?;
        }
        if matches!(kind, FaultKind::Page(..)) && !on.starts_with("efa-") {
            return Err(format!(
                "a page is an answer of EFA, and {on} is none of its calls"
            ));
        }
        Ok(Self {
            on,
            kind,
            since: text.since.clone(),
            after: text.after,
            times: text.times,
        })
    }
}

impl From<Fault> for FaultText {
    fn from(fault: Fault) -> Self {
        let mut text = Self {
            on: Some(fault.on),
            since: fault.since,
            after: fault.after,
            times: fault.times,
            ..Self::default()
        };
        let mut tagged = |failure: Tagged| {
            text.tag = failure.tag;
            text.text = Some(failure.text);
        };
        let kind = match fault.kind {
            FaultKind::Refuse(message) => {
                text.text = message;
                "refuse"
            }
            FaultKind::AcceptWithoutEffect => "accept-without-effect",
            FaultKind::ApplyReplyLost => "apply-reply-lost",
            FaultKind::LostBeforeEffect => "lost-before-effect",
            FaultKind::Slow(duration) => {
                text.duration = Some(humantime::format_duration(duration).to_string());
                "slow"
            }
            FaultKind::Garbage => "garbage",
            FaultKind::Says(words) => {
                text.text = Some(words);
                "says"
            }
            FaultKind::Truncated => "truncated",
            FaultKind::Page(status, page) => {
                text.status = Some(status);
                text.text = Some(page);
                "page"
            }
            FaultKind::DropAfterBytes(bytes) => {
                text.bytes = Some(bytes);
                "drop-after-bytes"
            }
            FaultKind::WrongVersion(version) => {
                text.version = Some(version);
                "wrong-version"
            }
            FaultKind::ChangedIp(ip) => {
                text.ip = Some(ip);
                "changed-ip"
            }
            FaultKind::NeverEnds => "never-ends",
            FaultKind::UpgradeFails(failure) => {
                tagged(failure);
                "upgrade-fails"
            }
            FaultKind::InstallFails(failure) => {
                tagged(failure);
                "install-fails"
            }
            FaultKind::RevertFails(failure) => {
                tagged(failure);
                "revert-fails"
            }
            FaultKind::NodeGoesActive => "node-goes-active",
            FaultKind::RedeployFails(message) => {
                text.text = Some(message);
                "redeploy-fails"
            }
            FaultKind::StaleStatus => "stale-status",
        };
        text.kind = kind.to_owned();
        text
    }
}
