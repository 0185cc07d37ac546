//! The names of commands and endpoints, for faults and counters.

/// Every command and endpoint that faults and counters know.
pub const CALLS: &[&str] = &[
    "ssh-login",
    "show-version",
    "show-chassis",
    "show-tpvm-status",
    "show-tpvm-version",
    "show-tpvm-ip-address",
    "show-tpvm-snapshot",
    "show-running-config-tpvm",
    "terminal-length",
    "terminal-monitor",
    "tpvm-upgrade",
    "tpvm-revert",
    "tpvm-start",
    "tpvm-stop",
    "tpvm-clear-tag",
    "configure-terminal",
    "config:tpvm",
    "config:password",
    "config:interface-management",
    "config:interface-insight",
    "config:auto-boot",
    "config:hostname",
    "config:timezone",
    "config:dns",
    "config:ntp",
    "config:ldap",
    "config:ldap-ca-cert",
    "config:trusted-peer",
    "deploy",
    "end",
    "exit",
    "unknown",
    "efa-token",
    "efa-token-refresh",
    "efa-status",
    "efa-deployment",
    "efa-redeploy",
    "efa-redeploy-status",
    "efa-active-tpvm-reboot",
];

/// A fault names a command or endpoint that doesn't exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no command or endpoint is called {name:?}; there are: {}", CALLS.join(", "))]
pub struct UnknownCall {
    /// The name given.
    pub name: String,
}

pub(super) fn check(name: &str) -> Result<(), UnknownCall> {
    if CALLS.contains(&name) {
        Ok(())
    } else {
        Err(UnknownCall {
            name: name.to_owned(),
        })
    }
}
