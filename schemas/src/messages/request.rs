//! The upgrade request, as EFA and the command line publish it.

use std::net::IpAddr;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{Message, V1};
use crate::values::{ImagePath, Requester, SecretName, UserName, address};

/// Asks for the TPVM of one device to be upgraded. The parameters are the vendor's
/// (`POST /switch/tpvm-upgrade/execute`), except that a password never travels: only the name
/// under which workers find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = refuse_clear_text)]
pub struct UpgradeRequest {
    /// Always 1.
    pub version: V1,
    /// Chosen by the requester. The same id again is the same request: it is answered with the
    /// same execution and not carried out twice.
    #[serde(deserialize_with = "super::fields::id")]
    #[schemars(with = "super::fields::Id")]
    pub request_id: Uuid,
    /// The management address of the switch.
    #[serde(deserialize_with = "address::required")]
    #[schemars(with = "address::Address")]
    pub ip_address: IpAddr,
    /// The registered firmware host that serves the image.
    #[serde(deserialize_with = "address::required")]
    #[schemars(with = "address::Address")]
    pub firmware_host: IpAddr,
    /// The image's absolute path on the firmware host.
    pub tpvm_image: ImagePath,
    /// Who asks, for the records.
    pub requested_by: Requester,
    /// The sudo user on the trusted peer; `extreme` if absent while a password is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_peer_sudo_user: Option<UserName>,
    /// The name of the secret that holds the trusted peer's password: one of those that the
    /// inventory allows for the device's EFA deployment (`trusted_peer_secrets`). The vendor's
    /// field `trusted_peer_password`, which holds the password itself, is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_peer_password_secret: Option<SecretName>,
    /// What departs from the default way.
    #[serde(default)]
    pub options: Options,
}

/// What departs from the default way of an upgrade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Options {
    /// Upgrade even if the TPVM already runs the target version, to an older version, or to an
    /// image whose name tells no version.
    #[serde(default)]
    pub force: bool,
    /// Have EFA remove all its application data on the peer before it is deployed there.
    #[serde(default)]
    pub clean_redeploy: bool,
}

/// The vendor's `trusted_peer_password`, however a program spells it.
const CLEAR_TEXT_PASSWORDS: [&str; 6] = [
    "trusted_peer_password",
    "trusted-peer-password",
    "trustedPeerPassword",
    "TrustedPeerPassword",
    "trustedpeerpassword",
    "TRUSTED_PEER_PASSWORD",
];

fn refuse_clear_text(schema: &mut Schema) {
    let pattern = format!("^({})$", CLEAR_TEXT_PASSWORDS.join("|"));
    schema.insert("patternProperties".to_owned(), json!({ pattern: false }));
}

impl Message for UpgradeRequest {
    const TYPE: &'static str = "upgrade-request";

    /// The vendor's own API has the password itself here.
    fn instead_of(field: &str) -> Option<&'static str> {
        CLEAR_TEXT_PASSWORDS
            .contains(&field)
            .then_some("trusted_peer_password_secret")
    }
}
