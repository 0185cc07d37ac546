//! What differs from the tests' usual timing.

/// Many upgrades at once, on a machine that may have other things to do: no bound is the reason of
/// anything.
pub const PATIENT: &str = r#"
[worker]
claim = "5s"
concurrency = 8
[slx]
connect_timeout = "60s"
command_timeout = "8s"
[efa]
connect_timeout = "30s"
request_timeout = "8s"
[timing]
settle = "11s"
validation_deadline = "10m"
configuration_deadline = "10m"
installation_deadline = "10m"
upgrade_deadline = "10m"
revert_deadline = "10m"
redeploy_deadline = "10m"
"#;

/// One upgrade, whose worker dies: the next one gets its claim soon.
pub const PATIENT_AND_QUICK: &str = r#"
[slx]
connect_timeout = "30s"
[timing]
settle = "4s"
validation_deadline = "10m"
configuration_deadline = "10m"
installation_deadline = "10m"
upgrade_deadline = "10m"
revert_deadline = "10m"
redeploy_deadline = "10m"
"#;

/// The deadlines of what can be made to last for ever come soon.
pub const SHORT_DEADLINES: &str = r#"
[slx]
connect_timeout = "30s"
[timing]
settle = "4s"
validation_deadline = "10m"
configuration_deadline = "20s"
installation_deadline = "20s"
upgrade_deadline = "20s"
revert_deadline = "20s"
redeploy_deadline = "20s"
"#;
